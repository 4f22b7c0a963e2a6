"""How many findings there were when: counts in steps of time that grow with the time that they have to cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

STEPS = (1, 5, 15, 30, 60, 180, 360, 720, 1440, 7 * 1440, 28 * 1440, 364 * 1440, 3640 * 1440)
"""Minutes that one bar may stand for; each is a multiple of the one before."""
MAX_BARS = 72
MIN_BARS = 24
MAX_STEPS_HELD = 4096
OUTLIERS = 200
"""One finding in so many may lie outside at either end, where a clock is wrong by years."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST = datetime.min.replace(tzinfo=timezone.utc)
_LAST = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Bar:
    """The findings of one step of time."""

    start: datetime
    end: datetime
    counts: tuple[int, ...]
    """One for each group."""


class Timeline:
    """Counts findings by time, in memory that does not grow with their number.

    :param groups: how many kinds of findings there are.
    """

    def __init__(self, groups: int) -> None:
        self._groups = groups
        self._step = 0
        self._counts: dict[int, list[int]] = {}

    def add(self, time: str, group: int, number: int = 1) -> bool:
        """Count so many findings of one minute; False if their time, in the form of the log, is none of the calendar."""
        minute = _minute(time[:16])
        if minute is None:
            return False
        counts = self._counts.setdefault(minute // STEPS[self._step], [0] * self._groups)
        counts[group] += number
        while len(self._counts) > MAX_STEPS_HELD:
            self._coarsen()
        return True

    def bars(self) -> tuple[list[Bar], int]:
        """Return the bars without a gap, the oldest first, and how many findings lie outside of them."""
        if not self._counts:
            return [], 0
        first, last = self._bounds()
        while last - first >= MAX_BARS and self._step < len(STEPS) - 1:
            self._coarsen()
            first, last = self._bounds()
        first = max(min(first, last - MIN_BARS + 1), last - MAX_BARS + 1)
        inside = [self._bar(place) for place in range(first, last + 1)]
        total = sum(map(sum, self._counts.values()))
        return inside, total - sum(sum(bar.counts) for bar in inside)

    def _bounds(self) -> tuple[int, int]:
        """Return first and last step; without the outliers where these would leave the others less than a quarter."""
        places = sorted(self._counts)
        first, last = self._quantile(places), self._quantile(places[::-1])
        return (first, last) if 4 * (last - first + 1) < places[-1] - places[0] + 1 else (places[0], places[-1])

    def _quantile(self, places: Sequence[int]) -> int:
        """Return the first of the places after which no more than the outliers have been passed."""
        allowed = sum(map(sum, self._counts.values())) // OUTLIERS
        for place in places:
            allowed -= sum(self._counts[place])
            if allowed < 0:
                return place
        return places[-1]

    def _coarsen(self) -> None:
        old, self._step = STEPS[self._step], self._step + 1
        counts, self._counts = self._counts, {}
        for place, numbers in counts.items():
            merged = self._counts.setdefault(place * old // STEPS[self._step], [0] * self._groups)
            for group, number in enumerate(numbers):
                merged[group] += number

    def _bar(self, place: int) -> Bar:
        minutes = STEPS[self._step]
        counts = self._counts.get(place, [0] * self._groups)
        return Bar(_moment(place * minutes), _moment((place + 1) * minutes), tuple(counts))


@lru_cache(maxsize=1024)
def _minute(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment.replace(tzinfo=timezone.utc) - _EPOCH).total_seconds()) // 60


def _moment(minute: int) -> datetime:
    """Return a point in time; the calendar's first or last one where it has none."""
    try:
        return _EPOCH + timedelta(minutes=minute)
    except OverflowError:
        return _FIRST if minute < 0 else _LAST
