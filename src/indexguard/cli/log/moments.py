"""Points in time as a person says them: ``2h``, ``yesterday``, ``monday 08:00``, ``2026-11-01``. All are UTC, as the log."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import datetime, timedelta, timezone

WORDS = "2h, 2 days ago, yesterday, monday 08:00 or 2026-11-01"
"""Examples, for the help of an option."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(
    r"(?P<number>\d{1,6})\s*(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|w|weeks?)(?:\s+ago)?"
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"(?:(?P<day>\w+)\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY = timedelta(days=1)


def since(text: str) -> str:
    """Return the beginning of what is meant in the form of the log, whose texts sort by time.

    :raises ArgumentTypeError: the text says no time.
    """
    return _read(text, at_end=False)


def until(text: str) -> str:
    """Return the end of what is meant, the first moment that no longer counts: a day without a time counts whole.

    :raises ArgumentTypeError: the text says no time.
    """
    return _read(text, at_end=True)


def _read(text: str, *, at_end: bool) -> str:
    words = " ".join(text.lower().split())
    now = datetime.now(timezone.utc)
    try:
        moment, is_day = _relative(words, now) or _absolute(text.strip())
        moment += _DAY if is_day and at_end else timedelta()
    except (ValueError, OverflowError):
        raise ArgumentTypeError(
            f"found {text!r}, expected a time ago (30m, 2h, 7d, 2 weeks ago), a day (today, yesterday, monday), a time of a "
            "day (08:00, yesterday 08:00), a date (2026-11-01) or a time (2026-11-01T08:00Z); without a zone it is UTC"
        ) from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _relative(words: str, now: datetime) -> tuple[datetime, bool] | None:
    """Return a moment, and whether the words say only the day; None if they say neither a day nor how long ago."""
    if words == "now":
        return now, False
    ago = _AGO.fullmatch(words)
    if ago is not None:
        return now - timedelta(**{_UNITS[ago["unit"][0]]: int(ago["number"])}), False
    clock = _CLOCK.fullmatch(words)
    day = _day(clock["day"] or "today" if clock is not None else words, now)
    if day is None or clock is None:
        return None if day is None else (day, True)
    return day.replace(hour=int(clock["hour"]), minute=int(clock["minute"]), second=int(clock["second"] or 0)), False


def _day(word: str, now: datetime) -> datetime | None:
    """Return the beginning of a day that a word names; of a day of the week it is the last one, today included."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if word in ("today", "yesterday"):
        return today if word == "today" else today - _DAY
    if word in _WEEKDAYS:
        return today - _DAY * ((today.weekday() - _WEEKDAYS.index(word)) % 7)
    return None


def _absolute(text: str) -> tuple[datetime, bool]:
    moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))  # Python < 3.11 reads no Z
    moment = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
    return moment, _DATE.fullmatch(text) is not None
