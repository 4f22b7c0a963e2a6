"""Reads the log back: whole events of this schema, and a count of the lines that are none."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from .event import SCHEMA


class EventReader:
    """Iterates over the events among the lines of a log; what is torn, foreign or of another schema is counted.

    :param lines: the lines of the file, as bytes.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.foreign = 0
        """Lines met so far that are not events of this schema."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for line in self._lines:
            if not line.strip():
                continue
            event = _parse(line)
            if event is None:
                self.foreign += 1
            else:
                yield event


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _refuse_number(text: str) -> NoReturn:
    """Refuse what is no number of JSON (RFC 8259), although Python reads and would print it: NaN, Infinity.

    :raises ValueError: always.
    """
    raise ValueError(text)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line, parse_constant=_refuse_number, parse_float=_finite)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    if not isinstance(event, dict) or type(event.get("schema")) is not int or event["schema"] != SCHEMA:
        return None
    texts = (event.get("time"), event.get("event"))
    return event if all(isinstance(text, str) for text in texts) else None
