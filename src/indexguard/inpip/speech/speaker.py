"""How the guard speaks in one pip run: to the user and to the audit log. Words are loaded when there are some to say."""

from __future__ import annotations

import logging
import threading

from ...audit.event import EventFields
from ...audit.kinds import REFUSED, WOULD_REFUSE, EventKind
from ...audit.recorder import Recorder
from ...decision.verdict import Finding, Verdict
from ...errors import LOG_FAILED, GuardError, hide
from ...policy.model import Layer
from ..run import Run

logger = logging.getLogger("indexguard")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .refusal import Refusal


class Speaker:
    """Warns, records and refuses, each thing once."""

    def __init__(self, run: Run, recorder: Recorder) -> None:
        self.recorder = recorder
        self.refusals: list[GuardError] = []
        self.observed: dict[str, str] = {}
        """For each name, the code of the first of what a layer in audit mode would have refused or dropped."""
        self._run = run
        self._lock = threading.RLock()
        self._warned: set[str] = set()
        self._known: set[tuple[str, ...]] = set()

    def warn(self, text: str) -> None:
        """Print one warning line, once."""
        text = hide(text)
        with self._lock:
            if text in self._warned:
                return
            self._warned.add(text)
        logger.warning("%s", text)

    def is_new(self, *things: str) -> bool:
        """Tell whether these have not been asked about before."""
        with self._lock:
            is_new = things not in self._known
            self._known.add(things)
        return is_new

    def record(self, event: EventKind, code: str | None, fields: EventFields) -> None:
        """Write one event to the audit log.

        :raises Exception: pip's own error, made from a ``GuardError`` (``log-failed``): a layer has ``on-failure = "block"``.
        """
        self._write(event, code, fields)
        blocking = [layer for layer in self._run.layers if layer.enforces and layer.policy.log_failure == "block"]
        if self.recorder.problem is not None and blocking:
            raise self._refuse(_explain_log(self.recorder.problem, blocking[0]), EventFields())

    def _write(self, event: EventKind, code: str | None, fields: EventFields) -> None:
        """Write one event; the first failure to write becomes a warning."""
        self.recorder.record(event, code, fields)
        if self.recorder.problem is not None:
            self.warn(f"indexguard: {self.recorder.problem}")

    def record_finding(self, finding: Finding, event: EventKind, fields: EventFields) -> None:
        """Write the event of one finding: ``event`` if it is enforced, ``would-refuse`` for a layer in audit mode.

        :raises Exception: as ``record``.
        """
        if not finding.enforced:
            self.observed.setdefault(fields.name or "", finding.code)
        self.record(event if finding.enforced else WOULD_REFUSE, finding.code, fields._replace(finding=finding))

    def record_observed(self, verdict: Verdict, fields: EventFields) -> None:
        """Write the events of what layers in audit mode would have refused.

        :raises Exception: as ``record``.
        """
        for finding in verdict.observed:
            self.record_finding(finding, WOULD_REFUSE, fields)

    def refuse(self, refusal: Refusal) -> Exception:
        """Note a refusal and return the exception, one of pip's own kind, that the caller raises."""
        return self._refuse(refusal.error, refusal.event)

    def _refuse(self, error: GuardError, fields: EventFields) -> Exception:
        from .pip_errors import as_pip_error

        self.tell_observed()  # before the explanation, which is the last thing that is printed
        if self.add_refusals([error]):
            self._write(REFUSED, error.code, fields._replace(message=fields.message or error.refused))
        return as_pip_error(self._run.root, error)

    def tell_observed(self) -> None:
        """Say what layers in audit mode would have refused or dropped so far, if there is something."""
        if not self.observed:
            return
        from .audit_mode import tell_observed

        self.warn(tell_observed(self.observed, self.recorder.context.run, has_file=self.recorder.has_file))

    def add_refusals(self, errors: list[GuardError]) -> list[GuardError]:
        """Note refusals, also those of pips that this one started; return those that were not known yet."""
        with self._lock:
            known = {str(error) for error in self.refusals}
            new = [error for error in errors if str(error) not in known]
            self.refusals += new
        return new


def _explain_log(problem: str, layer: Layer) -> GuardError:
    facts = [("rule", f'log.on-failure = "block"\n{layer.path}'), ("cause", problem)]
    return GuardError(LOG_FAILED, "pip may not go on without its audit log", facts)
