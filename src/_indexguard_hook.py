"""The guard's first half: loaded at every start of Python by `indexguard.pth`, it waits for pip.

Every Python process pays for this module, so it imports nothing but `sys`, reads no file and no environment variable,
and does nothing but put one finder into `sys.meta_path`. When pip's own modules are imported, the other half
(`indexguard.inpip`) is loaded from beside this file and takes over.

It cannot fail outside pip. Inside pip, if the other half cannot run, pip's package finder refuses to work; everything
else of pip (`pip --version`, `pip list`, `pip uninstall`) goes on, so that the environment can be repaired.
"""

# No `from __future__ import annotations`: that is an import like any other, and would be the second module at start-up.
import sys

TYPE_CHECKING = False  # what type checkers take for typing.TYPE_CHECKING; typing itself costs a bare start of Python
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# Matched as suffixes: `pipenv.patched.pip._internal...` is a pip too. `pip` itself is not watched, because pip's own
# runner for build dependencies (`__pip-runner__`, pip 22.3 and later) answers for that name before anybody else.
_FINDER = "pip._internal.index.package_finder"
_MAIN_PARSER = "pip._internal.cli.main_parser"
_BASE_COMMAND = "pip._internal.cli.base_command"
_OLD_FINDERS = ("pip._internal.index", "pip.index")  # where PackageFinder was in pip 10-19 and before pip 10
_FIRST = "pip._internal"
# What makes virtual environments, which may get a path line to the guard; these are whole names.
_MAKERS = ("venv", "virtualenv.run.session")
_WATCHED = (_FINDER, _MAIN_PARSER, _BASE_COMMAND, *_OLD_FINDERS, _FIRST, *_MAKERS)

# Why the other half could not run (code, cause): the finder may be imported later than the module that showed it.
_failures: "list[tuple[str, str]]" = []

# What others may take out of `sys.modules`, or exchange, before pip is imported: ddtrace purges `importlib` and more, gevent
# and eventlet put greenlets in the place of threads and locks. importlib itself has loaded these two before this module.
_bootstrap: "Any" = sys.modules.get("_frozen_importlib")
threads = dict(vars(sys.modules["_thread"])) if "_thread" in sys.modules else {}
_own = sys.modules.get(__name__)
_kept: "dict[str, ModuleType]" = {}  # the other half, by the names of its modules


def install() -> None:
    """Watch for pip. May be called any number of times: pip's build isolation runs every .pth file two or three times."""
    for entry in sys.meta_path:
        if getattr(entry, "indexguard_hook", None) is True:
            return
    sys.meta_path.insert(0, Finder)
    # pip may be there already, when somebody calls this later than at start-up.
    for name in [name for name in sys.modules if name.endswith(_WATCHED)]:
        watched = _which(name)
        module = sys.modules.get(name)
        if watched and module is not None:
            _after_import(watched, module)


class Finder:
    """The entry of `sys.meta_path`; the class itself, because there is no state to keep."""

    indexguard_hook = True

    @staticmethod
    def find_spec(name: "str", path: "Sequence[str] | None" = None, target: "ModuleType | None" = None) -> "Any":
        """Return nothing for a name that is not watched; else the real spec, with a loader that activates the guard.

        Runs for every import of every process (140-270 ns), hence nothing before this comparison.
        """
        if not name.endswith(_WATCHED):
            return None
        watched = _which(name)
        if watched is None:
            return None
        if watched == _FIRST:
            _move_to_front()
            return None
        return _find_spec(watched, name, path, target)


def _which(name: "str") -> "str | None":
    """Return which of the watched modules this is, if any: `xpip._internal` is none, and `tool.venv` is none."""
    for watched in _WATCHED:
        if name == watched or (watched not in _MAKERS and name.endswith("." + watched)):
            return watched
    return None


def _move_to_front() -> None:
    # Others put their finders before ours after start-up; before pip's modules are looked up we go back to the front.
    # Moving is safe while importlib walks this list: it is past our old place, and what is before it has been asked.
    if sys.meta_path[0] is not Finder and Finder in sys.meta_path:
        sys.meta_path.remove(Finder)
        sys.meta_path.insert(0, Finder)


