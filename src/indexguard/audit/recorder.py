"""The recorder of one pip run: numbers its events, one at a time, writes them, and seals the run at its end."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import hide
from ..policy.log import LogSettings
from .event import NO_FIELDS, EventFields, build_event
from .kinds import SEALED, EventKind
from .output import Output
from .run_context import RunContext
from .worker import new_lock


class Recorder:
    """Writes the events of one run; safe to use from several threads (pip <= 21.3 has a pool in ``list --outdated``).

    A process that was forked from it is a run of its own.

    :param context: what all events share.
    :param path: the log, as ``log_path`` gives it.
    :param settings: where else events go, and when the log is full.
    """

    def __init__(self, context: RunContext, path: Path, settings: LogSettings | None = None) -> None:
        self.context = context
        self._path = path
        self._settings = LogSettings() if settings is None else settings
        self._begin()

    def _begin(self) -> None:
        self._output = Output(self._settings, self._path, self.context.run)
        self._lock = new_lock()
        self._process = os.getpid()
        self._seq = 0
        self._sealed = 0

    @property
    def problem(self) -> str | None:
        """One line on the first failure to write, fit to be printed; None while every event was written."""
        return self._output.problem

    @property
    def has_file(self) -> bool:
        """Whether the events so far are in the file of this user's log."""
        return "file" in self._settings.sinks and self._output.problem is None

    def record(self, event: EventKind, code: str | None, fields: EventFields = NO_FIELDS) -> None:
        """Write one event. What is wrong with the log is told by ``problem``, and never raised.

        :raises BaseException: an interrupt (Ctrl-C), as it came.
        """
        if os.getpid() != self._process:
            parent = self.context.run
            self.context = self.context._replace(
                run=os.urandom(8).hex(), parent_run=parent, pid=os.getpid(), ppid=os.getppid()
            )
            self._begin()
        with self._lock:
            self._seq += 1
            try:
                self._output.write(hide(build_event(self.context, self._seq, event, code, fields)))
            except Exception as error:  # noqa: BLE001  # a decision stands whether or not it can be recorded
                self._output.fail(f"{type(error).__name__}: {error}")
            except BaseException:  # the user stops pip: a number without an event would look like an event taken away
                self._seq -= not self._output.has_taken(self._seq)
                raise

    def seal(self, status: int | None) -> None:
        """Say how many events the run has written, if it has written any since it last said so. Never raises.

        :param status: pip's exit code; None where it is not known.
        """
        if os.getpid() == self._process and self._seq > self._sealed:
            self.record(SEALED, None, EventFields(seal={"events": self._seq + 1, "exit": status}))
            self._sealed = self._seq
