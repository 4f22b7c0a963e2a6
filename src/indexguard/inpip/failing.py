"""How the guard itself fails: closed, with a clear message, and told to the audit log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..audit.event import EventFields
from ..audit.kinds import GUARD_FAILED
from ..audit.place import log_path
from ..audit.recorder import Recorder
from ..audit.run_context import RunContext
from ..errors import GUARD_BROKEN, GuardError, clean
from . import mark
from .seams import Filter, pip_module

if TYPE_CHECKING:
    from .objects import Call


def closed(root: str, function: Filter) -> Filter:
    """Have a fault of the guard itself stop pip with a clear message; what pip raises passes unchanged.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    pip_error: type[Exception] = pip_module(root, "_internal.exceptions").PipError

    def attempt(call: Call, *arguments: object, **named: object) -> object:
        theirs: list[BaseException] = []

        def call_pip(**changed: object) -> object:
            try:
                return call(**changed)
            except BaseException as error:
                theirs.append(error)
                raise

        try:
            return function(call_pip, *arguments, **named)
        except pip_error:
            raise
        except Exception as error:
            if any(error is other for other in theirs):
                raise
            raise fail(root, broken(error)) from error

    return attempt


def broken(error: Exception) -> GuardError:
    """Return the ``guard-broken`` error for a fault of the guard itself."""
    cause = clean(f"{type(error).__name__}: {error}")
    return GuardError(GUARD_BROKEN, "indexguard failed, so pip may not go on", [("cause", cause)])


def fail(root: str, error: GuardError) -> Exception:
    """Tell the audit log what keeps this pip from running guarded at all, and return it as pip's own error.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    from .speech.pip_errors import as_pip_error

    record_failure(root, error)
    return as_pip_error(root, error)


def record_failure(root: str, error: GuardError) -> None:
    """Write the event of what keeps this pip from running guarded at all.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    argv = getattr(sys, "orig_argv", sys.argv)
    context = RunContext.of_process(pip_version(root), (), argv=argv, parent_run=mark.parent_run())
    recorder = Recorder(context, log_path())
    facts = "; ".join(text for _, text in error.facts)
    message = f"{error.refused}: {facts}" if facts else error.refused
    recorder.record(GUARD_FAILED, error.code, EventFields(message=message))
    recorder.seal(None)


def pip_version(root: str) -> str:
    """Return the version of the pip whose package is ``root``; ``unknown`` where it does not tell."""
    return str(getattr(pip_module(root, ""), "__version__", "unknown"))