def _find_spec(
    watched: "str", name: "str", path: "Sequence[str] | None", target: "ModuleType | None"
) -> "ModuleSpec | None":
    # All other finders are asked, not only the path finder: pip may run from a wheel, a zipapp or an editable install.
    for entry in list(sys.meta_path):
        find_spec = getattr(entry, "find_spec", None)
        if entry is Finder or find_spec is None:
            continue
        spec = find_spec(name, path, target)
        if spec is not None:
            if spec.loader is not None and not isinstance(spec.loader, Loader):
                spec.loader = Loader(spec.loader, watched)
            return spec  # type: ignore[no-any-return]  # a finder returns what it likes
    return None


class Loader:
    """Stands before the real loader until the module has been executed.

    The real loader is not changed: zipimporter has no `exec_module` before Python 3.10 (so that setting one on the
    instance does nothing), and later one instance serves all modules of a zip file.
    """

    def __init__(self, real: "Any", watched: "str") -> None:
        self._real = real
        self._watched = watched

    def __getattr__(self, name: "str") -> "Any":
        # get_code, get_source, get_data, is_package ...: runpy, inspect and pkgutil ask the spec's loader.
        return getattr(self._real, name)

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        """Let the real loader create the module, if it wants to."""
        create_module = getattr(self._real, "create_module", None)
        return None if create_module is None else create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        """Execute the module with its real loader, then hand it to the guard."""
        # pip must not see that we were here.
        module.__loader__ = self._real
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        exec_module = getattr(self._real, "exec_module", None)
        if exec_module is not None:
            exec_module(module)
        else:
            exec(self._real.get_code(module.__name__), module.__dict__)  # noqa: S102  # what importlib itself does
        _after_import(self._watched, module)


def _after_import(watched: "str", module: "ModuleType") -> None:
    """Activate the guard on a pip module that has just been executed. Refuse in its place if that is not possible."""
    if watched in _MAKERS:
        _seed_from(module)
        return
    if watched == _FIRST or (watched in _OLD_FINDERS and not hasattr(module, "PackageFinder")):
        return
    if watched in _OLD_FINDERS:
        _failures.append(("pip-not-understood", "this pip is older than 20.3.4"))
    elif watched == _FINDER and not hasattr(module, "PackageFinder"):
        _failures.append(("pip-not-understood", "this pip has no class PackageFinder in " + module.__name__))
    else:
        try:
            _load_guard("indexguard.inpip").on_load(module)
        except Exception as error:  # noqa: BLE001  # whatever it is, pip must not go on unguarded
            cause = f"{type(error).__name__}: {error}"
            _failures.append((getattr(error, "code", "guard-broken"), cause))
    if _failures:
        _refuse(watched, module, *_failures[0])


def _seed_from(module: "ModuleType") -> None:
    """Have a module that makes virtual environments seed them. It is not pip: whatever is wrong, it goes on."""
    try:
        _load_guard("indexguard.activation.seeding").on_load(module)
    except Exception as error:  # noqa: BLE001
        if sys.stderr is not None:
            sys.stderr.write(f"indexguard: new environments are not seeded: {type(error).__name__}: {error}\n")


def _load_guard(name: "str") -> "Any":
    """Return a module of the guard, loaded from beside this file: sys.path, PYTHONPATH and the current folder play no part.

    Raises ImportError if another `indexguard` is in the way, and whatever the import raises.
    """
    import os

    # Not importlib.util: it may have been purged, and be half of one when it is imported again.
    external = sys.modules.get("_frozen_importlib_external") or _bootstrap._bootstrap_external  # noqa: SLF001
    reinstate()
    # The release itself, not the link to the current one: another may be activated while this pip runs.
    folder = os.path.join(os.path.realpath(_here()), "indexguard")
    init = os.path.join(folder, "__init__.py")
    package = sys.modules.get("indexguard")
    if package is None:
        spec = external.spec_from_file_location("indexguard", init, submodule_search_locations=[folder])
        if spec is None or spec.loader is None:
            raise ImportError("cannot load " + init)
        package = _bootstrap.module_from_spec(spec)
        sys.modules["indexguard"] = package
        try:
            spec.loader.exec_module(package)
        except BaseException:
            del sys.modules["indexguard"]
            raise
    elif not _is_same_file(getattr(package, "__file__", None), init):
        raise ImportError(
            "another module named indexguard is in the way: " + str(getattr(package, "__file__", package))
        )
    __import__(name)
    return sys.modules[name]


def keep() -> None:
    """Remember the modules of the other half: whoever purges `sys.modules` takes nothing from a pip that is guarded."""
    _kept.update((name, sys.modules[name]) for name in list(sys.modules) if name.partition(".")[0] == "indexguard")


