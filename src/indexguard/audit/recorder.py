"""The recorder of one pip run: numbers its events, one at a time, and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from ..decision import Finding
from .event import EventKind, RunContext, build_event
from .writer import AuditLog


class Recorder:
    """Writes the events of one run; safe to use from several threads (pip <= 21.3 has a pool in ``list --outdated``).

    :param context: what all events share.
    :param path: the log, as ``log_path`` gives it.
    """

    def __init__(self, context: RunContext, path: Path) -> None:
        self.context = context
        self._log = AuditLog(path)
        self._lock = Lock()
        self._seq = 0

    @property
    def problem(self) -> str | None:
        """One line on the first failure to write, fit to be printed; None while every event was written."""
        return self._log.problem

    def record(
        self,
        event: EventKind,
        code: str | None,
        *,
        name: str | None = None,
        versions: Sequence[str] = (),
        files: int = 0,
        index_asked: str | None = None,
        index_answered: str | None = None,
        kept: Sequence[str] | None = None,
        finding: Finding | None = None,
        message: str = "",
    ) -> None:
        """Write one event; the parameters are those of ``build_event``. Never raises: see ``problem``."""
        with self._lock:
            self._seq += 1
            try:
                self._log.write(
                    build_event(
                        self.context,
                        self._seq,
                        event,
                        code,
                        name=name,
                        versions=versions,
                        files=files,
                        index_asked=index_asked,
                        index_answered=index_answered,
                        kept=kept,
                        finding=finding,
                        message=message,
                    )
                )
            except Exception as error:  # noqa: BLE001  # a decision stands whether or not it can be recorded
                self._log.fail(f"{type(error).__name__}: {error}")
