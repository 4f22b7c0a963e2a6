"""The guard inside pip: the only package that knows pip.

Every pip run imports this module, also ``pip --version``; therefore it is light. It wraps three functions of pip and
waits: the policy is read, and the rest of the guard loaded, when the first ``PackageFinder`` is made.
"""

from __future__ import annotations

import functools
import sys

_FETCHING_NOTHING = frozenset(
    (
        "cache",
        "check",
        "completion",
        "config",
        "debug",
        "freeze",
        "hash",
        "help",
        "inspect",
        "list",
        "show",
        "uninstall",
    )
)
_NOT_UNDERSTOOD = """\
ERROR: indexguard: pip-not-understood: this pip keeps its package finder where the guard does not know it
    hint: use a pip from 20.3.4 to 26.3, or a newer indexguard
"""

TYPE_CHECKING = False  # typing costs more than this module
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable, NoReturn

FINDER = "pip._internal.index.package_finder"
MAIN_PARSER = "pip._internal.cli.main_parser"
BASE_COMMAND = "pip._internal.cli.base_command"

LIVE = "_indexguard_live"
"""Name of the attribute that a guarded ``PackageFinder`` class carries: the folder of the guard that guards it. All that
is done once is done so: pip may be imported a second time, and its old classes may be in use still."""


def on_load(module: ModuleType) -> None:
    """Take charge of a watched module of pip that has just been executed; called by the start-up hook.

    :raises AttributeError: the module lacks what the guard wraps; the hook then refuses in its place.
    """
    if module.__name__.endswith(FINDER):
        _wrap_finder(module)
    elif module.__name__.endswith(BASE_COMMAND):
        _wrap_command(module)
    elif module.__name__.endswith(MAIN_PARSER):
        _wrap_python_option(module)


def root_of(module_name: str) -> str:
    """Return the package that a pip module belongs to: ``pip``, or ``pipenv.patched.pip``."""
    return module_name.partition("._internal")[0]


def _wrap_finder(module: ModuleType) -> None:
    finder_class = module.PackageFinder
    if LIVE in vars(finder_class):
        return
    original, hook = finder_class.__init__, sys.modules["_indexguard_hook"]
    setattr(finder_class, LIVE, __path__[0])

    @functools.wraps(original)
    def activate_first(self: Any, *args: Any, **kwargs: Any) -> None:
        # Not at import: `pip list` of old pips imports this module too, and an error can be told well only inside a run.
        root = root_of(module.__name__)
        try:
            hook.reinstate()
            from . import activation

            collector = kwargs.get("link_collector", args[0] if args else None)
            activation.activate(root, self, getattr(collector, "session", None))
            hook.keep()
        except Exception as error:  # noqa: BLE001  # whatever it is, pip must not go on unguarded
            _raise(root, error)
        original(self, *args, **kwargs)

    finder_class.__init__ = activate_first


def _raise(root: str, error: Exception) -> NoReturn:
    """Raise one of pip's errors as it is, and for any other pip's ``InstallationError``: a part of the guard is broken."""
    # The hook has loaded this package, and pip its exceptions: nothing else of ours is whole for certain.
    exceptions = sys.modules[f"{root}._internal.exceptions"]
    if isinstance(error, exceptions.PipError):
        raise error
    raise exceptions.InstallationError(sys.modules["_indexguard_hook"].explain_broken(error)) from error


def _wrap_command(module: ModuleType) -> None:
    command_class = module.Command
    original: Callable[..., int] = command_class.main
    hook = sys.modules["_indexguard_hook"]
    if hasattr(original, LIVE):
        return

    @functools.wraps(original)
    def main(self: Any, *args: Any, **kwargs: Any) -> int:
        if self.name not in _FETCHING_NOTHING and not _has_finder(root_of(module.__name__)):
            if sys.stderr is not None:
                sys.stderr.write(_NOT_UNDERSTOOD)
            return 1
        hook.reinstate()
        try:
            from .mains import Main
        except Exception:  # noqa: BLE001  # told where pip looks for packages; `list` and `uninstall` go on
            return original(self, *args, **kwargs)
        status = -1  # pip left through an exception
        with Main() as running:
            try:
                status = original(self, *args, **kwargs)
            finally:
                running.end(status)
        return status

    setattr(main, LIVE, True)
    command_class.main = main


def _has_finder(root: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(f"{root}.{FINDER.partition('.')[2]}") is not None
    except ImportError:
        return False


def _wrap_python_option(module: ModuleType) -> None:
    # pip >= 22.3: `pip --python OTHER` hands over to a pip that runs in OTHER, which may have no guard of its own.
    original: Callable[[str], str | None] | None = getattr(module, "identify_python_interpreter", None)
    if original is None or hasattr(original, LIVE):
        return

    @functools.wraps(original)
    def identify_python_interpreter(python: str) -> str | None:
        interpreter = original(python)
        if interpreter is not None:
            root = root_of(module.__name__)
            try:
                from .python_option import prepare_interpreter

                prepare_interpreter(root, interpreter)
            except Exception as error:  # noqa: BLE001  # as above
                _raise(root, error)
        return interpreter

    setattr(identify_python_interpreter, LIVE, True)
    module.identify_python_interpreter = identify_python_interpreter  # type: ignore[attr-defined]  # pip's own name
