"""All places that the events of one run go to: the file, and the other sinks."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import escape
from ..policy.log import LogSettings
from .line import encode, link
from .worker import NoThreadError, Task
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
    """All that the events of a run go to, each within a limited time.

    A thread does the work, one for each event, and is gone when that is written: whatever hangs, a network file system
    say, pip goes on. It also finds out, with the first event, whether the log lies where pip itself writes. Then the others are written without it, in half the time:
    if that file system hangs, pip hangs without us.

    :param settings: those of the policy.
    :param path: the log file.
    :param run: the id of the run.
    """

    def __init__(self, settings: LogSettings, path: Path, run: str) -> None:
        self._log = (
            AuditLog(path, run, Limits(settings.max_size, settings.max_age)) if "file" in settings.sinks else None
        )
        self._sinks = other_sinks(settings)
        self._needs_no_thread = False
        self._problem: str | None = None
        self._hangs = False

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
        if self._needs_no_thread:
            self._write(event)
            return
        if not self._hangs:
            try:
                task = Task(lambda: self._write_and_learn(event))
            except NoThreadError:
                self._write(event)  # late is better than never
                return
            self._hangs = not task.wait(PATIENCE)
            if task.raised is not None:
                raise task.raised
        if self._hangs:
            self.fail(f"nothing was written within {PATIENCE:g} seconds; it is given up for this run")

    def _write_and_learn(self, event: Mapping[str, Any]) -> None:
        self._write(event)
        if self._log is not None and not self._sinks:
            self._needs_no_thread = _is_where_pip_writes(self._log.path)

    def _write(self, event: Mapping[str, Any]) -> None:
        line = link(encode(event), None) if self._log is None else self._log.write(event)
        for sink in self._sinks:
            self._send(sink, line, event)

    def _send(self, sink: Sink, line: bytes, event: Mapping[str, Any]) -> None:
        try:
            sink.send(line, event)
        except OSError as error:
            self.fail(f"{sink.name}: {error.strerror or type(error).__name__}")


def _is_where_pip_writes(path: Path) -> bool:
    """Tell whether a file is on the file system of the environment or of temporary files."""
    try:
        return os.stat(path).st_dev in {os.stat(own).st_dev for own in (sys.prefix, tempfile.gettempdir())}
    except OSError:
        return False
