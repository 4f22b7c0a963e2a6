"""How one name is like another, and how sure it is that the other one was meant."""

from __future__ import annotations

from typing import Any

import pytest
from integration.harness.cases import read_cases

from indexguard.typosquat.likeness import compare, distance
from indexguard.typosquat.watch import Watch, popular_names

CASES = read_cases(__file__)


def slow_distance(name: str, other: str) -> int:
    """The definition, without any short cut."""
    rows = [[max(i, j) if not i or not j else 0 for j in range(len(other) + 1)] for i in range(len(name) + 1)]
    for i in range(1, len(name) + 1):
        for j in range(1, len(other) + 1):
            costs = [rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (name[i - 1] != other[j - 1])]
            if i > 1 and j > 1 and name[i - 2 : i] == other[j - 2 : j][::-1]:
                costs.append(rows[i - 2][j - 2] + 1)
            rows[i][j] = min(costs)
    return rows[-1][-1]


@pytest.mark.parametrize("case", CASES["popular"], ids=lambda case: str(case["title"]))
def test_a_name_is_like_a_popular_one(case: dict[str, Any]) -> None:
    renowned = dict(popular_names().find_near(case["target"])).get(case["target"], False)
    found = compare(case["name"], case["target"], renowned=renowned)
    assert ("" if found is None else found.tier) == case["tier"]
    assert found is None or found.how == case["how"]


@pytest.mark.parametrize("case", CASES["claimed"], ids=lambda case: str(case["title"]))
def test_a_name_is_like_a_claimed_one(case: dict[str, Any]) -> None:
    names = [claim for claim in case["claims"] if not claim.endswith("*")]
    found = Watch(names, [claim[:-1] for claim in case["claims"] if claim.endswith("*")]).find_meant(case["name"])
    assert ("" if found is None else found.tier) == case["tier"]
    assert found is None or (found.target, found.claimed) == (case["target"], True)


@pytest.mark.parametrize("alphabet", ["ab", "abc-1"])
def test_the_distance_is_that_of_its_definition(alphabet: str) -> None:
    words = [""]
    for _ in range(4 if len(alphabet) > 2 else 5):
        words += sorted({word + letter for word in words for letter in alphabet})
    pairs = [(name, other) for name in words[::7] for other in words[::5]]
    assert len(pairs) > 100
    for name, other in pairs:
        for limit in (1, 2):
            assert distance(name, other, limit) == min(slow_distance(name, other), limit + 1), (name, other)
