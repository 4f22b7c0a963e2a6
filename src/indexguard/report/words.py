"""Words and times as the page writes them."""

from __future__ import annotations

from .markup import Html, element
from .summary import Tally


def count(number: int, one: str, several: str | None = None) -> str:
    """Return a number and its noun: 1 machine, 2 machines."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def at_least(number: int, *, is_full: bool) -> str:
    """Return a number, with a mark if it stands for more."""
    return f"{number:,}{'+' if is_full else ''}"


def short_time(time: str) -> Html:
    """Return a time of the log to the second, for reading; nothing if there is none."""
    return element("time", f"{time[:10]} {time[11:19]}", datetime=time) if time else Html()


def long_list(tally: Tally, shown: int = 3) -> str:
    """Return the most frequent, and how many others there are."""
    names = [name for name, _ in tally.top(shown)]
    if not names:
        return "none named"
    return ", ".join(names) + (f" and {left_out(tally, len(names))}" if len(tally) > len(names) else "")


def left_out(tally: Tally, shown: int) -> str:
    """Return how many things of a tally are not shown: 1 other, 2 others."""
    others = len(tally) - shown
    return f"{others:,} or more others" if tally.is_full else count(others, "other")
