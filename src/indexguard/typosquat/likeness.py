"""How one name is like another: what was mistyped, and how sure it is that the other one was meant.

The distance is that of optimal string alignment: letters added, left out, changed, or two neighbours swapped. The classes
and tiers are those of published studies of squats (SpellBound, typomania, GuardDog); ``tuning`` measures them.
"""

from __future__ import annotations

from operator import ne
from typing import NamedTuple

from .names import fold

A, B, C = "A", "B", "C"
"""``A`` may refuse, ``B`` warns, ``C`` is only logged."""
RAISED = {A: A, B: A, C: B}
"""What a second sign makes of a tier."""

_SHORT, _USUAL, _LONG, _TWICE = 5, 6, 7, 9
_MANY = 3
_VOWELS = frozenset("aeiou")
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


class Likeness(NamedTuple):
    """That a name is like another one."""

    target: str
    """The name that was probably meant."""
    how: str
    """What was mistyped, in words."""
    tier: str

    claimed: bool = False
    """Whether the policy claims or protects that name; otherwise it is a popular one."""


def distance(name: str, other: str, limit: int) -> int:
    """Return how many errors lie between two names (optimal string alignment); ``limit + 1`` for more than ``limit``."""
    start, end = _common(name, other)
    a, b = name[start : len(name) - end], other[start : len(other) - end]
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        two, before, row = before, row, [i]
        for j, at in enumerate(b, 1):
            cost = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (letter != at))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == at:
                cost = min(cost, two[j - 2] + 1)
            row.append(cost)
        if min(row) > limit and (not before or min(before) > limit):
            return limit + 1
    return min(row[-1], limit + 1)


def _common(name: str, other: str) -> tuple[int, int]:
    """Return how many letters two names have in common at the start and, behind those, at the end."""
    most = min(len(name), len(other))
    start = 0
    while start < most and name[start] == other[start]:
        start += 1
    end = 0
    while end < most - start and name[-1 - end] == other[-1 - end]:
        end += 1
    return start, end


def _are_near(letter: str, other: str) -> bool:
    """Tell whether two letters lie side by side on a keyboard."""
    for number, row in enumerate(_ROWS):
        place = row.find(letter)
        if place >= 0:
            below = _ROWS[number + 1] if number + 1 < len(_ROWS) else ""
            above = _ROWS[number - 1] if number else ""
            return other in (
                *row[max(0, place - 1) : place + 2],
                *below[max(0, place - 1) : place + 1],
                *above[place : place + 2],
            )
    return False


def compare(name: str, target: str, *, renowned: bool = False) -> Likeness | None:
    """Return how a name is like a popular one; None where it is not, or not so that a typing error is likely.

    :param renowned: whether the target is one of the most popular of all: those are what is squatted.
    """
    if len(target) < _SHORT or name == target:
        return None
    how, tier = _say(name, target, renowned=renowned)
    return Likeness(target, how, tier) if tier else None


def _say(name: str, target: str, *, renowned: bool) -> tuple[str, str]:
    size = len(target)
    sure = A if size >= _USUAL else B if renowned else C
    if name.replace("-", "") == target.replace("-", ""):
        is_one = renowned or abs(name.count("-") - target.count("-")) == 1
        return "a dash", sure if is_one else C
    if sorted(name.split("-")) == sorted(target.split("-")):
        return "its parts in another order", B
    if fold(name) == fold(target):
        return "letters that look alike", sure
    letters = ["".join(c for c in text if not c.isdigit()) for text in (name, target)]
    if letters[0].strip("-") == letters[1].strip("-"):
        return "", ""  # only digits differ: another version, or another size
    far = distance(name, target, 2)
    if far == 1:
        return _say_one(name, target, sure, renowned=renowned)
    if far == 2:
        part = _without_py(name, target)
        if are_two_letters(name, target):
            return "two other letters", C if part >= 8 else ""
        if name[0] != target[0]:
            return "two errors", C if part >= 10 else ""
        if renowned:
            return "two errors", B if part >= 8 else C if part == 7 else ""
        return "two errors", B if part >= 11 else C if part >= 9 else ""
    return "", ""


def different_part(name: str, target: str) -> str:
    """Return what of a target differs: without the parts that both names have."""
    ours, theirs = name.split("-"), target.split("-")
    if len(ours) == len(theirs):
        theirs = [part for mine, part in zip(ours, theirs) if mine != part]
    return "-".join(theirs)


def are_two_letters(name: str, target: str) -> bool:
    """Tell whether two names that are two errors apart differ in two letters: seldom a slip, often another word."""
    return len(name) == len(target) and sum(map(ne, name, target)) == 2  # noqa: PLR2004  # as it says


def _without_py(name: str, target: str) -> int:
    """Return the length of what differs, without the ``py`` of so many names."""
    part = different_part(name, target)
    return len(part) - (2 if part[:2] == "py" == name[:2] else 0)


def _say_one(name: str, target: str, sure: str, *, renowned: bool) -> tuple[str, str]:
    start, end = _common(name, target)
    more, less = name[start : len(name) - end], target[start : len(target) - end]
    whole = len(different_part(name, target))
    part = _without_py(name, target)
    doubtful = B if part >= (6 if renowned else 8) else C
    edge = B if len(target) >= _LONG else C
    if len(more) == 2:
        return "two letters swapped", sure
    if len(more) == len(less) == 1 and _are_near(more, less) and not (more.isdigit() and less.isdigit()):
        return "a neighbouring key", sure if part >= (5 if renowned else 7) else C
    if more.isdigit() or less.isdigit():
        return "", ""
    is_edge = start == 0 or end == 0
    # The shorter a name, the more of its neighbours are words of their own.
    inner = sure if renowned or whole >= _USUAL and len(name) >= _USUAL else C
    if not less:
        if more in (name[start - 1 : start], name[len(name) - end : len(name) - end + 1]):
            return "a letter twice", sure
        return ("a letter too many", edge if is_edge else inner)
    if not more:
        if less in (target[start - 1 : start], target[len(target) - end : len(target) - end + 1]):
            return "a double letter once", sure
        return ("a letter left out", edge if is_edge else inner)
    if more in _VOWELS and less in _VOWELS:
        return "another vowel", sure if part >= (5 if renowned else 7) else C
    return "another letter", doubtful
