"""Whether a log is whole: each line must go on from the line before it, and each sealed run must have all its events.

What this shows, and what no file can show of itself, stands in README.md beside this module.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..audit.kinds import SEALED
from ..audit.line import digest
from ..audit.place import FILE_NAME, is_rotated
from ..audit.writer import LONGEST_LINE
from ..errors import escape
from .copies import Copies
from .opening import LogError, LongLine, explain, find_logs, list_logs, open_file, read_named, unreadable
from .reader import EventReader
from .record import table

_AFTER_COMPRESSED = (
    "it goes on from no line: the file before it was compressed before this one was begun; whether lines between"
    " the two are missing cannot be told"
)
_OF_LOSS = re.compile(r"audit\..+\.lost", re.DOTALL)
_OF_ONE_RUN = re.compile(r"audit\..+\.jsonl(?:\.gz)?", re.DOTALL)


@dataclass(frozen=True)
class Remark:
    """What is to be said of one line."""

    path: Path
    line: int
    """From 1."""
    text: str

    def __str__(self) -> str:
        return f"{escape(str(self.path))}, line {self.line}: {self.text}"


@dataclass
class Verification:
    """What was found in a log."""

    files: int = 0
    lines: int = 0
    events: int = 0
    torn: int = 0
    """Lines that are no event: an earlier write was cut off, or somebody else wrote. The chain holds them too."""
    runs: int = 0
    unsealed: list[str] = field(default_factory=list)
    """The ids of runs without a seal at their end: they go on, were killed, or the end of the log is missing."""
    breaks: list[Remark] = field(default_factory=list)
    """The places where the log is not as it was written."""
    unproven: list[Remark] = field(default_factory=list)
    """Those where nothing tells whether lines are missing."""
    lost: dict[str, int] = field(default_factory=dict)
    """How many events the log has not taken, a full disk being the cause, by the run that says so."""
    missing: list[str] = field(default_factory=list)
    """Events that a copy of the log has and the log has not, as text."""
    compared: int = 0
    """Events of copies that were looked for in the log, each once."""
    cut: int = 0
    """Those among them of which a copy has the beginning only."""
    by_fields: int = 0
    """Those among them that a shipper has written anew: compared by their fields."""
    empty: list[str] = field(default_factory=list)
    """Files and folders that were named, and copies, in which there is no event: nothing was verified there."""

    @property
    def is_changed(self) -> bool:
        """Whether anything was found changed, removed, moved or inserted."""
        return bool(self.breaks or self.missing)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was, and there was something to be verified wherever one was told to look."""
        return not self.is_changed and not self.empty


@dataclass
class _Run:
    last: int
    is_sealed: bool = False
    gaps: list[Remark] = field(default_factory=list)
    absent: int = 0
    """How many events are missing in its gaps."""


class Verifier:
    """Reads a log, its oldest file first.

    :param copies: those that were kept elsewhere: each event among them must be in the log.
    """

    def __init__(self, copies: Copies | None = None) -> None:
        self.found = Verification()
        self._runs: dict[str, _Run] = {}
        self._copies = Copies() if copies is None else copies
        self._events: dict[Path, int] = {}

    def read(self, paths: Sequence[Path]) -> Verification:
        """Verify files and folders; of a folder the log, its rotated files and those of single runs.

        :raises LogError: one cannot be read.
        """
        self.found.compared = self._copies.events
        folders = {path: _folders_of(path) for path in paths if path.is_dir()}
        with ExitStack() as stack:
            below = [each for path in paths for each in folders.get(path, [path])]
            for chain in _chains(list(dict.fromkeys(below)), stack):
                self._read_chain(chain)
        for folder in dict.fromkeys(path if path.is_dir() else path.parent for path in below):
            self._excuse(find_losses(folder))
        self.found.runs = len(self._runs)
        self.found.unsealed = [run for run, state in self._runs.items() if not state.is_sealed]
        self.found.missing = self._copies.missing
        self.found.cut, self.found.by_fields = self._copies.cut, self._copies.by_fields
        with_events = {path for path, events in self._events.items() if events}
        with_events |= {path.parent for path in with_events}
        with_events |= {path for path, below in folders.items() if with_events.intersection(below)}
        self.found.empty = [str(path) for path in paths if path not in with_events]
        self.found.empty += [name for name, copy in self._copies.of.items() if not copy.events]
        return self.found

    def _excuse(self, losses: dict[str, int]) -> None:
        """Note which events a run says that the log has not taken: it counts them, and the chain goes on without them."""
        self.found.lost.update(losses)
        for run, count in losses.items():
            state = self._runs.get(run)
            if state is not None and state.absent <= count:
                self.found.breaks = [it for it in self.found.breaks if it not in state.gaps]

    def _read_chain(self, files: Sequence[_File]) -> None:
        head: str | None = None
        before: Path | None = None
        for file in files:
            self.found.files += 1
            for number, line in enumerate(read_named(file.path, LONGEST_LINE, file.opened), 1):
                self.found.lines += 1
                if isinstance(line, LongLine):
                    self.found.torn += 1
                    head = line.digest
                else:
                    text = line[:-1] if line.endswith(b"\n") else line
                    self._read_line(text, _Place(file.path, number, head, before))
                    head = digest(text)
            before = file.path

    def _read_line(self, line: bytes, place: _Place) -> None:
        event = _read(line)
        self._copies.find(line, digest(line), event)
        if event is None:
            self.found.torn += 1
            return
        self.found.events += 1
        self._events[place.path] = self._events.get(place.path, 0) + 1
        prev = event.get("prev")
        if prev is None and place.follows_compressed:
            self.found.unproven.append(place.remark(_AFTER_COMPRESSED))
        elif prev != place.head:
            self.found.breaks.append(place.remark(place.explain(prev)))
        self._count(place, event)

    def _count(self, place: _Place, event: dict[str, Any]) -> None:
        """Note an event of a run: they are numbered from 1, and the last one is a seal."""
        run, seq = event.get("run"), event.get("seq")
        if not isinstance(run, str) or not isinstance(seq, int):
            return
        state = self._runs.setdefault(run, _Run(0))
        if seq != state.last + 1:
            gap = place.remark(f"event {seq} of run {escape(run)} follows event {state.last} of it")
            self.found.breaks.append(gap)
            state.gaps.append(gap)
            state.absent += seq - state.last - 1 if seq > state.last else sys.maxsize
        state.last = seq
        state.is_sealed = event["event"] == SEALED
        told = table(event, "seal").get("events")
        if state.is_sealed and told != seq:
            text = f"the seal of run {escape(run)} does not stand for the {seq} events that it has"
            self.found.breaks.append(place.remark(text))


