"""How the guard itself fails: closed, with a clear message, and told to the audit log."""

from __future__ import annotations

from ..audit import failure
from ..errors import GUARD_BROKEN, GuardError, clean
from . import mark
from .seams import pip_version
from .speech.pip_errors import as_pip_error


def broken(error: Exception) -> GuardError:
    """Return the ``guard-broken`` error for a fault of the guard itself."""
    cause = clean(f"{type(error).__name__}: {error}")
    return GuardError(GUARD_BROKEN, "indexguard failed, so pip may not go on", [("cause", cause)])


def explain_failure(root: str, error: Exception) -> GuardError:
    """Return what keeps pip from looking for packages, told to the audit log."""
    told = broken(error)
    if isinstance(error, GuardError):
        refused = f"pip may not look for packages: {error.refused}"
        told = GuardError(error.code, refused, error.facts, error.hint)
    record_failure(root, told)
    return told


def fail(root: str, error: Exception) -> Exception:
    """Tell the audit log of a fault of the guard, and return it as pip's own error.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    told = broken(error)
    record_failure(root, told)
    return as_pip_error(root, told)


def record_failure(root: str, error: GuardError) -> None:
    """Write the event of what keeps this pip from running guarded at all. Never raises.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    facts = "; ".join(text for _, text in error.facts)
    message = f"{error.refused}: {facts}" if facts else error.refused
    failure.record_failure(pip_version(root), error.code, message, mark.parent_run())
