"""How a stream of events becomes a text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from indexguard.audit.kinds import ROUTINE
from indexguard.logs.export.formats import FORMATS, Export
from support.log_events import KINDS, sample


@pytest.mark.parametrize("name", FORMATS)
def test_every_event_is_counted_once(name: str) -> None:
    export = Export(FORMATS[name], [*map(sample, KINDS), sample("refused", time="now")])
    pieces = list(export)
    assert export.written + export.routine == len(KINDS)
    assert export.timeless == 1
    assert export.routine == (len(ROUTINE) if name in ("sarif", "github") else 0)
    assert len(pieces) == export.written + 2


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_kept(name: str) -> None:
    asked = 0

    def endless() -> Iterator[dict[str, Any]]:
        nonlocal asked
        while True:
            asked += 1
            yield sample("refused")

    pieces = iter(Export(FORMATS[name], endless()))
    for _ in range(6):
        next(pieces)
    assert asked == 5


@pytest.mark.parametrize("name", ["ecs", "ocsf", "cef", "github"])
def test_one_line_each(name: str) -> None:
    written = "".join(Export(FORMATS[name], [sample("refused"), sample("shadowed")]))
    assert written.endswith("\n")
    assert len(written.splitlines()) == 2