@dataclass(frozen=True)
class _Place:
    """Where a line stands."""

    path: Path
    number: int
    """From 1."""
    head: str | None
    """The digest of the line before it, which may be the last one of the file before."""
    before: Path | None
    """The file before."""

    @property
    def follows_compressed(self) -> bool:
        """Whether the line is the first after a compressed file: a writer does not read the end of one."""
        return self.number == 1 and self.before is not None and self.before.suffix == ".gz"

    def remark(self, text: str) -> Remark:
        """Say something of the line."""
        return Remark(self.path, self.number, text)

    def explain(self, prev: object) -> str:
        """Return what it means that the line goes on from another one."""
        if self.number > 1:
            if prev is None:
                return "it goes on from no line: it was inserted, or its writer could not read the log"
            line = f"line {self.number - 1}"
            return f"it does not go on from {line}: that line was changed or inserted, or one between was removed"
        if self.before is None:
            return "the line that it goes on from is not here: a file before this one, or its beginning, is missing"
        whose = f"the last line of {escape(self.before.name)}"
        if prev is None:
            return f"it goes on from no line: it was put behind {whose}, or its writer could not read that"
        return f"it does not go on from {whose}"


def find_losses(folder: Path) -> dict[str, int]:
    """Return how many events are lost, by the run that has left a mark; none where the folder cannot be read."""
    try:
        marks = [path for path in sorted(folder.iterdir()) if _OF_LOSS.fullmatch(path.name)]
        return {mark.name[len("audit.") : -len(".lost")]: max(1, mark.lstat().st_size) for mark in marks}
    except OSError:
        return {}


def _read(line: bytes) -> dict[str, Any] | None:
    return next(iter(EventReader((line,))), None)


# The files


@dataclass(frozen=True)
class _File:
    path: Path
    opened: io.BufferedReader | None = None


def _folders_of(folder: Path) -> list[Path]:
    """Return a folder, and those below it that hold logs, at any depth.

    :raises LogError: one of them cannot be read.
    """
    try:
        found, unread = find_logs(folder)
    except OSError as error:
        raise LogError(f"cannot read the folder {folder}: {explain(error)}") from None
    if unread:
        path, why = unread[0]
        raise LogError(f"cannot read the folder {path}: {explain(why)}")
    return list(dict.fromkeys([folder, *(path.parent for path in found)]))


def _chains(paths: Sequence[Path], stack: ExitStack) -> Iterator[list[_File]]:
    """Yield the files that go on from one another, the oldest of each chain first.

    :raises LogError: one cannot be read.
    """
    for folder in (path for path in paths if path.is_dir()):
        yield from _chains_of(folder, stack)
    named = [path for path in paths if not path.is_dir()]
    rotated = sorted((path for path in named if is_rotated(path)), key=lambda path: path.name)
    for folder in dict.fromkeys(path.parent for path in named):
        own = [path for path in rotated if path.parent == folder]
        yield [*map(_File, own), *(_File(path) for path in named if path.parent == folder and path.name == FILE_NAME)]
    yield from ([_File(path)] for path in named if path not in rotated and path.name != FILE_NAME)


def _chains_of(folder: Path, stack: ExitStack) -> Iterator[list[_File]]:
    """Yield the log of a folder, and those of single runs.

    The current file is opened before the others are listed: a pip that rotates it meanwhile takes nothing from us.

    :raises LogError: the folder or the current file cannot be read.
    """
    path = folder / FILE_NAME
    try:
        current = stack.enter_context(open_file(path))
    except FileNotFoundError:
        current = None
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        found = list_logs(folder)
    except OSError as error:
        raise LogError(f"cannot read the folder {folder}: {explain(error)}") from None
    files = [_File(path) for path in found if is_rotated(path)]
    if current is not None and not any(_is_at(file.path, current) for file in files):
        files.append(_File(path, current))
    yield files
    yield from ([_File(path)] for path in found if _OF_ONE_RUN.fullmatch(path.name))


def _is_at(path: Path, file: io.BufferedReader) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:  # compressed since it was listed
        return False
