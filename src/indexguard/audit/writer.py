"""Where the log lives, and how one line gets into it: the door to ``platformdirs`` for the log.

One ``os.write`` per line to a descriptor opened with ``O_APPEND``, under the file's advisory lock. Each line carries the
SHA-256 of the line before it (``prev``), so that no line can be changed, removed or moved without a trace. Who does not
get the lock in time, or writes where there are no locks, turns to a file of its own run beside it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import escape
from ..tuples import NamedTuple
from .line import digest, encode, link
from .place import FILE_NAME, NO_HOME, mark_of_loss, rotated_files
from .worker import pause

if sys.platform != "win32":
    import fcntl

LOCK_WAIT = 1.0
"""Seconds that a writer waits for the others before it turns to a file of its own."""
LONGEST_LINE = 8 * 1024 * 1024
"""Bytes of the last line that a writer reads in order to go on from it: more than any of a guard has."""

_CHUNK = 16 * 1024
_TRIES = 20
_LINK = 76  # bytes of `prev` and of the ends of lines

# O_NOFOLLOW: nobody leads root's log elsewhere by a link. O_NONBLOCK: a FIFO without a reader fails instead of waiting.
_FLAGS = (
    os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READ_FLAGS = os.O_RDONLY | (_FLAGS & ~(os.O_APPEND | os.O_CREAT))


class Limits(NamedTuple):
    """When a file is full: then it is renamed, and a new one goes on from its last line."""

    size: int | None = None
    """Bytes; None for no limit."""
    age: timedelta | None = None
    """Since its first line; None for no limit."""
    kept: int | None = None
    """How many full files there are at most: the oldest ones go; None for no limit."""


NO_LIMITS = Limits()


class _End(NamedTuple):
    """Where a file ended after our last line: whoever finds it so again need not read it."""

    device: int
    inode: int
    size: int
    head: str


class AuditLog:
    """A file of JSON Lines, opened anew for each line so that it may be rotated under a running pip.

    :param path: the file; its folder is made at the first write.
    :param run: the id of the run; in the name of its own file, where it needs one.
    :param limits: when the file is full.
    """

    def __init__(self, path: Path, run: str = "", limits: Limits = NO_LIMITS) -> None:
        self.path = path
        self.problem: str | None = None
        """One line on the first failure to write, fit to be printed."""
        self._run = run or str(os.getpid())
        self._find_name = _no_name
        self._kept = limits.kept
        if limits != NO_LIMITS:
            # Not with the first event: pip 26.3 refuses imports by then.
            from .rotation import find_name  # noqa: PLC0415  # not where the log has no limit

            self._find_name = partial(find_name, limits.size, limits.age)
        self._is_own = False
        self._end: _End | None = None
        self._lost = self._told_lost = 0
        self.taken = self._number = 0
        """The number of the last event whose line is there."""

    def write(self, event: Mapping[str, Any]) -> bytes:
        """Append one event, and return its line. Never raises for what the system refuses: see ``problem``."""
        body = encode(event)
        self._number = event.get("seq", 0)
        try:
            return self._append(body)
        except OSError as error:
            self.fail(error.strerror or type(error).__name__)
            if error.errno in _FULL:
                self._lost += 1
        finally:
            if self._lost > self._told_lost:
                self._mark_loss()
        return link(body, None)

    def _mark_loss(self) -> None:
        """Leave a mark that ``log verify`` counts; where there is no room even for that, the next event tries again."""
        with suppress(OSError):
            descriptor = os.open(mark_of_loss(self.path, self._run), os.O_WRONLY | (_FLAGS & ~os.O_APPEND), 0o640)
            try:
                os.ftruncate(descriptor, self._lost)
            finally:
                os.close(descriptor)
            self._told_lost = self._lost

    def fail(self, reason: str) -> None:
        """Keep the first reason for which an event is missing from the log."""
        if self.problem is None:
            self.problem = f"the audit log {escape(str(self.path))} cannot be written: {escape(reason)}"

    def _append(self, body: bytes) -> bytes:
        if not self.path.is_absolute():
            self.fail(NO_HOME)
            return link(body, None)
        for _ in range(_TRIES):
            with _opened(self.path) as descriptor:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    self.fail("it is not a regular file")
                    return link(body, None)
                if not _lock(descriptor) and not self._is_own:
                    self.path, self._is_own = self.path.with_name(f"audit.{self._run}.jsonl"), True
                elif _is_at(self.path, descriptor):  # else it was renamed or removed before the lock was ours
                    name = None if self._is_own else self._find_name(self.path, descriptor, len(body) + _LINK)
                    if name is None:
                        return self._add(descriptor, body)
                    os.rename(self.path, name)
                    self._remove_oldest()
        self.fail("it is replaced again and again")
        return link(body, None)

    def _remove_oldest(self) -> None:
        """Remove the oldest full files, if there are too many."""
        for path in rotated_files(self.path.parent)[: -self._kept] if self._kept else ():
            with suppress(OSError):  # another pip was first
                os.unlink(path)

    def _add(self, descriptor: int, body: bytes) -> bytes:
        """Write the line of an event, under the lock."""
        status = os.fstat(descriptor)
        head, is_torn = self._find_end(descriptor, status)
        line = link(body, head)
        # What a crash or a full disk cut off must not swallow this line too.
        data = (b"\n" if is_torn else b"") + line + b"\n"
        written = os.write(descriptor, data)
        self.taken = self._number
        if written < len(data):
            self.fail(f"only {written} of {len(data)} bytes were written")
            self._lost += 1
            self._end = None
        else:
            self._end = _End(status.st_dev, status.st_ino, status.st_size + written, digest(line))
        return line

    def _find_end(self, descriptor: int, status: os.stat_result) -> tuple[str | None, bool]:
        """Return what the next line goes on from, and whether that is torn."""
        end = self._end
        if end is not None and (end.device, end.inode, end.size) == (status.st_dev, status.st_ino, status.st_size):
            return end.head, False
        return _read_head(descriptor, status.st_size) if status.st_size else (_head_of_rotated(self.path), False)


def _no_name(_path: Path, _descriptor: int, _more: int) -> Path | None:
    return None


# The file


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = _open(path)
    except FileNotFoundError:
        _make_folders(path.parent)
        descriptor = _open(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # and gives the lock back


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
    """Take the advisory lock of the file; False if others held it for ``LOCK_WAIT``, or where there are no locks."""
    deadline, seconds = time.monotonic() + LOCK_WAIT, 0.001
    while (got := _try_lock(descriptor)) is None and time.monotonic() < deadline:
        pause(seconds)
        seconds = min(2 * seconds, 0.05)
    return got is True


def _try_lock(descriptor: int) -> bool | None:
    """Return True with the lock, None while somebody else has it, False where there are no locks."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    except OSError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


