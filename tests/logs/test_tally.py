"""What is counted, in whatever order it comes."""

from __future__ import annotations

import pytest

from indexguard.logs import tally
from indexguard.logs.tally import OTHERS, Tally
from support.logged import CORP, MIRROR, event, selected

EVENTS = [
    selected(1, "numpy", index=MIRROR),
    selected(2, "acme-core"),
    selected(3, "numpy", index=MIRROR),
    event(4, "shadowed", "shadowed-name", name="acme-core", index_asked=MIRROR),
    event(5, "refused", "unmatched-name", name="zebra", index_asked=MIRROR),
    event(6, "not-asked", "claimed-elsewhere", name="numpy", index_asked=CORP),
    event(7, "guard-failed", "policy-invalid"),
]


def at(minute: int) -> str:
    return f"2026-11-26T00:{minute:02}:00.000Z"


@pytest.mark.parametrize("step", [1, -1, 3])
def test_counts(step: int) -> None:
    found = Tally.of(EVENTS[number * step % 7] for number in range(7))
    total = found.total()
    assert total is not None
    assert (total.events, total.first, total.last) == (7, at(1), at(7))
    assert {key: own.events for key, own in found.by_event().items()} == {
        "selected": 3,
        "shadowed": 1,
        "refused": 1,
        "not-asked": 1,
        "guard-failed": 1,
    }
    assert next(iter(found.by_event())) == "selected"
    assert set(found.by_code()) == {"shadowed-name", "unmatched-name", "claimed-elsewhere", "policy-invalid"}
    assert {key: own.events for key, own in found.by_index().items()} == {MIRROR: 4, CORP: 2}


def test_shadowed_names_come_first_then_refused_ones() -> None:
    found = Tally.of(EVENTS).by_name()
    assert list(found) == ["acme-core", "zebra", "numpy"]
    core = found["acme-core"]
    assert (core.events, core.shadowed, core.refused, core.selected) == (2, 1, 0, 1)
    assert core.indexes == {CORP, MIRROR}
    assert (found["numpy"].first, found["numpy"].last) == (at(1), at(6))


def test_nothing() -> None:
    found = Tally.of([])
    assert (found.total(), found.by_name(), found.by_index()) == (None, {}, {})


def test_fields_of_another_type_count_as_missing() -> None:
    odd = [{"schema": 1, "time": at(1), "event": "refused", "code": ["x"], "name": {}, "index_asked": 5}]
    found = Tally.of(odd)
    assert {key: own.events for key, own in found.by_event().items()} == {"refused": 1}
    assert (found.by_name(), found.by_code(), found.by_index()) == ({}, {}, {})


def test_names_without_end_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_GROUPS", 10)
    found = Tally.of(event(number % 60, "refused", "unmatched-name", name=f"n{number}") for number in range(100))
    assert len(found.groups) == 11
    assert found.by_name()[OTHERS].events == 90
