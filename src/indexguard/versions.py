"""Versions (PEP 440): the one door to ``packaging``, which is loaded where it must compare some."""

from __future__ import annotations

import re
from functools import lru_cache
from heapq import nlargest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from ._vendor.packaging.specifiers import SpecifierSet as SpecifierSet  # noqa: PLC0414  # other rooms name the type
    from ._vendor.packaging.version import Version as Version  # noqa: PLC0414  # likewise

_RELEASE = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_MAX_DIGITS = 4000
"""Of a number that every Python converts."""


def is_version(text: str) -> bool:
    """Tell whether a text is a version (PEP 440)."""
    return is_release(text) or parse_version(text) is not None


def newest_first(versions: Collection[str], limit: int) -> list[str]:
    """Return version texts, the newest first; those that PEP 440 cannot parse come last.

    :param limit: how many are returned at most: a page may list 100,000, of which a message names a few.
    """
    # Most versions are numbers and dots, which compare as tuples do; only the others have to be read.
    numbers = set(filter(is_release, versions))
    newest = nlargest(limit, numbers, key=_release_of)
    others = set(versions) - numbers
    if not others:
        return newest
    others.update(newest)
    parsed = [(version, text) for text in others if (version := parse_version(text)) is not None]
    known = [text for _, text in nlargest(limit, parsed)]  # of equal versions (1.0 and 1.0.0), the texts decide
    return known + nlargest(limit - len(known), others.difference(text for _, text in parsed))


def is_release(text: str) -> bool:
    """Tell whether a version is of numbers and dots alone, as nearly all are: such need not be read by a library."""
    return len(text) < _MAX_DIGITS and _RELEASE.fullmatch(text) is not None


def _release_of(text: str) -> tuple[tuple[int, ...], str]:
    numbers = list(map(int, text.split(".")))
    while numbers and not numbers[-1]:  # 1.0 is 1
        numbers.pop()
    return tuple(numbers), text


@lru_cache(maxsize=512)
def parse_version(text: str) -> Version | None:
    """Return a version (PEP 440) that can be compared; None for a text that is none."""
    from ._vendor.packaging.version import Version  # noqa: PLC0415  # loaded when files are dropped, not before

    try:
        return Version(text)
    except ValueError:  # InvalidVersion is one; so is a number of more digits than this Python converts
        return None


def read_specifiers(text: str) -> SpecifierSet:
    """Return what compares versions with a range (PEP 440).

    :raises ValueError: the text is no range.
    """
    from ._vendor.packaging.specifiers import SpecifierSet  # noqa: PLC0415  # most ranges are never asked

    return SpecifierSet(text)
