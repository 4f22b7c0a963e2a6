"""Whole events are read, everything else is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from indexguard.audit.event import EventFields, build_event
from indexguard.audit.run_context import RunContext
from indexguard.logs.reader import EventReader


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"


EVENT = build_event(RunContext.of_process("26.3", argv=["pip"]), 1, "selected", None, EventFields(name="acme-core"))


def test_event_comes_back_as_it_was_written() -> None:
    reader = EventReader([_line(EVENT), b"\n", _line(EVENT)[:-1]])
    assert list(reader) == [EVENT, EVENT]
    assert reader.foreign == 0


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"\x00\x00\x00",
        b"\xff",
        b"5",
        b"null",
        b"[" * 100_000,
        _line(EVENT)[:50],
        _line(EVENT)[50:],
        _line({**EVENT, "extra": float("nan")}),
        _line({**EVENT, "extra": [float("-inf")]}),
        _line({**EVENT, "extra": 1.5}).replace(b"1.5", b"1e999"),
        _line({**EVENT, "schema": 2}),
        _line({**EVENT, "schema": True}),
        _line({**EVENT, "schema": "1"}),
        _line({**EVENT, "time": None}),
        _line({key: value for key, value in EVENT.items() if key != "event"}),
    ],
    ids=range(16),
)
def test_line_that_is_no_event(line: bytes) -> None:
    reader = EventReader([line, _line(EVENT)])
    assert list(reader) == [EVENT]
    assert reader.foreign == 1
