"""What copies of a log hold that were kept elsewhere: what syslog, the journal or a shipper has received, in its own form.

An event may stand bare behind a head (syslog, containers), as a text in JSON (the journal, Filebeat, Vector, Fluent Bit,
Docker), or as JSON in JSON; it may be shortened by its writer, and cut off by whoever received it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..audit.line import digest
from ..audit.shortening import SHORTENED
from ..errors import escape

_BEGINNING = b'{"schema":'
_QUOTED = (rb"{\"schema\":", rb"{\"shortened\":")
_MAY_HOLD = re.compile(rb"schema|shortened|123, ?34, ?115")  # the last one is how an event begins, in numbers
_VALUE = re.compile(rb'[{\[]|"(?=\{\\")')
_MOST_VALUES = 8
_BARE = re.compile(rb'\{"(?:schema|shortened)":')
_PIECE = re.compile(rb'\{"schema":[0-9]+,"time":"[^"\\]*","run":"([^"\\]*)","seq":([0-9]+),')
_END = re.compile(rb',"prev":(?:null|"[0-9a-f]{64}")\}\Z')
"""Of a line as it was written: of one that a shipper has written anew the fields are kept too."""
_OF_SHIPPERS = frozenset({"time", "host", "message"})
"""Fields that shippers have of their own: of theirs one is an object or gone."""
_DEEPEST = 20
_DECODE = json.JSONDecoder().raw_decode


@dataclass
class CopyCount:
    """What was found in one copy."""

    lines: int = 0
    events: int = 0
    """Each counts as often as it is there."""
    unread: int = 0
    """Lines of ours in which no event can be read (it is left out, or cut off before its number), or that are too long."""


@dataclass(frozen=True)
class _Found:
    """An event in a copy."""

    text: str
    """Which one it is."""
    digest: str | None = None
    """Of its line; None if only a piece of it is here."""
    number: tuple[object, object] | None = None
    """Its run, and its number there."""
    fields: Mapping[str, Any] | None = None
    piece: bytes | None = None

    @property
    def key(self) -> object:
        """What is the same in two copies of it."""
        return self.digest or self.piece


class Copies:
    """The events of copies, each to be found in the log."""

    def __init__(self) -> None:
        self.of: dict[str, CopyCount] = {}
        """By the name of the copy."""
        self.cut = 0
        """Events whose beginning is all that a copy has, and is in the log."""
        self.by_fields = 0
        """Events that were found by their fields: a shipper has written them anew."""
        self._left: dict[object, _Found] = {}
        self._by_number: dict[tuple[object, object], set[object]] = {}

    def add(self, name: str, lines: Iterable[bytes | None]) -> None:
        """Take what a copy holds.

        :param name: of the copy.
        :param lines: None for one that was too long to be kept.
        """
        counted = self.of.setdefault(name, CopyCount())
        for line in lines:
            counted.lines += 1
            found = [] if line is None else list(_events_in(line))
            counted.unread += line is None or (not found and _is_ours(line))
            counted.events += len(found)
            for event in found:
                self._left[event.key] = event
                if event.number is not None:
                    self._by_number.setdefault(event.number, set()).add(event.key)

    @property
    def events(self) -> int:
        """How many events there are, each once, to be looked for in the log."""
        return len(self._left)

    @property
    def missing(self) -> list[str]:
        """The events that were not found, as text."""
        return [event.text for event in self._left.values()]

    def find(self, line: bytes, told: str, event: Mapping[str, Any] | None) -> None:
        """Look for a line of the log.

        :param told: its digest.
        :param event: what it holds.
        """
        self._left.pop(told, None)
        number = _number(event or {})
        for key in self._by_number.get(number, ()) if event is not None and number is not None else ():
            found = self._left.get(key)
            if found is None:
                continue
            if found.piece is not None and line.startswith(found.piece):
                self.cut += 1
                del self._left[key]
            elif found.fields is not None and _agree(found.fields, event or {}):
                self.by_fields += 1
                del self._left[key]


def _number(event: Mapping[str, Any]) -> tuple[object, object] | None:
    run, seq = event.get("run"), event.get("seq")
    return (run, seq) if isinstance(run, str) and type(seq) is int else None


def _is_event(value: Mapping[str, Any]) -> bool:
    return "schema" in value and _number(value) is not None and isinstance(value.get("event"), str)


def _agree(copied: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Tell whether a copy has each field of an event as the event has it, but for those that a shipper has of its own."""
    for key, value in event.items():
        here = copied.get(key)
        is_shippers = key in _OF_SHIPPERS and (here is None or isinstance(here, dict))
        if not is_shippers and (here != value or type(here) is not type(value)):
            return False
    return True


