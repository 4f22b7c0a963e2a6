"""Which parts of pip the guard filters, and the self-test that they are as the guard knows them.

These names and parameters are the same in every pip from 20.3 to 26.3. A pip in which one is missing is refused.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from typing import Any

from ..errors import GuardError


@dataclass(frozen=True)
class Seam:
    """One method that the guard filters."""

    module: str
    """Below ``_internal``."""
    class_name: str
    method: str
    parameters: tuple[str, ...]
    """Positional parameters that the guard uses, ``self`` left out."""

    def __str__(self) -> str:
        return f"{self.class_name}.{self.method}({', '.join(self.parameters)})"


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
CACHE_ENTRY = Seam("cache", "WheelCache", "get_cache_entry", ("link",))
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
    CACHE_ENTRY,
    RESOLVE,
    RESOLVE_LEGACY,
    ORDER,
    ORDER_LEGACY,
)

# What installs build requirements, by the class that does it.
BUILD_SEAMS = (
    Seam("build_env", "BuildEnvironment", "install_requirements", ()),  # pip <= 26.1
    Seam("build_env.virtual", "VirtualBuildEnvironment", "install_requirements", ()),  # pip >= 26.2
    Seam("build_env.venv", "VenvBuildEnvironment", "install_requirements", ()),  # pip >= 26.2
)


def find_class(root: str, seam: Seam) -> Any:
    """Return the class that a seam belongs to, or None where this pip has none.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    try:
        module = importlib.import_module(f"{root}._internal.{seam.module}")
    except ModuleNotFoundError:
        return None
    return getattr(module, seam.class_name, None)


def check_pip(root: str, version: str) -> None:
    """Check that this pip has every method that the guard filters, with the parameters that it uses.

    :raises GuardError: ``pip-not-understood``: one is missing, or the guard is loaded without its wrap of ``main``.
    """
    missing = [seam for seam in ALWAYS if not _fits(find_class(root, seam), seam)]
    build = [seam for seam in BUILD_SEAMS if _is_own(find_class(root, seam), seam)]
    if not build:
        missing.append(BUILD_SEAMS[0])
    if missing:
        raise GuardError(
            "pip-not-understood",
            f"pip {version} cannot be guarded",
            [("missing", str(seam)) for seam in missing],
        )


def _is_own(owner: Any, seam: Seam) -> bool:
    return owner is not None and seam.method in vars(owner)


def _fits(owner: Any, seam: Seam) -> bool:
    if not _is_own(owner, seam):
        return False
    try:
        parameters = list(inspect.signature(vars(owner)[seam.method]).parameters)
    except (TypeError, ValueError):
        return False
    return parameters[1 : 1 + len(seam.parameters)] == list(seam.parameters)
