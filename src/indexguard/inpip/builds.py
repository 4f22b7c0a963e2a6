"""What pip starts for a build: the pips for build requirements, and the build backends."""

from __future__ import annotations

import importlib
from typing import Any

from . import mark
from .failing import wrap_method
from .gate.references import is_requested_project
from .run import Run
from .speech import pip_errors


def wrap_build_step(run: Run) -> Any:
    """Mark what is started for the build of the requirement that is being prepared, and repeat its refusals here.

    That is the pip that installs its build requirements, in this process or another, and its build backend, which may
    start a pip of its own.
    """

    def build_step(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        before = len(run.refusals)
        run.building.append(bool(run.preparing) and is_requested_project(run, run.preparing[-1]))
        try:
            with mark.Reports(run.recorder.context.run, requested=run.takes_requests) as reports:
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
        mark.report_to_parent(refusals[0])
        # Old pips would take the failed build for a reason to try an older version of the parent.
        raise pip_errors.as_pip_error(run.root, refusals[0])

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


def wrap_backends(run: Run) -> None:
    """Mark the build backends that pip starts, through the functions that do it in every pip from 20.3 to 26.3.

    A pip without them is guarded all the same: a pip that a backend starts there does not know that it has a parent.
    """
    for module, function, wrapper in (
        # Only the runner of the hooks looks it up in this module; build environments and VCS have imported it by name.
        ("utils.subprocess", "call_subprocess", wrap_build_step(run)),
        ("wheel_builder", "_build_one", _wrap_build_one(run)),
    ):
        owner = importlib.import_module(f"{run.root}._internal.{module}")
        if hasattr(owner, function):
            wrap_method(run.root, owner, function, wrapper)
