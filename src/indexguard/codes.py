"""What each code means, and what to do: the words of ``codes.json``.

Cold: a pip run that refuses nothing does not load it.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache

from .tuples import NamedTuple


class Words(NamedTuple):
    """What is said of one code."""

    meaning: str
    """What was found, as one clause."""
    remedy: str
    """One thing to do that does not weaken the guard."""


def words_of(code: str) -> Words:
    """Return the words of a code. Never raises: those of one that a later version has added, or that are lost, say so."""
    return all_words().get(code, Words(f"{code}, which this version cannot explain", "install indexguard again"))


@lru_cache(maxsize=1)
def all_words() -> dict[str, Words]:
    """Return the words by code, in the order of ``errors.CODES``; none if the file is lost or damaged."""
    try:
        with open(os.path.join(os.path.dirname(__file__), "codes.json"), encoding="utf-8") as file:
            return {code: Words(**words) for code, words in json.load(file).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
