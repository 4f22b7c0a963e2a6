"""Makes an index of a source; loaded where there is none that is up to date."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

from .index import FORMAT, as_end, short_key
from .records import Affected, Record, read_records
from .sorting import SortedLines
from .sources import Check, SourceError, State, Text, read_texts

_TOLD = 20
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass
class Counts:
    """What a source holds."""

    texts: int = 0
    """JSON texts that were looked at."""
    records: int = 0
    """That count: of PyPI, of a kind that is asked for, and not withdrawn."""
    withdrawn: int = 0
    """Of PyPI and such a kind."""
    other_kinds: int = 0
    """Of PyPI."""
    other_ecosystems: int = 0
    unreadable: int = 0
    without_versions: int = 0
    """Of ``records``: those that name neither a version nor a range of a project, nor a file."""
    names: int = 0
    """Projects that the records name, one in several records counted in each."""
    files: int = 0
    """Digests of files, likewise."""
    problems: list[str] = field(default_factory=list)
    """What is wrong with the first that cannot be read."""

    @property
    def readable(self) -> int:
        """Records that were read, whether they count or not."""
        return self.records + self.withdrawn + self.other_kinds + self.other_ecosystems


def build(path: str, state: State, kinds: Sequence[str], file: IO[bytes], check: Check | None = None) -> Counts:
    """Write the index of a source into a file that is empty.

    :param kinds: beginnings of the identifiers of the records that count: ``MAL-``.
    :param check: looks at everything that is read; None: whoever may write it.
    :raises SourceError: the source cannot be read, or ``check`` says so; or it is one file, and nothing in it can be.
    :raises OSError: the file cannot be written.
    """
    counts = Counts()
    lines = SortedLines()
    keys = array("Q")
    try:
        for text in read_texts(path, state.kind, check):
            counts.texts += 1
            for record in _read(text, counts, path):
                _add(record, kinds, counts, lines, keys)
        if state.kind != "folder" and counts.unreadable and not counts.readable:
            first = counts.problems[0][len(path) + 2 :] if state.kind == "file" else counts.problems[0]
            raise SourceError(path, f"it holds no record that can be read: {first}")
        body = 0
        for line in lines:
            body += file.write(line)
    finally:
        lines.close()
    ordered = array("Q", sorted(keys))
    file.write(ordered.tobytes())
    header = {
        "format": FORMAT,
        "order": sys.byteorder,
        "body": body,
        "keys": len(ordered),
        "path": path,
        "kinds": list(kinds),
        "state": list(state),
        "checked": check is not None,
        "counts": vars(counts),
    }
    file.write(as_end(header))
    return counts


def _read(text: Text, counts: Counts, path: str) -> list[Record]:
    """Return the records of a text; of those that cannot be read, note why."""

    def note(problem: str) -> None:
        counts.unreadable += 1
        if len(counts.problems) < _TOLD:
            counts.problems.append(f"{text.place or path}: {problem}")

    try:
        if text.content is not None:
            return read_records(text.content, note)
        note(text.problem)
    except ValueError as error:
        note(str(error))
    return []


def _add(record: Record, kinds: Sequence[str], counts: Counts, lines: SortedLines, keys: array[int]) -> None:
    if not record.affected:
        counts.other_ecosystems += 1
        return
    if not record.id.startswith(tuple(kinds)):
        counts.other_kinds += 1
        return
    lines.add(b"i:%b\t%b\n" % (record.id.encode(), _json([record.modified, record.is_withdrawn])))
    if record.is_withdrawn:
        counts.withdrawn += 1
        return
    counts.records += 1
    if not any(it.versions or it.ranges or it.sha256 for it in record.affected):
        counts.without_versions += 1
    for affected in record.affected:
        _add_affected(record, affected, counts, lines, keys)


def _add_affected(record: Record, affected: Affected, counts: Counts, lines: SortedLines, keys: array[int]) -> None:
    if affected.versions or affected.ranges:
        key = b"n:%b" % affected.name.encode()
        lines.add(b"%b\t%b\n" % (key, _json([record.id, record.modified, affected.versions, affected.ranges])))
        keys.append(short_key(key))
        counts.names += 1
    for digest in affected.sha256:
        lines.add(b"h:%b\t%b\n" % (digest.encode(), _json([record.id, record.modified, (), ()])))
        keys.append(int(digest[:16], 16))
        counts.files += 1


def _json(value: object) -> bytes:
    return _encode(value).encode()
