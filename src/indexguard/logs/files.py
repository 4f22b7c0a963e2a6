"""The files of a log, from their names to one stream of events: rotated ones, side files, folders, gzip.

What is no whole event is counted by file and left out; nothing but a file that was named and cannot be read stops.
"""

from __future__ import annotations

import heapq
import io
import os
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from ..audit.place import FILE_NAME, log_path
from ..errors import escape
from .opening import (
    LogError,
    LongLine,
    explain,
    find_logs,
    list_logs,
    open_file,
    open_or_compressed,
    read_lines,
    unreadable,
)
from .reader import EventReader

if sys.platform != "win32":
    import resource

_OTHER_FILES = 64

Event = dict[str, Any]
"""One event as it was read. Only ``schema``, ``time`` and ``event`` are sure to be there, with their types."""

_NAME = re.compile(r"(?P<series>.+?)(?:-(?P<stamp>\d{8}T\d{6}\.\d{6}Z))?\.jsonl(?:\.gz)?", re.DOTALL)


@dataclass
class Reading:
    """What was found in one file so far."""

    path: Path
    events: int = 0
    foreign: int = 0
    """Lines that are no whole event of this schema: torn, of somebody else, too long."""
    torn: int = 0
    """Those among them that begin as an event does: a write was cut off."""
    too_long: int = 0
    """Those among them that are longer than ``opening.MAX_LINE``."""
    problem: str | None = None
    """Why the rest of the file was not read."""

    def notes(self) -> list[str]:
        """Return what a reader should know of what was left out, one line each; mostly nothing."""
        found = []
        if self.foreign:
            lines = "1 line" if self.foreign == 1 else f"{self.foreign} lines"
            kinds = [f"{count} {kind}" for count, kind in ((self.torn, "torn"), (self.too_long, "too long")) if count]
            which = f" ({', '.join(kinds)})" if kinds else ""
            found.append(f"{self.path}: {lines} left out, not a whole event of this version of the log{which}")
        if self.problem is not None:
            found.append(f"{self.path}: not read to its end: {escape(self.problem)}")
        return found


