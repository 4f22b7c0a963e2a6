"""Changes to files that are made whole or not at all: each can be undone until all have been made."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from ..interpreters.python import InterpretersError

_LOCK_SECONDS = 30
_FILE_MODE = 0o644


@dataclass(frozen=True)
class Change:
    """One thing that was done, or would be."""

    verb: str
    """``write``, ``link``, ``edit``, ``compile``, ``remove`` or ``make`` (a folder)."""
    path: str


@dataclass
class Report:
    """What was done, or with a dry run would be."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the user should know: a sentence each."""
    kept: list[str] = field(default_factory=list)
    """Files that were changed since they were written, and are left where they are."""


class Journal:
    """Makes changes and can take them back.

    :param dry_run: only note what would be done.
    :param folder_mode: of folders that it makes; by default everybody may read there, whatever the umask, because other
        users' pips do.
    """

    def __init__(self, *, dry_run: bool = False, folder_mode: int = 0o755) -> None:
        self.dry_run = dry_run
        self._folder_mode = folder_mode
        self.report = Report()
        self._undo: list[Callable[[], None]] = []
        self._made: set[Path] = set()

    def __enter__(self) -> Journal:  # noqa: PYI034  # typing.Self needs Python 3.11
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is not None:
            self.roll_back()

    def roll_back(self) -> None:
        """Undo everything, last change first. What cannot be undone is left; never raises OSError."""
        while self._undo:
            with suppress(OSError):
                self._undo.pop()()

    def note(self, verb: str, path: Path, undo: Callable[[], None] | None = None) -> bool:
        """Remember a change; answers whether it is to be made."""
        self.report.changes.append(Change(verb, str(path)))
        if not self.dry_run and undo is not None:
            self._undo.append(undo)
        return not self.dry_run

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it."""
        missing = [folder for folder in (path, *path.parents) if not folder.is_dir() and folder not in self._made]
        for folder in reversed(missing):
            self._made.add(folder)
            if self.note("make", folder, folder.rmdir):
                folder.mkdir()
                folder.chmod(self._folder_mode)

    def write(self, path: Path, content: bytes, *, verb: str = "write") -> None:
        """Put a file there, whole or not at all. A file that is there keeps owner and mode; a link is followed."""
        real = Path(os.path.realpath(path))
        before = _state(real)
        if before is not None and before[0] == content:
            return
        if self.note(verb, path, lambda: _restore(real, before)):
            _replace(real, content, None if before is None else before[1])

    def link(self, path: Path, target: str) -> None:
        """Have a symbolic link lead to ``target``."""
        before = os.readlink(path) if path.is_symlink() else None
        if before == target:
            return

        def undo() -> None:
            path.unlink() if before is None else _link(path, before)

        if self.note("link", path, undo):
            _link(path, target)

    def remove(self, path: Path) -> None:
        """Remove a file, or a link itself; one that is not there is no fault."""
        if path.is_symlink():
            target = os.readlink(path)
            if self.note("remove", path, lambda: _link(path, target)):
                path.unlink()
            return
        before = _state(path)
        if before is not None and self.note("remove", path, lambda: _restore(path, before)):
            path.unlink()

    def remove_folder(self, path: Path) -> None:
        """Remove a folder if nothing is in it any more."""
        if self.dry_run or not path.is_dir() or path.is_symlink() or any(path.iterdir()):
            return
        if self.note("remove", path, lambda: path.mkdir(exist_ok=True)):
            path.rmdir()


def _state(path: Path) -> tuple[bytes, os.stat_result] | None:
    try:
        with path.open("rb") as file:
            return file.read(), os.fstat(file.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return None


def _restore(path: Path, state: tuple[bytes, os.stat_result] | None) -> None:
    if state is None:
        path.unlink()
        return
    _replace(path, *state)
    os.utime(path, ns=(state[1].st_atime_ns, state[1].st_mtime_ns))


def _replace(path: Path, content: bytes, like: os.stat_result | None) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, _FILE_MODE if like is None else like.st_mode & 0o7777)
            if like is not None and (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, like.st_uid, like.st_gid)
            os.fsync(descriptor)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _link(path: Path, target: str) -> None:
    name = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        name.unlink()
    os.symlink(target, name)
    os.replace(name, path)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other activations out of a folder, which must be there.

    :raises InterpretersError: another one has been at work for half a minute.
    """
    if not folder.is_dir():  # a dry run
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    break  # a file system without locks
                if time.monotonic() > end:
                    text = f"another `indexguard activate` has been at work in {folder} for {_LOCK_SECONDS} seconds"
                    raise InterpretersError(text) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
