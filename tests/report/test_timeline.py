"""Bars that cover the findings, few enough to be seen."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.report.timeline import MAX_BARS, MAX_STEPS_HELD, MIN_BARS, Timeline

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


def text(moment: datetime) -> str:
    """Return a time as the log writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def filled(*moments: datetime) -> Timeline:
    """Return a timeline with one finding at each of these times."""
    timeline = Timeline(2)
    for moment in moments:
        assert timeline.add(text(moment), 1)
    return timeline


def test_nothing() -> None:
    assert Timeline(4).bars() == ([], 0)


@pytest.mark.parametrize("time", ["2026-13-40T08:30:00Z", "", "now"])
def test_time_of_no_calendar(time: str) -> None:
    timeline = Timeline(1)
    assert not timeline.add(time, 0)
    assert timeline.bars() == ([], 0)


def test_one_finding_has_time_around_it() -> None:
    bars, outside = filled(NOON).bars()
    assert outside == 0
    assert len(bars) == MIN_BARS
    assert [bar.counts for bar in bars] == [(0, 0)] * (MIN_BARS - 1) + [(0, 1)]
    assert (bars[-1].start, bars[-1].end) == (NOON, NOON + timedelta(minutes=1))


def test_bars_follow_each_other() -> None:
    bars, _ = filled(*(NOON + timedelta(hours=hour) for hour in range(0, 700, 3))).bars()
    assert MIN_BARS <= len(bars) <= MAX_BARS
    assert all(one.end == other.start for one, other in zip(bars, bars[1:]))
    assert bars[0].end - bars[0].start == timedelta(hours=12)


@pytest.mark.parametrize("times_as_long", [1, 7, 60, 1440, 7 * 1440])
def test_memory_is_bounded(times_as_long: int) -> None:
    timeline = Timeline(1)
    number = 3 * MAX_STEPS_HELD
    for minute in range(number):
        timeline.add(text(NOON + timedelta(minutes=minute * times_as_long)), 0)
    assert len(timeline._counts) <= MAX_STEPS_HELD  # noqa: SLF001  # memory is not to be seen from outside
    bars, outside = timeline.bars()
    assert len(bars) <= MAX_BARS
    assert sum(bar.counts[0] for bar in bars) + outside == number
    assert outside == 0


def test_clock_that_is_wrong_by_years_does_not_hide_the_others() -> None:
    good = [NOON + timedelta(minutes=minute) for minute in range(400)]
    bars, outside = filled(
        *good, datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(9999, 12, 31, tzinfo=timezone.utc)
    ).bars()
    assert outside == 2
    assert bars[-1].end - bars[0].start < timedelta(days=1)


def test_few_findings_are_no_outliers() -> None:
    bars, outside = filled(NOON, NOON - timedelta(days=900)).bars()
    assert outside == 0
    assert sum(bar.counts[1] for bar in bars) == 2


@given(st.lists(st.datetimes(timezones=st.just(timezone.utc)), max_size=40))
def test_nothing_is_lost(moments: list[datetime]) -> None:
    bars, outside = filled(*moments).bars()
    assert sum(bar.counts[1] for bar in bars) + outside == len(moments)
    assert len(bars) <= MAX_BARS
    assert all(one.end == other.start for one, other in zip(bars, bars[1:]))
