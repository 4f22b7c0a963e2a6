"""Activation: reads the policy and wraps pip, when pip makes its first package finder.

Everything is imported here and now: pip 26.3 refuses every import once installation has begun.
"""

from __future__ import annotations

import atexit
import codecs
import functools
import importlib
import sys
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from .._vendor.wrapt import FunctionWrapper
from ..audit.event import RunContext
from ..audit.recorder import Recorder
from ..audit.writer import log_path
from ..errors import GuardError
from ..policy.identity import find_location
from ..policy.layers import find_layers
from ..policy.model import LogSettings
from . import children, finder, gate, pages, seams, story, telling
from .references import is_requested_project
from .run import Run
from .search import clean

_runs: dict[str, Run] = {}
_failures: dict[str, GuardError] = {}


def activate(root: str) -> None:
    """Wrap the pip whose package is ``root``, once; later calls change nothing, or fail in the same way.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    :raises Exception: pip's own error: an invalid or unreadable policy, a pip that the guard does not understand.
    """
    if root in _runs:
        return
    if root not in _failures:
        try:
            _runs[root] = _prepare(root)
        except GuardError as error:
            refused = f"pip may not look for packages: {error.refused}"
            _failures[root] = GuardError(error.code, refused, error.facts, error.hint)
        except Exception as error:  # noqa: BLE001  # whatever it is, pip must not go on unguarded, and say so clearly
            _failures[root] = _broken(error)
        else:
            return
        record_failure(root, _failures[root])
        children.report_to_parent(_failures[root])
    raise telling.as_pip_error(root, _failures[root])


def finish(status: int) -> None:
    """Seal the audit log, and explain last: after a refusal the guard's explanation is the last thing that pip prints."""
    for run in _runs.values():
        run.recorder.seal(status)
    if status == 0:
        return
    for run in _runs.values():
        telling.explain_last(run.refusals or story.find_explanations(run))


def _prepare(root: str) -> Run:
    version = _pip_version(root)
    seams.check_pip(root, version)
    found = find_layers()
    pypi = find_location(_public_index(root).simple_url)
    layers = found.layers
    if pypi is not None:
        layers = tuple(replace(layer, policy=layer.policy.resolve_pypi(pypi)) for layer in layers)
    context = RunContext.of_process(
        version, layers, argv=getattr(sys, "orig_argv", sys.argv), parent_run=children.parent_run()
    )
    run = Run(
        root,
        layers,
        built_in=found.builtin_rule_applies,
        pypi=pypi,
        pypi_files=getattr(_public_index(root), "file_storage_domain", None),
        today=datetime.now(timezone.utc).date(),
        recorder=Recorder(context, log_path(), LogSettings.combine(layer.policy.log for layer in layers)),
        takes_requests=children.takes_requests(),
    )
    _wrap(run)
    atexit.register(run.recorder.seal, None)  # where pip's own main is not what runs
    # A codec is a module too, loaded with its first use.
    for codec in ("idna", "unicode_escape", "ascii", "utf-8"):
        codecs.lookup(codec)
    return run


def _wrap(run: Run) -> None:
    resolve, prepare, order = gate.wrap_resolve(run), gate.wrap_prepare(run), gate.wrap_installation_order(run)
    wrappers = {
        seams.REQUEST: pages.wrap_request(run, functools.partial(gate.check_redirect, run)),
        seams.PROCESS_PAGE: pages.wrap_process_project_url(run),
        seams.EVALUATE_LINKS: pages.wrap_evaluate_links(run),
        seams.FIND_ALL: finder.wrap_find_all_candidates(run),
        seams.FIND_BEST: finder.wrap_find_best_candidate(run),
        seams.PREPARE_LINKED: prepare,
        seams.PREPARE_EDITABLE: prepare,
        seams.PREPARE_WHOLE: gate.wrap_prepare_whole(run),
        seams.CACHE_ENTRY: gate.wrap_get_cache_entry(run),
        seams.RESOLVE: resolve,
        seams.RESOLVE_LEGACY: resolve,
        seams.ORDER: order,
        seams.ORDER_LEGACY: order,
    }
    for seam, wrapper in wrappers.items():
        _wrap_method(run.root, seams.find_class(run.root, seam), seam.method, wrapper)
    for seam in seams.BUILD_SEAMS:
        owner = seams.find_class(run.root, seam)
        if owner is not None and seam.method in vars(owner):
            _wrap_method(run.root, owner, seam.method, _wrap_build_step(run))
    plain, virtual, isolated = (seams.find_class(run.root, seam) for seam in seams.BUILD_SEAMS)
    # Where there is a VirtualBuildEnvironment, the plain one is abstract.
    _wrap_method(run.root, virtual or plain, "__init__", children.wrap_virtual)
    if isolated is not None:
        _wrap_method(run.root, isolated, "__init__", children.wrap_venv)
    _wrap_backends(run)


