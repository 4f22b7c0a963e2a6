"""The index: of 100,000 records, a run pays for those that it meets.

One file, private to this package, in which sorted lines of ``KEY<tab>VALUE`` stand first: ``n:NAME``, ``h:SHA256`` and
``i:ID``. An array of the first 64 bits of a digest of each name's key, and of each SHA-256 itself, follows: it tells at
once that nothing is known of most names and files. Then come a header in JSON, and where it begins.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from array import array
from bisect import bisect_left
from threading import Lock
from typing import IO, TYPE_CHECKING, Any

from ..patterns import Name
from ..tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .records import Affected

FORMAT = 3
MAGIC = b"IGADVIX1"
_TAIL = len(MAGIC) + 8
_BLOCK = 1024 * 1024
_FEW = 200
"""Questions that are answered from the file; for more of them the array is read, which takes some milliseconds."""


def as_end(header: Mapping[str, Any]) -> bytes:
    """Return the end of an index, behind its lines and its array."""
    start: int = header["body"] + 8 * header["keys"]
    return json.dumps(header).encode() + start.to_bytes(8, "big") + MAGIC


class Entry(NamedTuple):
    """What one record says of one project, or of a file."""

    record: str
    modified: str
    affected: Affected


class Index:
    """Reads one index.

    :param file: is kept open.
    :raises ValueError: it is damaged, or of another version or machine.
    :raises OSError: it cannot be read.
    """

    def __init__(self, file: IO[bytes], place: str | None = None) -> None:
        self._file = file
        self._lock = Lock()
        """pip <= 21.3 asks in several threads, and the file has one place at which it is read."""
        self.place = place
        """The path of the file; None for one that is not kept."""
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
        if len(tail) != _TAIL or tail[8:] != MAGIC:
            raise ValueError("it has no end")
        start = int.from_bytes(tail[:8], "big")
        file.seek(start)
        header = json.loads(file.read(max(0, size - _TAIL - start)))
        if header["format"] != FORMAT or header["order"] != sys.byteorder:
            raise ValueError("it is of another version or machine")
        self.header: dict[str, Any] = header
        self._body: int = header["body"]
        self._count: int = header["keys"]
        if self._body + 8 * self._count != start:
            raise ValueError("its parts do not fit together")
        self._keys: array[int] | None = None
        self._asked = 0
        self._names: dict[Name, tuple[Entry, ...]] = {}

    def copy_to(self, file: IO[bytes], header: Mapping[str, Any]) -> None:
        """Write the same index with another header.

        :raises OSError: the system refuses.
        """
        left = self._body + 8 * self._count
        with self._lock:
            self._file.seek(0)
            while left > 0 and (block := self._file.read(min(left, _BLOCK))):
                left -= file.write(block)
        file.write(as_end(header))

    def find_name(self, name: Name) -> tuple[Entry, ...]:
        """Return what is said of a project."""
        found = self._names.get(name)
        if found is None:
            key = b"n:%b" % name.encode()
            with self._lock:
                found = self._names[name] = self._entries(key, name) if self._may_have(short_key(key)) else ()
        return found

    def find_file(self, sha256: str) -> tuple[Entry, ...]:
        """Return what is said of a file by its SHA-256 (lower-case hexadecimal)."""
        key = int(sha256[:16], 16)
        with self._lock:
            return self._entries(b"h:%b" % sha256.encode(), Name("")) if self._may_have(key) else ()

    def may_have_files(self, digests: Sequence[str]) -> bool:
        """Tell whether something may be said of one of many files.

        :param digests: what is said to be the SHA-256 of each, in lower case.
        """
        try:
            keys = array("Q", bytes.fromhex("".join([digest[:16] for digest in digests])))
        except ValueError:
            return True
        if len(keys) != len(digests):  # there was a blank in one
            return True
        if sys.byteorder == "little":
            keys.byteswap()
        with self._lock:
            if len(keys) <= _FEW:
                return any(map(self._may_have, keys))
            return not set(keys).isdisjoint(self._all_keys())

    def find_record(self, record: str) -> list[tuple[str, bool]]:
        """Return of each record of that identifier when it was modified, and whether it is withdrawn."""
        with self._lock:
            return [(modified, withdrawn) for modified, withdrawn in self._values(b"i:%b" % record.encode())]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __del__(self) -> None:
        self.close()  # who has opened it does not know when nobody asks any more

    def _may_have(self, key: int) -> bool:
        if self._keys is None:
            self._asked += 1
            if self._asked <= _FEW:
                return self._has_in_file(key)
        keys = self._all_keys()
        place = bisect_left(keys, key)
        return place < len(keys) and keys[place] == key

    def _all_keys(self) -> array[int]:
        if self._keys is None:
            self._keys = array("Q")
            self._file.seek(self._body)
            self._keys.frombytes(self._file.read(8 * self._count))
        return self._keys

    def _has_in_file(self, key: int) -> bool:
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            self._file.seek(self._body + 8 * middle)
            found = int.from_bytes(self._file.read(8), sys.byteorder)
            if found == key:
                return True
            low, high = (middle + 1, high) if found < key else (low, middle)
        return False

    def _entries(self, key: bytes, name: Name) -> tuple[Entry, ...]:
        from .records import Affected  # noqa: PLC0415  # few runs meet one

        found = []
        for record, modified, versions, ranges in self._values(key):
            events = tuple(tuple((kind, version) for kind, version in one) for one in ranges)
            found.append(Entry(record, modified, Affected(name, tuple(versions), events)))
        return tuple(found)

    def _values(self, key: bytes) -> list[Any]:
        """Return the values of a key: its first line is found by halving, the others follow it."""
        file, low, high = self._file, 0, self._body
        while low < high:
            middle = (low + high) // 2
            line = self._line_at(middle)
            if line and line.partition(b"\t")[0] < key:
                low = middle + 1
            else:
                high = middle
        values = []
        line = self._line_at(low)
        while line:
            found, _, value = line.partition(b"\t")
            if found != key:
                break
            values.append(json.loads(value))
            line = file.readline() if file.tell() < self._body else b""
        return values

    def _line_at(self, place: int) -> bytes:
        """Return the first line that begins at a place or behind it; none at the end."""
        if place:
            self._file.seek(place - 1)
            self._file.readline()
        else:
            self._file.seek(0)
        return self._file.readline() if self._file.tell() < self._body else b""


def short_key(key: bytes) -> int:
    """Return what stands for a key in the array."""
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big")