# Its end


def _read_head(descriptor: int, size: int) -> tuple[str | None, bool]:
    """Return the digest of the last line, and whether that line is torn: an earlier write was cut off.

    No digest where this user may not read the log, or where the line is longer than any that a guard writes.
    """
    tail = b""
    try:
        while b"\n" not in tail[:-1] and len(tail) < min(size, LONGEST_LINE):
            start = max(0, size - len(tail) - _CHUNK)
            tail = os.pread(descriptor, size - len(tail) - start, start) + tail
    except OSError:
        return None, False
    is_torn = not tail.endswith(b"\n")
    lines = tail[: None if is_torn else -1].rpartition(b"\n")
    is_whole = bool(lines[1]) or len(tail) == size
    return (digest(lines[2]) if is_whole else None), is_torn


def _head_of_rotated(path: Path) -> str | None:
    """Return the digest that a new file goes on from; None if it goes on from none, or from one that is compressed."""
    found = rotated_files(path.parent) if path.name == FILE_NAME else []
    if not found:
        return None
    try:
        descriptor = os.open(found[-1], _READ_FLAGS)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        is_log = stat.S_ISREG(status.st_mode) and status.st_size and found[-1].suffix != ".gz"
        return _read_head(descriptor, status.st_size)[0] if is_log else None
    finally:
        os.close(descriptor)
