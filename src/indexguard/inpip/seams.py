"""Which parts of pip the guard filters, and the self-test that they are as the guard knows them.

These names and parameters are the same in every pip from 20.3 to 26.3. A pip in which one is missing is refused.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from .._vendor.wrapt import FunctionWrapper
from ..errors import PIP_NOT_UNDERSTOOD, GuardError
from ..tuples import NamedTuple

Filter = Callable[..., Any]
"""Stands for a method of pip: ``(call, instance, *arguments)``, the arguments being those that its seam names."""

_BOUND = "_self_indexguard"
"""The attribute of what stands for a method; wrapt keeps one of such a name for itself, on the wrapper."""


def pip_module(root: str, name: str) -> Any:
    """Return a module of the running pip.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    :param name: below the root, such as ``_internal.exceptions``; empty for the package itself.
    :raises ImportError: this pip has none of that name.
    """
    return importlib.import_module(f"{root}.{name}" if name else root)


def pip_version(root: str) -> str:
    """Return the version of the pip whose package is ``root``; ``unknown`` where it does not tell."""
    return str(getattr(pip_module(root, ""), "__version__", "unknown"))


class Seam(NamedTuple):
    """One method that the guard filters."""

    module: str
    """Below ``_internal``."""
    class_name: str
    method: str
    parameters: tuple[str, ...] = ()
    """Positional parameters that the guard uses, ``self`` left out."""

    def __str__(self) -> str:
        return f"{self.class_name}.{self.method}({', '.join(self.parameters)})"

    def find_class(self, root: str) -> Any:
        """Return the class that it belongs to (a function's module); None where this pip has none.

        :param root: ``pip``, or ``pipenv.patched.pip``.
        """
        try:
            module = pip_module(root, f"_internal.{self.module}")
        except ModuleNotFoundError:
            return None
        return getattr(module, self.class_name, None) if self.class_name else module

    def is_in(self, root: str) -> bool:
        """Tell whether this pip has the method, of that very class."""
        owner = self.find_class(root)
        return owner is not None and self.method in vars(owner)

    def wrapper(self, function: Filter) -> Filter:
        """Return a function in wrapt's form: ``(wrapped, instance, args, kwargs)``."""
        names = self.parameters

        def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            def call(**changed: Any) -> Any:
                if not changed:
                    return wrapped(*args, **kwargs)
                passed = [changed.pop(name, value) for name, value in zip(names, args)]
                return wrapped(*passed, *args[len(names) :], **{**kwargs, **changed})

            named = {name: kwargs[name] for name in names[len(args) :] if name in kwargs}
            return function(call, instance, *args[: len(names)], **named)

        return wrapper

    @property
    def key(self) -> str:
        """Class and method."""
        return f"{self.class_name}.{self.method}"

    def is_bound(self, root: str) -> bool:
        """Tell whether a function of ours stands for the method, of the class that pip uses now.

        Others may have wrapped it since; what pip has imported a second time nobody has wrapped.
        """
        found = vars(self.find_class(root))[self.method]
        while found is not None and not hasattr(found, _BOUND):
            found = getattr(found, "__wrapped__", None)
        return found is not None

    def bind(self, root: str, function: Filter) -> None:
        """Have a function stand for the method."""
        owner = self.find_class(root)
        # A FunctionWrapper passes attributes on: pip-tools calls `finder.find_all_candidates.cache_clear()` (pip < 25.1).
        wrapped = FunctionWrapper(vars(owner)[self.method], self.wrapper(function))  # type: ignore[no-untyped-call]  # wrapt has no types
        setattr(wrapped, _BOUND, True)
        setattr(owner, self.method, wrapped)


FIND_ALL = Seam("index.package_finder", "PackageFinder", "find_all_candidates", ("project_name",))
FIND_BEST = Seam(
    "index.package_finder", "PackageFinder", "find_best_candidate", ("project_name", "specifier", "hashes")
)
PROCESS_PAGE = Seam("index.package_finder", "PackageFinder", "process_project_url", ("project_url", "link_evaluator"))
EVALUATE_LINKS = Seam("index.package_finder", "PackageFinder", "evaluate_links", ("link_evaluator", "links"))
REQUEST = Seam("network.session", "PipSession", "request", ("method", "url"))
PREPARE_LINKED = Seam("operations.prepare", "RequirementPreparer", "prepare_linked_requirement", ("req",))
PREPARE_EDITABLE = Seam("operations.prepare", "RequirementPreparer", "prepare_editable_requirement", ("req",))
PREPARE_WHOLE = Seam("operations.prepare", "RequirementPreparer", "_prepare_linked_requirement", ("req",))
FETCH_LAZY = Seam("operations.prepare", "RequirementPreparer", "_fetch_metadata_using_lazy_wheel", ("link",))
CACHE_ENTRY = Seam("cache", "WheelCache", "get_cache_entry", ("link",))
GET_REQUIREMENTS = Seam("cli.req_command", "RequirementCommand", "get_requirements", ("args", "options"))
RESOLVE = Seam("resolution.resolvelib.resolver", "Resolver", "resolve", ("root_reqs",))
RESOLVE_LEGACY = Seam("resolution.legacy.resolver", "Resolver", "resolve", ("root_reqs",))
ORDER = Seam("resolution.resolvelib.resolver", "Resolver", "get_installation_order", ("req_set",))
ORDER_LEGACY = Seam("resolution.legacy.resolver", "Resolver", "get_installation_order", ("req_set",))

ALWAYS = (
    FIND_ALL,
    FIND_BEST,
    PROCESS_PAGE,
    EVALUATE_LINKS,
    REQUEST,
    PREPARE_LINKED,
    PREPARE_EDITABLE,
    PREPARE_WHOLE,
    FETCH_LAZY,
    CACHE_ENTRY,
    GET_REQUIREMENTS,
    RESOLVE,
    RESOLVE_LEGACY,
    ORDER,
    ORDER_LEGACY,
)

# What installs build requirements, by the class that does it. Where there is a virtual one, the plain one is abstract.
PLAIN_BUILD = Seam("build_env", "BuildEnvironment", "install_requirements")  # pip <= 26.1
VIRTUAL_BUILD = Seam("build_env.virtual", "VirtualBuildEnvironment", "install_requirements")  # pip >= 26.2
VENV_BUILD = Seam("build_env.venv", "VenvBuildEnvironment", "install_requirements")  # pip >= 26.2
BUILD_SEAMS = (PLAIN_BUILD, VIRTUAL_BUILD, VENV_BUILD)

# Functions: only the runner of build hooks looks the first up in its module; build environments and VCS have imported it
# by name. A pip without them is guarded all the same: a pip that a backend starts there does not know of its parent.
SUBPROCESS = Seam("utils.subprocess", "", "call_subprocess")
SETUP_PY = tuple(  # what runs setup.py itself, and has imported it by name too: the last went with pip 25.3
    Seam(f"operations.{module}", "", "call_subprocess")
    for module in ("build.wheel_legacy", "build.metadata_legacy", "install.legacy", "install.editable_legacy")
)
# pip <= 23.0 has an sdist whose wheel cannot be built install itself.
INSTALL_LEGACY = Seam("operations.install.legacy", "", "install")
INSTALL = Seam(
    "req.req_install",
    "InstallRequirement",
    "install",
    ("install_options", "global_options", "root", "home", "prefix", "warn_script_location", "use_user_site"),
)
BUILD_ONE = Seam("wheel_builder", "", "_build_one", ("req",))


def seams_of(root: str) -> list[Seam]:
    """Return all that this pip has.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    virtual = VIRTUAL_BUILD if VIRTUAL_BUILD.find_class(root) is not None else PLAIN_BUILD
    starts = [it._replace(method="__init__") for it in (virtual, VENV_BUILD) if it.find_class(root) is not None]
    builds = [it for it in (*BUILD_SEAMS, SUBPROCESS, *SETUP_PY, BUILD_ONE) if it.is_in(root)]
    return [*ALWAYS, *starts, *builds, *([INSTALL] if INSTALL_LEGACY.is_in(root) else [])]


def finder_of(instance: Any) -> Any:
    """Return the package finder that one of pip's objects works with, or is."""
    factory = getattr(instance, "factory", None)  # of the new resolver
    return getattr(factory, "_finder", None) or getattr(instance, "finder", instance)


def check_pip(root: str, version: str) -> None:
    """Check that this pip has every method that the guard filters, with the parameters that it uses.

    :raises GuardError: ``pip-not-understood``: one is missing, or the guard is loaded without its wrap of ``main``.
    """
    missing = [seam for seam in ALWAYS if not _fits(root, seam)]
    if not any(seam.is_in(root) for seam in BUILD_SEAMS):
        missing.append(PLAIN_BUILD)
    if missing:
        raise GuardError(
            PIP_NOT_UNDERSTOOD,
            f"pip {version} cannot be guarded",
            [("missing", str(seam)) for seam in missing],
        )


def _fits(root: str, seam: Seam) -> bool:
    return seam.is_in(root) and has_parameters(vars(seam.find_class(root))[seam.method], seam)


def has_parameters(method: Any, seam: Seam) -> bool:
    """Tell whether a method takes the positional parameters of a seam, after its first."""
    try:
        parameters = list(inspect.signature(method).parameters)
    except (TypeError, ValueError):
        return False
    return parameters[1 : 1 + len(seam.parameters)] == list(seam.parameters)
