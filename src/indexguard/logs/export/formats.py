"""The formats by name, and how a stream of events is written in one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Callable

from . import cef, ecs, github, ocsf, sarif, spreadsheet
from .fields import Event, moment


def _nothing() -> str:
    return ""


@dataclass(frozen=True)
class Format:
    """How events are written one after the other."""

    convert: Callable[[Event], str | None]
    """Returns one event's text; None for an event that the format has no place for."""
    opening: Callable[[], str] = _nothing
    """Returns what stands before the first."""
    between: str = ""
    """What stands between two."""
    end: str = "\n"
    """What stands after each."""
    closing: Callable[[], str] = _nothing
    """Returns what stands after the last."""


FORMATS = {
    "ecs": Format(ecs.line),
    "ocsf": Format(ocsf.line),
    "cef": Format(cef.line),
    "sarif": Format(sarif.line, opening=sarif.opening, between=",", end="", closing=sarif.closing),
    "csv": Format(spreadsheet.line, opening=spreadsheet.opening, end=""),
    "github": Format(github.line),
}


_FIRST_LINES = (
    re.compile(rb'\{"@timestamp":.*"provider":"indexguard"', re.DOTALL),
    re.compile(rb'\{"metadata":\{.*"product":\{[^{}]*"indexguard"', re.DOTALL),
    re.compile(rb"CEF:0\|indexguard\|"),
    re.compile(rb'\{"\$schema":"[^"]*","version":"2\.1\.0","runs":\[\{"tool":\{"driver":\{"name":"indexguard"'),
    re.compile(re.escape(spreadsheet.opening().encode().rstrip())),
    re.compile(rb"::(error|warning|notice) title=indexguard"),
)
"""How what was exported begins, in each of the formats."""


def is_export(line: bytes) -> bool:
    """Tell by its first line whether a file was written by this command, in whatever format."""
    return any(form.match(line) for form in _FIRST_LINES)


class Export:
    """Iterates over the pieces of text that a stream of events becomes; nothing is kept in memory.

    :param events: as the reader of the log gives them.
    """

    def __init__(self, form: Format, events: Iterable[Event]) -> None:
        self._form = form
        self._events = events
        self.written = 0
        """Events written so far."""
        self.routine = 0
        """Events met so far that the format has no place for."""
        self.timeless = 0
        """Events met so far whose time is none, and which no format can hold."""

    def __iter__(self) -> Iterator[str]:
        events = iter(self._events)
        first = list(islice(events, 1))  # what cannot be read fails before anything is printed
        yield self._form.opening()
        for event in chain(first, events):
            if moment(event) is None:
                self.timeless += 1
                continue
            converted = self._form.convert(event)
            if converted is None:
                self.routine += 1
                continue
            yield (self._form.between if self.written else "") + converted + self._form.end
            self.written += 1
        yield self._form.closing()
