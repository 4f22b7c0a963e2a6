"""One remembered file as a value, and as a line of JSON: what an export, an import and a side file are made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import compress
from operator import attrgetter
from typing import Any

from ..patterns import Name, normalise_name
from ..tuples import NamedTuple

FORMAT = 1
"""The version of the lines. It changes when a field changes its meaning or goes; a new field does not count."""
MAX_TEXT = 500
"""Characters of a file's name, of a version and of a project's name."""
MAX_URL = 2000

_DIGITS = 64  # of a sha256
_TIME = r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?Z"
_BEGINNING = '{"ledger":'
_KEYS = ("name", "version", "file", "index", "first_seen")


class LedgerError(Exception):
    """The ledger, or what was to be read into it, cannot be used; the text says which and why."""


class Sighting(NamedTuple):
    """One file of one index, as it was first seen."""

    name: Name
    version: str
    file: str
    sha256: str | None
    """Hexadecimal; None where the index gave none."""
    place: str
    """The index's URL as the policy writes it, ``pypi`` for the public one; secrets stand there as ``{token}``."""
    first_seen: int
    """Seconds since 1970, UTC."""
    attested: bool = False
    """Whether the index has shown an attestation of it (PEP 740)."""

    @property
    def is_fit(self) -> bool:
        """Whether it may be kept: an index may send texts of any length, and of characters that are none."""
        texts = (self.name, self.version, self.file)
        return (
            all(text and text.isprintable() and len(text) <= MAX_TEXT for text in texts)
            and 0 < len(self.place) <= MAX_URL
            and self.place.isprintable()
            and (self.sha256 is None or _is_digest(self.sha256))
            and 0 <= self.first_seen < 2**40
        )

    def as_record(self) -> dict[str, Any]:
        """Return it as the object that a line holds."""
        return {
            "ledger": FORMAT,
            "name": self.name,
            "version": self.version,
            "file": self.file,
            "sha256": self.sha256,
            "index": self.place,
            "first_seen": show_time(self.first_seen),
            "attested": self.attested,
        }

    def as_line(self) -> str:
        """Return it as one line of an export, pure ASCII, with its end."""
        return json.dumps(self.as_record(), separators=(",", ":")) + "\n"


class Sightings(Mapping[str, Sighting]):
    """What is remembered of a project's files, by their names: of thousands on a page, few are looked at any closer.

    :param place: of all files.
    :param files: their names, a line each, as the others: versions, SHA-256 or nothing, first times, 1 where attested.
    :raises ValueError: a text in it is no line.
    """

    def __init__(self, name: Name, place: str = "", files: str = "", *columns: str) -> None:
        self._name, self._place = name, place
        self._files = files.split("\n") if files else []
        self._columns = [column.split("\n") for column in columns]
        if any(len(column) != len(self._files) for column in self._columns):
            raise ValueError("a text in it has several lines")
        versions, digests, _, flags = self._columns or ([], [], [], [])
        self.digests: Mapping[str, str] = dict(zip(self._files, digests))
        """SHA-256 of each file, hexadecimal; empty where the index gave none."""
        self.attested = frozenset(compress(self._files, map("1".__eq__, flags)) if "1" in flags else ())
        """The files of which the index has shown an attestation."""
        self.attested_versions = frozenset(compress(versions, map("1".__eq__, flags)) if self.attested else ())
        self._made: dict[str, Sighting] = {}
        self._rows: dict[str, int] = {}
        """The place of each file, once one is looked at."""

    @classmethod
    def merged(cls, name: Name, several: Sequence[Sightings]) -> Sightings:
        """Return what several URLs of one index have shown: of a file the earliest time counts, and the earliest hash."""
        found: dict[str, Sighting] = {}
        for it in sorted((it for one in several for it in one.values()), key=attrgetter("first_seen")):
            before = found.setdefault(it.file, it)
            if before.sha256 is None and it.sha256 is not None:
                found[it.file] = before._replace(sha256=it.sha256)
        rows = [(it.file, it.version, it.sha256 or "", str(it.first_seen), f"{it.attested:d}") for it in found.values()]
        made = cls(name, "", *map("\n".join, zip(*rows)))
        made._made = found
        return made

    def __getitem__(self, file: str) -> Sighting:
        if file not in self._made:
            if file not in self.digests:
                raise KeyError(file)
            self._rows = self._rows or {name: row for row, name in enumerate(self._files)}
            version, digest, time, flag = (column[self._rows[file]] for column in self._columns)
            values = (self._name, version, file, digest or None, self._place, int(time), flag == "1")
            self._made[file] = Sighting(*values)
        return self._made[file]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _is_digest(text: str) -> bool:
    return len(text) == _DIGITS and not text.strip("0123456789abcdef")


def show_time(seconds: int) -> str:
    """Return a time as text, UTC: ``2030-01-31T12:00:00Z``; one that no calendar has, as the number it is."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def read_time(text: object) -> int:
    """Return the seconds of a time that ``show_time`` has written, or an event of the audit log.

    :raises ValueError: it is no such text.
    """
    found = re.fullmatch(_TIME, text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("no time such as 2030-01-31T12:00:00Z")
    year, month, day, hour, minute, second = map(int, found.groups())
    return int(datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp())


def is_line(line: bytes) -> bool:
    """Tell whether a line is one of an export, by how it begins."""
    return line.lstrip().startswith(_BEGINNING.encode())


def parse_line(line: bytes) -> Sighting:
    """Read one line of an export.

    :raises ValueError: it is none; the text says why.
    """
    try:
        found = json.loads(line)
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(found, dict) or found.get("ledger") != FORMAT:
        raise ValueError(f'no object with "ledger": {FORMAT}')
    wrong = [key for key in _KEYS if not isinstance(found.get(key), str)]
    sha256, attested = found.get("sha256"), found.get("attested", False)
    wrong += [] if sha256 is None or isinstance(sha256, str) else ["sha256"]
    wrong += [] if isinstance(attested, bool) else ["attested"]
    if wrong:
        raise ValueError(f"`{wrong[0]}` is missing, or no value that it may have")
    try:
        seconds = read_time(found["first_seen"])
    except ValueError as error:
        raise ValueError(f"`first_seen`: {error}") from None
    name = normalise_name(found["name"])
    sighting = Sighting(name, found["version"], found["file"], sha256, found["index"], seconds, attested)
    if not sighting.is_fit:
        raise ValueError("a text in it is empty, too long or cannot be printed, or `sha256` is no SHA-256")
    return sighting
