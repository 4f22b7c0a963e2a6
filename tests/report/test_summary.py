"""The counts of a log, and the newest of its findings."""

from __future__ import annotations

from typing import Any

import pytest

from indexguard.report.summary import MAX_EXAMPLES, MAX_SHADOW_HOSTS, MAX_SHADOWS, Summary, Tally
from support.report_events import PUBLIC, event, shadowed


def at(minute: int, **fields: Any) -> dict[str, Any]:
    """Return a refusal of this minute."""
    return event(time=f"2026-11-20T08:{minute:02}:00.000Z", **fields)


def summed(*events: dict[str, Any], rows: int = 10) -> Summary:
    """Return the summary of these events."""
    summary = Summary(rows)
    summary.add_all(events)
    return summary


def test_counts() -> None:
    summary = summed(
        event("selected", None, host="ws-ada", user="ada", run="a"),
        event("not-asked", "claimed-elsewhere", run="b"),
        event("dropped", "version-not-allowed", name="numpy", run="b"),
        event("would-refuse", "unclaimed-internal", run="c"),
        event("sealed", None, run="c"),
        event(run="c"),
        shadowed(run="c"),
    )
    assert (summary.events, summary.findings) == (7, 4)
    assert summary.groups == {"dropped": 1, "observed": 1, "refused": 1, "shadowed": 1}
    assert summary.kinds == {"selected": 1, "not-asked": 1, "sealed": 1}
    assert (len(summary.runs), len(summary.runs_with_findings)) == (3, 2)
    assert (len(summary.hosts), len(summary.users), len(summary.machines)) == (2, 2, 1)
    assert summary.names.top(9) == [("acme-core", 3), ("numpy", 1)]
    assert summary.codes.top(2) == [("shadowed-name", 1), ("unclaimed-internal", 1)]
    assert summary.indexes.top(9) == [(PUBLIC, 4)]


def test_newest_findings_whatever_the_order() -> None:
    minutes = [3, 9, 1, 7, 0, 8, 2, 6, 4, 5]
    summary = summed(*(at(minute, name=f"n{minute}") for minute in minutes), rows=4)
    assert [entry.name for entry in summary.newest()] == ["n9", "n8", "n7", "n6"]
    assert summary.findings == 10
    assert (summary.first[14:16], summary.last[14:16]) == ("00", "09")


def test_same_time_keeps_the_order_of_the_log() -> None:
    summary = summed(*(at(1, name=f"n{number}") for number in range(5)), rows=3)
    assert [entry.name for entry in summary.newest()] == ["n4", "n3", "n2"]


def test_no_rows() -> None:
    summary = summed(at(1), rows=0)
    assert (summary.newest(), summary.findings) == ([], 1)


def test_what_has_no_time_is_the_oldest() -> None:
    summary = summed(event(time="zzzz", name="odd"), at(1, name="good"), event(time="2026-99-99T00:00:00Z"), rows=9)
    assert [entry.name for entry in summary.newest()][-1] == "odd"
    assert summary.undated == 2


def test_shadowed_names_the_one_seen_last_first() -> None:
    summary = summed(
        shadowed("acme-a", time="2026-11-20T08:00:00Z", versions=["9", "8"], host="h1"),
        shadowed("acme-b", time="2026-11-21T08:00:00Z"),
        shadowed(
            "acme-a", time="2026-11-19T08:00:00Z", versions=["10"], host="h2", index_answered="https://other.example/"
        ),
        event("would-refuse", "shadowed-name", name="acme-a", time="2026-11-20T07:00:00Z", versions=[]),
        event("refused", "shadowed-name", name=None),
    )
    b, a = summary.shadowed(9)
    assert (b.name, a.name, a.events, a.observed) == ("acme-b", "acme-a", 3, 1)
    assert (a.first[:10], a.last[:10]) == ("2026-11-19", "2026-11-20")
    assert a.owners == {"corp"}
    assert a.versions == {"9", "10"}
    assert a.offered_by == {PUBLIC, "https://other.example/"}
    assert set(a.hosts.counts) == {"h1", "h2", "build-7"}
    assert [shadow.name for shadow in summary.shadowed(1)] == ["acme-b"]


def test_tally_is_bounded() -> None:
    tally = Tally(3)
    for key in ("a", "b", "c", "d", "a", ""):
        tally.add(key)
    assert (len(tally), tally.is_full) == (3, True)
    assert tally.top(2) == [("a", 2), ("b", 1)]


def test_shadows_are_bounded() -> None:
    number = MAX_SHADOWS + 2
    summary = summed(*(shadowed(f"acme-{place}", versions=[]) for place in range(number)), rows=0)
    assert (len(summary.shadows), summary.more_shadows) == (MAX_SHADOWS, True)
    assert summary.groups["shadowed"] == number


def test_examples_of_a_shadow_are_bounded() -> None:
    number = 2 * MAX_SHADOW_HOSTS
    summary = summed(
        *(shadowed(versions=[f"{n}"], index_asked=f"i{n}", index_answered=None, host=f"h{n}") for n in range(number))
    )
    shadow = summary.shadows["acme-core"]
    assert (len(shadow.versions), len(shadow.offered_by), len(shadow.hosts)) == (
        MAX_EXAMPLES,
        MAX_EXAMPLES,
        MAX_SHADOW_HOSTS,
    )
    assert shadow.events == number


@pytest.mark.parametrize("odd", [None, 5, [], {}, "x", ["x"], {"x": 1}, [[]], [{}], True, 1.5])
def test_fields_of_any_type(odd: object) -> None:
    summary = summed(
        {**dict.fromkeys(shadowed(), odd), "event": "shadowed", "code": "shadowed-name", "name": "acme"}, {}
    )
    assert summary.findings == 1
    assert len(summary.newest()) == 1
    assert set(summary.shadows) == {"acme"}