@dataclass
class LogStream:
    """The events of several files, read once, line by line.

    Iterate over it once; ``readings`` tells afterwards what was left out.
    """

    paths: Sequence[Path] = ()
    """Files and folders; by default this user's own log, with its rotated and side files."""
    in_order: bool = True
    """Whether events come by time, as far as the files allow: rotated before current ones, the others merged. Without it
    one file follows another, which is faster and holds one file open instead of one for each log."""
    own: Path = field(default_factory=log_path)
    """The log that is read where no paths are given."""
    readings: list[Reading] = field(default_factory=list)
    """One for each file, in the order of their opening."""
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _opened: list[io.BufferedReader] = field(default_factory=list)
    _done: int = 0

    def __iter__(self) -> Iterator[Event]:
        """Yield the events.

        :raises LogError: a file or folder that was named is not there or cannot be read.
        """
        roots: list[Path | None] = [*self.paths]
        if not roots and self.own.is_absolute():
            roots = [None]
        if not self.in_order:
            for root in roots:
                with ExitStack() as stack:
                    yield from self._chain(list(self._expand(root, stack)))
            return
        with ExitStack() as stack:
            logs = self._group(file for root in roots for file in self._expand(root, stack))
            _allow_files(len(logs))
            series = [self._chain(files) for files in logs]
            yield from heapq.merge(*series, key=itemgetter("time")) if len(series) > 1 else chain(*series)

    @property
    def notes(self) -> list[str]:
        """What was left out, one line each."""
        return [note for reading in self.readings for note in reading.notes()]

    @property
    def position(self) -> int:
        """How many bytes of the files were read (of the compressed ones, compressed)."""
        return self._done + sum(file.raw.tell() for file in self._opened)

    def size(self) -> int:
        """Return how many bytes there are to read, as far as that can be told now."""
        total = 0
        for named in self.paths:
            with suppress(OSError):  # iterating tells
                total += sum(path.stat().st_size for path in (find_logs(named)[0] if named.is_dir() else [named]))
        if not self.paths:
            with suppress(OSError):
                total += sum(path.stat().st_size for path in list_logs(self.own.parent))
        return total

    @staticmethod
    def _group(files: Iterable[_File]) -> list[list[_File]]:
        """Return the files by the logs that they belong to, the oldest of each first."""
        found: dict[tuple[Path, str], list[_File]] = {}
        for file in files:
            found.setdefault((file.path.parent, file.series), []).append(file)
        return [sorted(files, key=lambda file: file.stamp) for files in found.values()]

    def _expand(self, root: Path | None, stack: ExitStack) -> Iterator[_File]:
        """Yield the files that a path stands for; None is this user's own log.

        :raises LogError: a path that was named cannot be read.
        """
        if root is None:
            yield from self._folder(self.own.parent, stack, required=False)
        elif root.is_dir():
            yield from self._folder(root, stack, required=True)
        else:
            yield _File.of(root, self._open(root, stack))

    def _folder(self, folder: Path, stack: ExitStack, *, required: bool) -> Iterator[_File]:
        """Yield the files of a folder.

        The current file is opened before the listing is made: a pip that rotates it meanwhile takes nothing from us.
        """
        current = folder / FILE_NAME
        if current.exists():
            yield _File.of(current, self._open(current, stack))
        try:
            # Below a folder that was named lie those of other machines; below one's own log nothing does.
            listed, unread = find_logs(folder) if required else (list_logs(folder), [])
            paths = [path for path in listed if path != current]
        except OSError as error:
            if required or not isinstance(error, FileNotFoundError):
                raise LogError(f"cannot read the folder {folder}: {explain(error)}") from None
            return
        if required and not paths and not current.exists():
            raise LogError(
                f"there is no log in the folder {folder}, at any depth: no file whose name ends in .jsonl or .jsonl.gz"
            )
        self.readings += [Reading(path, problem=explain(error)) for path, error in unread]
        for path in paths:
            yield _File.of(path)

    def _open(self, path: Path, stack: ExitStack) -> io.BufferedReader:
        """Open a file that was named.

        :raises LogError: it cannot be read.
        """
        try:
            return stack.enter_context(open_file(path))
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from None

    def _chain(self, files: Sequence[_File]) -> Iterator[Event]:
        for file in files:
            reading = Reading(file.path)
            try:
                opened = file.opened or open_or_compressed(file.path)
            except OSError as error:
                self.readings.append(reading)
                reading.problem = explain(error)
                continue
            with opened:
                status = os.fstat(opened.fileno())
                identity = (status.st_dev, status.st_ino)
                if identity in self._seen:  # named twice, or rotated since it was opened
                    continue
                self._seen.add(identity)
                self.readings.append(reading)
                self._opened.append(opened)
                yield from _read(opened, reading)
                self._opened.remove(opened)
                self._done += status.st_size


def _allow_files(number: int) -> None:
    """Let this process hold so many files open, as far as the system lets it: logs are merged by time, one file of each."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


@dataclass(frozen=True)
class _File:
    path: Path
    series: str
    """What the names of a log's current file and of its rotated ones have in common."""
    stamp: str
    """When it was rotated; of the current file, a text that sorts after all of these."""
    opened: io.BufferedReader | None

    @classmethod
    def of(cls, path: Path, opened: io.BufferedReader | None = None) -> _File:
        """Read the name of a file."""
        found = _NAME.fullmatch(path.name)
        if found is None:
            return cls(path, path.name, "~", opened)
        return cls(path, found["series"], found["stamp"] or "~", opened)


def _read(file: io.BufferedReader, reading: Reading) -> Iterator[Event]:
    reader = EventReader(_kept_lines(file, reading))
    try:
        for event in reader:
            reading.events += 1
            yield event
    except OSError as error:
        reading.problem = explain(error)
    finally:
        reading.foreign += reader.foreign
        reading.torn += reader.torn


def _kept_lines(file: io.BufferedReader, reading: Reading) -> Iterator[bytes]:
    for number, line in enumerate(read_lines(file)):
        if isinstance(line, LongLine):
            reading.too_long += 1
            reading.foreign += 1
        elif number == 0 and line.startswith(BOM_UTF8):  # a shipper's, or an editor's
            yield line[len(BOM_UTF8) :]
        else:
            yield line
