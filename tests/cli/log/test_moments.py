"""What a person says of a time is what is meant, in UTC."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime, timedelta, timezone

import pytest

from indexguard.cli.log.moments import since, until

DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(timezone.utc)


def midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("words", "ago"),
    [
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("2 hours ago", timedelta(hours=2)),
        ("1 day ago", DAY),
        ("7d", 7 * DAY),
        ("3 Weeks", 21 * DAY),
        ("90 secs ago", timedelta(seconds=90)),
        ("now", timedelta()),
    ],
)
def test_time_ago(words: str, ago: timedelta) -> None:
    before = now()
    found = since(words)
    assert text(before - ago) <= found <= text(now() - ago)
    assert until(words) >= found


@pytest.mark.parametrize(
    ("words", "back", "clock"),
    [
        ("today", 0, None),
        (" Yesterday ", 1, None),
        ("today 08:00", 0, "08:00"),
        ("yesterday  8:05", 1, "08:05"),
        ("08:00", 0, "08:00"),
    ],
)
def test_day(words: str, back: int, clock: str | None) -> None:
    before = midnight(now())
    found = since(words), until(words)
    days = {before - back * DAY, midnight(now()) - back * DAY}  # the clock may pass midnight meanwhile
    if clock is None:
        assert found in [(text(day), text(day + DAY)) for day in days]
    else:
        hours, minutes = map(int, clock.split(":"))
        times = [text(day + timedelta(hours=hours, minutes=minutes)) for day in days]
        assert found[0] in times
        assert found[1] in times


@pytest.mark.parametrize("number", range(7))
def test_day_of_the_week_is_the_last_one_today_included(number: int) -> None:
    word = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")[number]
    before = midnight(now())
    found = since(word)
    expected = {
        text(next(day - back * DAY for back in range(7) if (day - back * DAY).weekday() == number))
        for day in (before, midnight(now()))
    }
    assert found in expected


@pytest.mark.parametrize(
    ("words", "begin", "end"),
    [
        ("2026-11-01", "2026-11-01T00:00:00.000Z", "2026-11-02T00:00:00.000Z"),
        ("2026-11-01T08:00Z", "2026-11-01T08:00:00.000Z", "2026-11-01T08:00:00.000Z"),
        ("2026-11-01 08:00", "2026-11-01T08:00:00.000Z", "2026-11-01T08:00:00.000Z"),
        ("2026-11-01T08:00+02:00", "2026-11-01T06:00:00.000Z", "2026-11-01T06:00:00.000Z"),
        ("2026-12-31", "2026-12-31T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
    ],
)
def test_date(words: str, begin: str, end: str) -> None:
    assert (since(words), until(words)) == (begin, end)


@pytest.mark.parametrize(
    "words",
    ["", "tomorrow", "2x", "2026-13-01", "25:00", "08:61", "monday 8", "999999w", "9999-12-31 ago", "1e3h", "-1h"],
)
def test_what_is_no_time(words: str) -> None:
    with pytest.raises(ArgumentTypeError, match="expected a time ago"):
        since(words)


def test_day_after_the_last_one_is_no_traceback() -> None:
    with pytest.raises(ArgumentTypeError, match="expected a time ago"):
        until("9999-12-31")
