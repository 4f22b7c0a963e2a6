"""How the guard itself fails: closed, with a clear message, and told to the audit log."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from .._vendor.wrapt import FunctionWrapper
from ..audit.place import log_path
from ..audit.recorder import Recorder
from ..audit.run_context import RunContext
from ..errors import GuardError, clean
from . import mark
from .speech import pip_errors


def wrap_method(root: str, owner: Any, method: str, wrapper: Any) -> None:
    """Put a wrapper (wrapt's form) around a method, one that fails closed."""
    # A FunctionWrapper passes attributes on: pip-tools calls `finder.find_all_candidates.cache_clear()` (pip < 25.1).
    wrapped = FunctionWrapper(vars(owner)[method], fail_closed(root, wrapper))  # type: ignore[no-untyped-call]  # wrapt has no types
    setattr(owner, method, wrapped)


def fail_closed(root: str, wrapper: Any) -> Any:
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
            failure = broken(error)
            record_failure(root, failure)
            raise pip_errors.as_pip_error(root, failure) from error

    return call


def broken(error: Exception) -> GuardError:
    """Return the ``guard-broken`` error for a fault of the guard itself."""
    cause = clean(f"{type(error).__name__}: {error}")
    return GuardError("guard-broken", "indexguard failed, so pip may not go on", [("cause", cause)])


def record_failure(root: str, error: GuardError) -> None:
    """Write the event of what keeps this pip from running guarded at all.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    argv = getattr(sys, "orig_argv", sys.argv)
    context = RunContext.of_process(pip_version(root), (), argv=argv, parent_run=mark.parent_run())
    recorder = Recorder(context, log_path())
    facts = "; ".join(text for _, text in error.facts)
    recorder.record("guard-failed", error.code, message=f"{error.refused}: {facts}" if facts else error.refused)
    recorder.seal(None)


def pip_version(root: str) -> str:
    """Return the version of the pip whose package is ``root``; ``unknown`` where it does not tell."""
    return str(getattr(importlib.import_module(root), "__version__", "unknown"))