def reinstate() -> None:
    """Put back what was purged: a second copy would know nothing of what the first one has wrapped."""
    for name, module in _kept.items():
        sys.modules.setdefault(name, module)
    if _own is not None:
        sys.modules.setdefault(__name__, _own)


def _here() -> "str":
    import os

    return os.path.dirname(os.path.abspath(__file__))


def _is_same_file(one: "str | None", other: "str") -> "bool":
    import os

    try:
        return one == other or (one is not None and os.path.samefile(one, other))
    except OSError:
        return False


def _refuse(watched: "str", module: "ModuleType", code: "str", cause: "str") -> None:
    """Replace what must not run unguarded in `module` by a function that raises pip's InstallationError.

    Raises ImportError if there is nothing to replace.
    """
    root = module.__name__[: len(module.__name__) - len(watched)] + "pip"
    text = explain(code, cause)

    def refuse(*_args: "Any", **_kwargs: "Any") -> "Any":
        _record(root, code, cause)
        raise _installation_error(root, watched)(text)

    if watched == _BASE_COMMAND:
        return
    if watched == _MAIN_PARSER:
        # `pip --python OTHER` (pip 22.3 and later) hands over to another process before the finder is imported.
        if hasattr(module, "identify_python_interpreter"):
            module.__dict__["identify_python_interpreter"] = refuse
        return
    # Without PackageFinder, every class that is defined there: one of them must be what looks for packages now.
    own = [it for it in vars(module).values() if isinstance(it, type) and it.__module__ == module.__name__]
    finder = getattr(module, "PackageFinder", None)
    for replaced in own if finder is None else [finder]:
        setattr(replaced, "__init__", refuse)  # noqa: B010  # mypy forbids the plain assignment
    if finder is None and not own:
        raise ImportError(text)


def _record(root: "str", code: "str", cause: "str") -> None:
    """Write the event of what keeps this pip from running guarded, if so much of the other half is whole."""
    # Another module may be in the way, or half of ours: it gets its place back.
    ours = [name for name in sys.modules if name.partition(".")[0] == "indexguard"]
    before = {name: sys.modules.pop(name) for name in ours}
    try:
        version = str(getattr(sys.modules.get(root), "__version__", "unknown"))
        _load_guard("indexguard.audit.failure").record_failure(version, code, cause)
    except Exception:  # noqa: BLE001, S110  # it is said to the user in any case
        pass
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "indexguard"]:
            del sys.modules[name]
        sys.modules.update(before)


def _installation_error(root: "str", watched: "str") -> "type[Exception]":
    # pip's main function prints this class as one clean message; pip imports it long before it looks for packages.
    exceptions = sys.modules.get(root + (".exceptions" if watched == "pip.index" else "._internal.exceptions"))
    return getattr(exceptions, "InstallationError", ImportError)


def explain_broken(error: "BaseException") -> "str":
    """Return what is said where a part of the guard is missing or broken: this file is whole."""
    return explain("guard-broken", type(error).__name__ + ": " + str(error))


def explain(code: "str", cause: "str") -> "str":
    """Return why pip may not go on, in the form of all our messages, with how to repair the guard where it lies."""
    python = sys.executable or "python"
    if code == "pip-not-understood":
        hint = f"use a pip from 20.3.4 to 26.3 (its wheel runs as it is: {python} pip-26.3-py3-none-any.whl/pip)"
        hint += " or a newer indexguard"
    else:
        hint = _how_to_repair(python)
    # The form of all our messages in a pip that has no form of its own for them (before 22.0).
    return (
        f"indexguard: {code}: indexguard is installed in {_here()} but cannot run, so pip may not go on\n"
        f"    cause: {cause}\n"
        f"    hint: {hint}"
    )


def _how_to_repair(python: "str") -> "str":
    import os

    private = os.path.dirname(_here())  # if `indexguard activate` has put the guard here
    again = "an installed indexguard repairs it with `indexguard activate"
    if not os.path.isfile(os.path.join(private, "manifest.json")):
        return f"`{python} -m pip uninstall indexguard` still works; then install it again"
    if os.path.basename(private) == "_indexguard":
        return f"{again}`; without one: `{python} {private} deactivate`, then install it and activate it again"
    return (
        f"{again} --user`; without one: `{python} {private} deactivate --user`, then install it and activate it again"
    )
