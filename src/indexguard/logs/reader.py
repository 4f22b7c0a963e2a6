"""Reads the log back: whole events of this schema, and a count of the lines that are none."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from ..audit.event import SCHEMA

_BEGINNING = f'{{"schema":{SCHEMA},'.encode()


class EventReader:
    """Iterates over the events among the lines of a log; what is torn, foreign or of another schema is counted.

    :param lines: the lines of the file, as bytes.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.foreign = 0
        """Lines met so far that are not events of this schema."""
        self.torn = 0
        """Those among them that begin as an event does: a write was cut off."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for line in self._lines:
            text = line.strip()
            if not text:
                continue
            event = _parse(text)
            if event is not None:
                yield event
                continue
            self.foreign += 1
            if text.startswith(_BEGINNING) and not text.endswith(b"}"):
                self.torn += 1


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _refuse_number(text: str) -> NoReturn:
    """Refuse what is no number of JSON (RFC 8259), although Python reads and would print it: NaN, Infinity.

    :raises ValueError: always.
    """
    raise ValueError(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; refuse an event, or its rule, that says one thing twice: readers differ on which of the two counts.

    :raises ValueError: it does.
    """
    found = dict(pairs)
    if len(found) != len(pairs) and ("event" in found or "key" in found):
        raise ValueError(*found)
    return found


_DECODE = json.JSONDecoder(parse_constant=_refuse_number, parse_float=_finite, object_pairs_hook=_once).raw_decode
"""One decoder for all lines: ``json.loads`` makes one for each call that has such parameters."""


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the event in a line that has no white space around it."""
    try:
        text = line.decode("utf-8")
        event, end = _DECODE(text)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    if end != len(text) or not isinstance(event, dict):
        return None
    schema = event.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        return None
    return event if isinstance(event.get("time"), str) and isinstance(event.get("event"), str) else None
