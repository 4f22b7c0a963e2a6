"""Where the log lives, and how one line gets into it: the door to ``platformdirs`` for the log.

One ``os.write`` per line to a descriptor opened with ``O_APPEND``, under the file's advisory lock: the lines of pips that
write at once stay whole, and whoever looks at the end of the file never sees half of another's line.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._vendor.platformdirs import user_log_path
from ..errors import escape

if sys.platform != "win32":
    import fcntl

FILE_NAME = "audit.jsonl"
SYSTEM_FOLDER = Path("/var/log/indexguard")

LOCK_WAIT = 1.0
"""Seconds that a writer waits for the others. After that it writes all the same: its line is whole without the lock."""

_NO_HOME = "this user has no home folder (HOME is not set)"

# O_NOFOLLOW: nobody leads root's log elsewhere by a link. O_NONBLOCK: a FIFO without a reader fails instead of waiting.
_FLAGS = (
    os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
)


def log_path() -> Path:
    """Return where this user's audit log is: ``/var/log/indexguard`` for root, the user's log folder otherwise.

    No variable of ours moves it. Never raises; where the user has no home the path is not absolute, and ``AuditLog``
    reports that at the first write.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return SYSTEM_FOLDER / FILE_NAME
    return user_log_path("indexguard", appauthor=False) / FILE_NAME


class AuditLog:
    """A file of JSON Lines, opened anew for each line so that it may be rotated under a running pip.

    :param path: the file; its folder is made at the first write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        """One line on the first failure to write, fit to be printed."""

    def write(self, event: Mapping[str, Any]) -> None:
        """Append one event. Never raises for what the system refuses; the first failure is kept in ``problem``."""
        line = json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
        try:
            self._append(line)
        except OSError as error:
            self.fail(error.strerror or type(error).__name__)

    def fail(self, reason: str) -> None:
        """Keep the first reason for which an event is missing from the log."""
        if self.problem is None:
            self.problem = f"the audit log {escape(str(self.path))} cannot be written: {escape(reason)}"

    def _append(self, line: bytes) -> None:
        if not self.path.is_absolute():
            self.fail(_NO_HOME)
            return
        descriptor = self._open()
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                self.fail("it is not a regular file")
                return
            if _lock(descriptor) and _is_torn(descriptor):  # what a full disk cut off must not swallow this line too
                line = b"\n" + line
            written = os.write(descriptor, line)
            if written < len(line):
                self.fail(f"only {written} of {len(line)} bytes were written")
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        try:
            return _open(self.path)
        except FileNotFoundError:
            _make_folders(self.path.parent)
            return _open(self.path)


def _open(path: Path) -> int:
    try:
        return os.open(path, _FLAGS | os.O_RDWR, 0o640)
    except PermissionError:  # a log that this user may add to and not read
        return os.open(path, _FLAGS | os.O_WRONLY, 0o640)


def _make_folders(folder: Path) -> None:
    """Make a folder and what is missing above it: ``Path.mkdir`` gives its mode to the last one only."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(mode=0o750, exist_ok=True)


def _lock(descriptor: int) -> bool:
    """Take the advisory lock of the file, which closing it releases; False if others held it for ``LOCK_WAIT``."""
    deadline, pause = time.monotonic() + LOCK_WAIT, 0.001
    while (got := _try_lock(descriptor)) is None and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    return got is True


def _try_lock(descriptor: int) -> bool | None:
    """Return True with the lock, None while somebody else has it, False where there are no locks."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    except OSError:  # a file system without locks
        return False
    return True


def _is_torn(descriptor: int) -> bool:
    """Tell whether the log ends in the middle of a line: an earlier write was cut off. Asked under the lock."""
    size = os.fstat(descriptor).st_size
    try:
        return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    except OSError:
        return False


def find_obstacle(path: Path) -> str | None:
    """Return what would keep ``AuditLog`` from writing there, as far as one can tell without writing; None if nothing."""
    if not path.is_absolute():
        return _NO_HOME
    try:
        if path.is_symlink():
            return "it is a link"
        if path.exists():
            if not path.is_file():
                return "it is not a regular file"
            return None if os.access(path, os.W_OK) else "it is not yours to write"
        folder = next(parent for parent in path.parents if parent.exists())
    except OSError as error:
        return error.strerror or type(error).__name__
    if not folder.is_dir():
        return f"{folder} is not a folder"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} is not yours to write"
