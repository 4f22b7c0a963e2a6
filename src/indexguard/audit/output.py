"""All places that the events of one run go to: the file, and the other sinks."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, Callable

from ..errors import escape
from ..policy.log import LogSettings
from .line import encode, link
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
        self._log = (
            AuditLog(path, run, Limits(settings.max_size, settings.max_age)) if "file" in settings.sinks else None
        )
        # A thread of its own each: what hangs must not keep another one, of another layer maybe, from its events.
        self._sinks = [(sink, _Worker(partial(_send, sink))) for sink in other_sinks(settings)]
        self._needs_no_thread = False
        self._problem: str | None = None
        self._worker: _Worker | None = None

    @property
    def problem(self) -> str | None:
        """One line on the first failure, fit to be printed."""
        return self._problem or (None if self._log is None else self._log.problem)

    def fail(self, reason: str) -> None:
        """Keep the first reason for which an event is missing somewhere."""
        if self._problem is None:
            self._problem = f"an event cannot be written to the audit log: {escape(reason)}"

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

    def _finish(self, sink: Sink, worker: _Worker, deadline: float) -> None:
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
        if self._log is None:
            return None
        try:
            if self._needs_no_thread:
                return self._log.write(event)
            if self._worker is None:
                self._worker = _Worker(partial(self._write_and_learn, self._log))
            is_done, found = self._worker.run(event)
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


class _Worker:
    """A thread that does one thing at a time for another one, which does not wait for ever."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work
        self._tasks: SimpleQueue[tuple[Any, SimpleQueue[tuple[Any, Exception | None]]]] = SimpleQueue()
        self._answer: SimpleQueue[tuple[Any, Exception | None]] = SimpleQueue()
        self._hangs = False
        threading.Thread(target=self._serve, name="indexguard-log", daemon=True).start()

    def run(self, task: Any) -> tuple[bool, Any]:
        """Have a task done: see ``begin`` and ``end``."""
        return self.end(monotonic() + PATIENCE) if self.begin(task) else (False, None)

    def begin(self, task: Any) -> bool:
        """Have a task done, to be followed by ``end``; False if an earlier one hangs: then nothing is begun."""
        if not self._hangs:
            self._answer = SimpleQueue()
            self._tasks.put((task, self._answer))
        return not self._hangs

    def end(self, deadline: float) -> tuple[bool, Any]:
        """Tell whether the task that was begun is done, and return its result; that it hangs if it is not done in time.

        :param deadline: by ``time.monotonic``.
        :raises Exception: what the work has raised.
        """
        try:
            result, raised = self._answer.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            self._hangs = True
            return False, None
        if raised is not None:
            raise raised
        return True, result

    def _serve(self) -> None:
        while True:
            task, answer = self._tasks.get()
            try:
                answer.put((self._work(task), None))
            except Exception as error:  # noqa: BLE001  # it is the other thread's
                answer.put((None, error))
