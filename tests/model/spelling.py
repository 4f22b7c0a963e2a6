"""Which names are nearly others, a second time and slowly, as far as the names of the model's worlds need it.

None of them is like a popular name. Of claimed ones the description says: "near-misses of claimed names (OSA distance
<= 2, <= 1 under 8 letters)", and a namespace without its dash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Protocol

FEW = 5
"""A name with fewer letters has too many neighbours."""


@cache
def errors(name: str, other: str) -> int:
    """Return the distance of optimal string alignment, by its definition."""
    if not name or not other:
        return len(name) + len(other)
    found = [
        errors(name[:-1], other) + 1,
        errors(name, other[:-1]) + 1,
        errors(name[:-1], other[:-1]) + (name[-1] != other[-1]),
    ]
    if len(name) > 1 and len(other) > 1 and name[-2:] == other[:-3:-1]:
        found.append(errors(name[:-2], other[:-2]) + 1)
    return min(found)


class Rule(Protocol):
    """A rule of a policy."""

    @property
    def stem(self) -> str:
        """What its names begin with, or are."""

    @property
    def exact(self) -> bool:
        """Whether it is that of one name."""


def tier_of(name: str, rules: Iterable[Rule], says: Mapping[str, Any]) -> str | None:
    """Return how sure it is that one of the claimed names was meant: ``A`` may refuse, ``B`` warns, ``C`` is logged.

    :param says: what ``[typosquat]`` says.
    """
    if says.get("action") == "off":
        return None
    rules = list(rules)
    names = [rule.stem for rule in rules if rule.exact]
    names += [re.sub("[-_.]+", "-", text).lower() for text in says.get("protect", ())]
    tiers = [_tier_of_one(name, other) for other in names]
    stems = [rule.stem for rule in rules if not rule.exact and rule.stem.endswith("-")]
    tiers += [_tier_of_namespace(name, stem[:-1]) for stem in stems]
    return min((tier for tier in tiers if tier is not None), default=None)


def _tier_of_one(name: str, other: str) -> str | None:
    if name.replace("-", "") == other.replace("-", ""):
        return "A"
    far = errors(name, other)
    if len(other) < FEW or far > (2 if len(other) >= 8 else 1):
        return None
    if far == 2 and len(name) == len(other):
        return "B"  # two other letters: no world's names have two pairs swapped
    return "A"


def _tier_of_namespace(name: str, namespace: str) -> str | None:
    # What follows is no word that popular names have: then it would be surer.
    rest = name[len(namespace) :]
    if not name.startswith(namespace) or rest[:1] in {"", "-"} or len(rest) < 3 or len(namespace) < FEW - 1:
        return None
    return "B" if len(namespace) > FEW else "C"
