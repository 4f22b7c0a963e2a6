"""Ratios of paired, interleaved runs: what a busy machine does to one run of a pair it does to the other too."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Measured = TypeVar("Measured")


class Cost(NamedTuple):
    """What one run took, in seconds."""

    wall: float
    cpu: float
    """User and system time of the process and of its children that it waited for."""


@dataclass(frozen=True)
class Spread:
    """The middle of some values and where most of them lie."""

    median: float
    low: float
    """The 10th percentile."""
    high: float
    """The 90th percentile."""
    count: int


def spread_of(values: Sequence[float]) -> Spread:
    """Return median, 10th and 90th percentile (interpolated, extremes included).

    :raises ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return Spread(statistics.median(values), tenths[0], tenths[-1], len(values))


def paired_ratios(base: Sequence[float], other: Sequence[float]) -> Spread:
    """Return the spread of ``other[i] / base[i]``.

    :raises ValueError: the lists differ in length, or are empty.
    """
    return spread_of([second / first for first, second in zip(base, other, strict=True)])


def interleave(runs: Mapping[str, Callable[[], Measured]], rounds: int) -> dict[str, list[Measured]]:
    """Call every run once per round, A B C, then C B A, and return what each measured.

    A first round is thrown away: it fills the caches of the file system.
    """
    for run in runs.values():
        run()
    taken: dict[str, list[Measured]] = {name: [] for name in runs}
    for number in range(rounds):
        # No run may always come first: the one before leaves the processor in its own state.
        for name in list(runs)[:: 1 if number % 2 == 0 else -1]:
            taken[name].append(runs[name]())
    return taken