def _wrap_method(root: str, owner: Any, method: str, wrapper: Any) -> None:
    # A FunctionWrapper passes attributes on: pip-tools calls `finder.find_all_candidates.cache_clear()` (pip < 25.1).
    wrapped = FunctionWrapper(vars(owner)[method], _fail_closed(root, wrapper))  # type: ignore[no-untyped-call]  # wrapt has no types
    setattr(owner, method, wrapped)


def _fail_closed(root: str, wrapper: Any) -> Any:
    """Have a fault of the guard itself stop pip with a clear message; what pip raises passes unchanged."""
    pip_error = importlib.import_module(f"{root}._internal.exceptions").PipError

    def call(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        theirs: list[BaseException] = []

        def call_pip(*args: Any, **kwargs: Any) -> Any:
            try:
                return wrapped(*args, **kwargs)
            except BaseException as error:
                theirs.append(error)
                raise

        try:
            return wrapper(call_pip, instance, args, kwargs)
        except pip_error:
            raise
        except Exception as error:
            if any(error is other for other in theirs):
                raise
            broken = _broken(error)
            record_failure(root, broken)
            raise telling.as_pip_error(root, broken) from error

    return call


def _wrap_build_step(run: Run) -> Any:
    """Mark what is started for the build of the requirement that is being prepared, and repeat its refusals here.

    That is the pip that installs its build requirements, in this process or another, and its build backend, which may
    start a pip of its own.
    """

    def build_step(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        before = len(run.refusals)
        run.building.append(bool(run.preparing) and is_requested_project(run, run.preparing[-1]))
        try:
            with children.Reports(run.recorder.context.run, requested=run.takes_requests) as reports:
                try:
                    return wrapped(*args, **kwargs)
                except Exception:
                    refusals = reports.read() or run.refusals[before:]
                    if not refusals:
                        raise
        finally:
            run.building.pop()
        with run.lock:
            known = {str(error) for error in run.refusals}
            run.refusals.extend(error for error in refusals if str(error) not in known)
        # Only now, when the mark is that of this pip's own parent again: every pip above is to explain it.
        children.report_to_parent(refusals[0])
        # Old pips would take the failed build for a reason to try an older version of the parent.
        raise telling.as_pip_error(run.root, refusals[0])

    return build_step


def _wrap_build_one(run: Run) -> Any:
    """Note whose wheel is being built: that comes after all preparing."""

    def build_one(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        run.preparing.append(_requirement(*args, **kwargs))
        try:
            return wrapped(*args, **kwargs)
        finally:
            run.preparing.pop()

    return build_one


def _requirement(req: Any, *_args: Any, **_kwargs: Any) -> Any:
    return req


def _wrap_backends(run: Run) -> None:
    """Mark the build backends that pip starts, through the functions that do it in every pip from 20.3 to 26.3.

    A pip without them is guarded all the same: a pip that a backend starts there does not know that it has a parent.
    """
    for module, function, wrapper in (
        # Only the runner of the hooks looks it up in this module; build environments and VCS have imported it by name.
        ("utils.subprocess", "call_subprocess", _wrap_build_step(run)),
        ("wheel_builder", "_build_one", _wrap_build_one(run)),
    ):
        owner = importlib.import_module(f"{run.root}._internal.{module}")
        if hasattr(owner, function):
            _wrap_method(run.root, owner, function, wrapper)


def _broken(error: Exception) -> GuardError:
    cause = clean(f"{type(error).__name__}: {error}")
    return GuardError("guard-broken", "indexguard failed, so pip may not go on", [("cause", cause)])


def record_failure(root: str, error: GuardError) -> None:
    """Write the event of what keeps this pip from running guarded at all.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    argv = getattr(sys, "orig_argv", sys.argv)
    context = RunContext.of_process(_pip_version(root), (), argv=argv, parent_run=children.parent_run())
    recorder = Recorder(context, log_path())
    facts = "; ".join(text for _, text in error.facts)
    recorder.record("guard-failed", error.code, message=f"{error.refused}: {facts}" if facts else error.refused)
    recorder.seal(None)


def _pip_version(root: str) -> str:
    return str(getattr(importlib.import_module(root), "__version__", "unknown"))


def _public_index(root: str) -> Any:
    return importlib.import_module(f"{root}._internal.models.index").PyPI
