"""Whether a log is whole: each line must go on from the line before it, and each sealed run must have all its events.

What this shows, and what no file can show of itself, stands in the README.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import escape
from .reader import EventReader
from .writer import FILE_NAME, digest, is_rotated, rotated_files

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Break:
    """One place where a log is not as it was written."""

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
    breaks: list[Break] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Events that a copy of the log has and the log has not, as text."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found changed, removed, moved or inserted."""
        return not self.breaks and not self.missing


@dataclass
class _Run:
    last: int
    is_sealed: bool = False


class Verifier:
    """Reads a log, its oldest file first.

    :param copies: the lines of copies that were kept elsewhere (what syslog or a shipper has received): each event among
        them must be in the log.
    """

    def __init__(self, copies: Iterable[bytes] = ()) -> None:
        self.found = Verification()
        self._runs: dict[str, _Run] = {}
        self._copies = {digest(event): event for event in map(_event_in, copies) if event is not None}

    def read(self, paths: Sequence[Path]) -> Verification:
        """Verify files and folders; of a folder the log, its rotated files and those of single runs.

        :raises OSError: one cannot be read.
        """
        for chain in _chains(paths):
            self._read_chain(chain)
        self.found.runs = len(self._runs)
        self.found.unsealed = [run for run, state in self._runs.items() if not state.is_sealed]
        self.found.missing = [_describe(event) for event in self._copies.values()]
        return self.found

    def _read_chain(self, paths: Sequence[Path]) -> None:
        head: str | None = None
        before: Path | None = None
        for path in paths:
            self.found.files += 1
            for number, line in enumerate(_lines(path), 1):
                self._read_line(path, number, line, head, before)
                head = digest(line)
            before = path

    def _read_line(self, path: Path, number: int, line: bytes, head: str | None, before: Path | None) -> None:
        self.found.lines += 1
        self._copies.pop(digest(line), None)
        event = _read(line)
        if event is None:
            self.found.torn += 1
            return
        self.found.events += 1
        if event.get("prev") != head:
            self.found.breaks.append(Break(path, number, _explain(event.get("prev"), number, before)))
        self._count(path, number, event)

    def _count(self, path: Path, number: int, event: dict[str, Any]) -> None:
        """Note an event of a run: they are numbered from 1, and the last one is a seal."""
        run, seq = event.get("run"), event.get("seq")
        if not isinstance(run, str) or not isinstance(seq, int):
            return
        state = self._runs.setdefault(run, _Run(0))
        if seq != state.last + 1:
            text = f"event {seq} of run {escape(run)} follows event {state.last} of it"
            self.found.breaks.append(Break(path, number, text))
        state.last = seq
        state.is_sealed = event["event"] == "sealed"


def _read(line: bytes) -> dict[str, Any] | None:
    return next(iter(EventReader((line,))), None)


def _explain(prev: object, number: int, before: Path | None) -> str:
    if number > 1:
        if prev is None:
            return "it goes on from no line: it was inserted, or its writer could not read the log"
        return (
            f"it does not go on from line {number - 1}: that line was changed or inserted, or one between was removed"
        )
    if before is None:
        return "the line that it goes on from is not here: a file before this one, or its beginning, is missing"
    return f"it does not go on from the last line of {escape(before.name)}"


def _chains(paths: Sequence[Path]) -> Iterator[list[Path]]:
    for path in paths:
        if not path.is_dir():
            continue
        current = [file for file in (path / FILE_NAME,) if file.exists()]
        yield [*rotated_files(path), *current]
        yield from ([side] for side in sorted(path.glob("audit.*.jsonl")))
    named = [path for path in paths if not path.is_dir()]
    rotated = sorted((path for path in named if is_rotated(path)), key=lambda path: path.name)
    for folder in dict.fromkeys(path.parent for path in named):
        own = [path for path in rotated if path.parent == folder]
        yield own + [path for path in named if path.parent == folder and path.name == FILE_NAME]
    yield from ([path] for path in named if path not in rotated and path.name != FILE_NAME)


def _lines(path: Path) -> Iterator[bytes]:
    with ExitStack() as stack:
        file: BinaryIO = stack.enter_context(path.open("rb"))
        if file.read(len(_GZIP)) == _GZIP:
            file.seek(0)
            file = stack.enter_context(gzip.GzipFile(fileobj=file))  # type: ignore[assignment]  # it is one
        else:
            file.seek(0)
        try:
            for line in file:
                yield line[:-1] if line.endswith(b"\n") else line
        except (EOFError, zlib.error) as error:
            raise OSError(0, f"{path.name}: its compressed data is damaged: {error}") from None


def _event_in(line: bytes) -> bytes | None:
    """Return the event in a line of a copy: what syslog or a shipper has put before it does not count."""
    start = line.find(b'{"schema":')
    return None if start < 0 else line[start : line.rfind(b"}") + 1]


def _describe(event: bytes) -> str:
    told = _read(event) or {}
    words = (str(told.get(name)) for name in ("time", "run", "seq", "event"))
    return escape("  ".join(words))
