"""All places that the events of one run go to: the file, and the other sinks."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..errors import escape
from ..policy.log import KEPT, USUAL_SIZE, LogSettings
from .line import encode, link
from .worker import Worker, pause
from .writer import AuditLog, Limits

if TYPE_CHECKING:
    from .sinks import Sink

PATIENCE = 5.0
"""Seconds that one event may take in all; after that the log is given up for this run."""


def other_sinks(settings: LogSettings) -> list[Sink]:
    """Return what takes events beside the file. What it needs is imported here, before pip installs anything."""
    if not settings.syslog and set(settings.sinks) <= {"file"}:
        return []
    from .sinks import JOURNAL, Journal, StandardError, Syslog  # noqa: PLC0415  # few policies name another sink

    sinks: list[Sink] = [StandardError()] if "stderr" in settings.sinks else []
    sinks += [Syslog(address) for address in settings.syslog]
    return sinks + ([Journal(JOURNAL)] if "journald" in settings.sinks else [])


class Output:
    """All that the events of a run go to, each within a limited time, and none at the cost of another.

    Each place has a thread of its own: whatever hangs, a network file system say, pip goes on, and so do the other places.
    That of the file also finds out, with the first event, whether the log lies where pip itself writes. Then the others
    are written without it, in half the time: if that file system hangs, pip hangs without us.

    :param settings: those of the policy.
    :param path: the log file.
    :param run: the id of the run.
    """

    def __init__(self, settings: LogSettings, path: Path, run: str) -> None:
        limits = Limits(settings.max_size, settings.max_age)
        if settings.is_unlimited and _is_large(path):
            limits = Limits(USUAL_SIZE, kept=KEPT)
        self._log = AuditLog(path, run, limits) if "file" in settings.sinks else None
        # A thread of its own each: what hangs must not keep another one, of another layer maybe, from its events.
        self._sinks = [(sink, Worker(partial(_send, sink))) for sink in other_sinks(settings)]
        self._needs_no_thread = False
        self._problem: str | None = None
        self._worker = None if self._log is None else Worker(partial(self._write_and_learn, self._log))

    @property
    def problem(self) -> str | None:
        """One line on the first failure, fit to be printed."""
        return self._problem or (None if self._log is None else self._log.problem)

    def fail(self, reason: str) -> None:
        """Keep the first reason for which an event is missing somewhere."""
        if self._problem is None:
            self._problem = f"an event cannot be written to the audit log: {escape(reason)}"

    def has_taken(self, number: int) -> bool:
        """Tell whether the file has the event of a number, after a write that an interrupt has ended."""
        deadline = monotonic() + (0.0 if self._needs_no_thread else 1.0)  # a thread may be about to write it
        while not (is_there := self._log is None or self._log.taken == number) and monotonic() < deadline:
            pause(0.01)
        return is_there

    def write(self, event: Mapping[str, Any]) -> None:
        """Write one event; see ``problem``."""
        line = self._write_file(event)
        if not self._sinks:
            return
        line = link(encode(event), None) if line is None else line
        begun = [(sink, worker) for sink, worker in self._sinks if worker.begin((line, event))]
        deadline = monotonic() + PATIENCE
        for sink, worker in begun:
            self._finish(sink, worker, deadline)

    def _finish(self, sink: Sink, worker: Worker, deadline: float) -> None:
        """Wait for one of the other places: whatever is wrong with it, the others take the event."""
        try:
            is_done, _ = worker.end(deadline)
        except Exception as error:  # noqa: BLE001  # a patched standard error may raise anything
            self.fail(f"{sink.name}: {_explain(error)}")
            return
        if not is_done:
            self.fail(f"{sink.name}: nothing was taken within {PATIENCE:g} seconds; it is given up for this run")

    def _write_file(self, event: Mapping[str, Any]) -> bytes | None:
        """Write the event to the file, and return its line; None where there is no file, or it does not take it."""
        if self._log is None or self._worker is None:
            return None
        try:
            if self._needs_no_thread:
                return self._log.write(event)
            is_done, found = self._worker.run(event, PATIENCE)
        except Exception as error:  # noqa: BLE001  # the other places take the event
            self.fail(_explain(error))
            return None
        if not is_done:
            self.fail(f"nothing was written within {PATIENCE:g} seconds; it is given up for this run")
        line: bytes | None = found
        return line

    def _write_and_learn(self, log: AuditLog, event: Mapping[str, Any]) -> bytes:
        line = log.write(event)
        self._needs_no_thread = _is_where_pip_writes(log.path)
        return line


def _is_large(path: Path) -> bool:
    """Tell whether a log may become full in this run, where no policy limits it: mostly nothing more need be loaded."""
    try:
        return os.stat(path).st_size > USUAL_SIZE // 2
    except (OSError, ValueError):
        return False


def _send(sink: Sink, sent: tuple[bytes, Mapping[str, Any]]) -> None:
    sink.send(*sent)


def _explain(error: Exception) -> str:
    told = error.strerror if isinstance(error, OSError) else str(error)
    return told or type(error).__name__


def _is_where_pip_writes(path: Path) -> bool:
    """Tell whether a file is on the file system of the environment or of temporary files."""
    try:
        return os.stat(path).st_dev in {os.stat(own).st_dev for own in (sys.prefix, tempfile.gettempdir())}
    except OSError:
        return False
