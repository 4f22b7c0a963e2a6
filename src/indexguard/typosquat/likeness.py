"""How one name is like another: what was mistyped, and how sure it is that the other one was meant.

The distance is that of optimal string alignment: letters added, left out, changed, or two neighbours swapped. The classes
are those of published studies of squats (SpellBound, typomania, GuardDog); ``python -m integration.typosquats`` measures
what the tiers find, and what they find amiss.
"""

from __future__ import annotations

from operator import ne

from ..tuples import NamedTuple
from .names import MIN_LETTERS, MIN_TWICE, MIN_TWICE_USUAL, fold

A, B, C = "A", "B", "C"
"""``A`` may refuse, ``B`` warns, ``C`` is only logged."""
RAISED = {A: A, B: A, C: B}
"""What a second sign makes of a tier."""
NOT_ALIKE = ("", "")
_TWO = 2
_VOWELS = frozenset("aeiou")
_DIGITS = dict.fromkeys(map(ord, "0123456789"))
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


class Limits:
    """From how many letters on an error counts: the shorter a name, the more of its neighbours are words of their own.

    :param slip: a neighbouring key or another vowel; of the part that differs.
    :param other: any other letter (``B``); likewise.
    :param two: two errors (``B``); likewise.
    :param two_doubtful: the same (``C``).
    :param short: the tier of a sure error in a name of fewer than ``_SURE`` letters.
    """

    def __init__(self, *, slip: int, other: int, two: int, two_doubtful: int, short: str) -> None:
        self.slip, self.other, self.two, self.two_doubtful, self.short = slip, other, two, two_doubtful, short


RENOWNED = Limits(slip=5, other=6, two=8, two_doubtful=MIN_TWICE, short=B)
"""Of the most popular names of all: those are what is squatted."""
POPULAR = Limits(slip=7, other=8, two=MIN_TWICE_USUAL, two_doubtful=MIN_TWICE_USUAL, short=C)
_SURE = 6
"""From so many letters on an error that only a slip explains is sure (``A``)."""
_EDGE = 7
"""The same for a letter too many, or left out, at an end (``B``): many a name is another's plural."""
_FAR = 10
"""The same for two errors of which one is in the first letter (``C``)."""


def distance(name: str, other: str, limit: int) -> int:
    """Return how many errors lie between two names (optimal string alignment); ``limit + 1`` for more than ``limit``."""
    start, end = _common(name, other)
    ours, theirs = name[start : len(name) - end], other[start : len(other) - end]
    if abs(len(ours) - len(theirs)) > limit:
        return limit + 1
    if (len(ours) <= 1 and len(theirs) <= 1) or not ours or not theirs:
        return max(len(ours), len(theirs))  # most errors are one
    before: list[int] = []
    row = list(range(len(theirs) + 1))
    for place, letter in enumerate(ours):
        before, last, row = row, before, [place + 1]
        for at, their in enumerate(theirs):
            cost = min(row[at] + 1, before[at + 1] + 1, before[at] + (letter != their))
            if place and at and letter == theirs[at - 1] and ours[place - 1] == their:
                cost = min(cost, last[at - 1] + 1)
            row.append(cost)
        if min(row) > limit and min(before) > limit:
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


def compare(name: str, target: str, *, renowned: bool = False) -> Likeness | None:
    """Return how a name is like a popular one; None where it is not, or not so that a typing error is likely.

    :param renowned: whether the target is one of the most popular of all.
    """
    if len(target) < MIN_LETTERS or name == target:
        return None
    how, tier = _say(name, target, RENOWNED if renowned else POPULAR)
    return Likeness(target, how, tier) if tier else None


def _say(name: str, target: str, limits: Limits) -> tuple[str, str]:
    sure = A if len(target) >= _SURE else limits.short
    if name.replace("-", "") == target.replace("-", ""):
        is_one = abs(name.count("-") - target.count("-")) == 1
        return "but for a dash", sure if is_one or limits is RENOWNED else C
    if sorted(name.split("-")) == sorted(target.split("-")):
        return "its parts in another order", B
    if fold(name) == fold(target):
        return "letters that look alike", sure
    if _without_digits(name) == _without_digits(target):
        return NOT_ALIKE  # another version, or another size
    far = distance(name, target, _TWO)
    if far == 1:
        return _say_one(name, target, sure, limits)
    if far > _TWO:
        return NOT_ALIKE
    part = _different_letters(name, target)
    if are_two_letters(name, target):
        return ("two other letters", C) if part >= RENOWNED.two else NOT_ALIKE
    if name[0] != target[0]:
        return ("two errors", C) if part >= _FAR else NOT_ALIKE
    return "two errors", B if part >= limits.two else C if part >= limits.two_doubtful else ""


def _say_one(name: str, target: str, sure: str, limits: Limits) -> tuple[str, str]:
    start, end = _common(name, target)
    more, less = name[start : len(name) - end], target[start : len(target) - end]
    if len(more) == _TWO:
        return "two letters swapped", sure
    part = _different_letters(name, target)
    if more and less:
        if _are_near(more, less):
            return "a neighbouring key", sure if part >= limits.slip else C
        if more in _VOWELS and less in _VOWELS:
            return "another vowel", sure if part >= limits.slip else C
        return NOT_ALIKE if (more + less).isalnum() != (more + less).isalpha() else _other(part, limits)
    if (more or less).isdigit():
        return NOT_ALIKE
    longer = name if more else target
    if (more or less) in (longer[start - 1 : start], longer[start + 1 : start + 2]):
        return ("a letter twice" if more else "a double letter once"), sure
    if start == 0 or end == 0:
        sure = B if len(target) >= _EDGE else C
    elif limits is POPULAR and min(len(different_part(name, target)), len(name)) < _SURE:
        sure = C
    return ("a letter too many" if more else "a letter left out"), sure


def _other(part: int, limits: Limits) -> tuple[str, str]:
    return "another letter", B if part >= limits.other else C


def _are_near(letter: str, other: str) -> bool:
    """Tell whether two keys lie side by side, of which one at least is no digit."""
    if letter.isdigit() and other.isdigit():
        return False
    for number, row in enumerate(_ROWS):
        place = row.find(letter)
        if place >= 0:
            above = _ROWS[number - 1][place : place + 2] if number else ""
            below = _ROWS[number + 1][max(0, place - 1) : place + 1] if number + 1 < len(_ROWS) else ""
            return other in row[max(0, place - 1) : place + 2] + above + below
    return False


def are_two_letters(name: str, target: str) -> bool:
    """Tell whether two names that are two errors apart differ in two letters: seldom a slip, often another word."""
    return len(name) == len(target) and sum(map(ne, name, target)) == _TWO


def different_part(name: str, target: str) -> str:
    """Return what of a target differs: without the parts that both names have."""
    ours, theirs = name.split("-"), target.split("-")
    if len(ours) == len(theirs):
        theirs = [part for mine, part in zip(ours, theirs) if mine != part]
    return "-".join(theirs)


def _different_letters(name: str, target: str) -> int:
    """Return how many letters differ, without the ``py`` of so many names."""
    part = different_part(name, target)
    return len(part) - (_TWO if part[:2] == name[:2] == "py" else 0)


def _without_digits(name: str) -> str:
    return name.translate(_DIGITS).strip("-")