def _events_in(line: bytes, depth: int = 0) -> Iterator[_Found]:
    """Yield the events in a line of a copy, or in a text of it."""
    found = _BARE.search(line)
    if found is None and depth < _DEEPEST:
        yield from _events_in_json(line, depth)
    while found is not None:
        start = found.start()
        try:
            event, length = _DECODE(line[start:].decode("latin-1"))  # one character for each byte
        except (ValueError, RecursionError):
            yield from _piece(line, start)
            return
        if "shortened" in event:
            yield from _shortened(event)
        elif _is_event(event):
            whole = line[start : start + length]
            is_ours = _END.search(whole) is not None
            yield _Found(
                _describe(event), digest(whole), None if is_ours else _number(event), None if is_ours else event
            )
        found = _BARE.search(line, start + length)


def _piece(line: bytes, start: int) -> Iterator[_Found]:
    piece = _PIECE.match(line, start)
    if piece is not None:
        words = (piece[1].decode("utf-8", "replace"), int(piece[2]))
        shown = escape(f"run {words[0]}  {words[1]}  (only its beginning is there)")
        yield _Found(shown, number=words, piece=line[start:].rstrip(b"\r\n"))


def _shortened(event: Mapping[str, Any]) -> Iterator[_Found]:
    if isinstance(event.get("sha256"), str):
        yield _Found(_describe(event), event["sha256"])


def _events_in_json(line: bytes, depth: int) -> Iterator[_Found]:
    """Yield the events in the first value of a line that has some: what stands before it may hold brackets too."""
    if not _MAY_HOLD.search(line):
        return
    for begin in islice(_VALUE.finditer(line), _MOST_VALUES):
        try:
            value, _ = _DECODE(line[begin.start() :].decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            continue
        found = list(_events_of(value, depth))
        if found:
            yield from found
            return


def _events_of(value: object, depth: int) -> Iterator[_Found]:
    """Yield the events in a value of JSON."""
    if depth >= _DEEPEST:
        return
    if isinstance(value, str):
        yield from _events_in(value.encode("utf-8", "replace"), depth + 1)
    elif isinstance(value, list):
        if value and all(isinstance(item, int) and 0 <= item < 256 for item in value):  # noqa: PLR2004  # bytes, as journalctl has them
            yield from _events_in(bytes(value), depth + 1)
            return
        for item in value:
            yield from _events_of(item, depth + 1)
    elif isinstance(value, dict):
        if "shortened" in value and "sha256" in value:
            yield from _shortened(value)
        elif _is_event(value):
            text = json.dumps(value, sort_keys=True)
            yield _Found(_describe(value), digest(text.encode()), _number(value), value)
        else:
            for item in value.values():
                yield from _events_of(item, depth + 1)


def _is_ours(line: bytes) -> bool:
    """Tell whether a line in which no event was found must have had one: as ``journalctl`` leaves out what is long."""
    if any(word in line for word in (_BEGINNING, SHORTENED, *_QUOTED)):
        return True
    return b'"INDEXGUARD_RUN"' in line or (b'"SYSLOG_IDENTIFIER"' in line and b'"indexguard"' in line)


def _describe(event: Mapping[str, Any]) -> str:
    words = (str(event.get(name)) for name in ("time", "run", "seq", "event"))
    return escape("  ".join(words))
