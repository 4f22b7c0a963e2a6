"""The heart, without a policy: a name that more than one index offers."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from indexguard.decision.outcome import sift_ambiguous
from indexguard.policy.identity import Location
from support.strategies import CORP, MIRROR, STRANGER

ONE, TWO, THREE = CORP, MIRROR, STRANGER


DIGESTS = st.sampled_from([None, "aa", "bb"])


OFFERED = st.dictionaries(
    st.sampled_from([ONE, TWO, THREE]), st.dictionaries(st.sampled_from(["a.whl", "b.whl", "c.whl"]), DIGESTS)
)


@pytest.mark.parametrize(
    ("offered", "alike"),
    [
        ({}, None),
        ({ONE: {"a.whl": None}}, None),
        ({ONE: {"a.whl": None}, TWO: {}}, None),
        ({ONE: {"a.whl": "aa"}, TWO: {"a.whl": "aa"}}, None),
        ({ONE: {"a.whl": "aa"}, TWO: {"a.whl": "bb"}}, set()),
        ({ONE: {"a.whl": None}, TWO: {"a.whl": None}}, set()),
        ({ONE: {"a.whl": "aa"}, TWO: {"b.whl": "aa"}}, set()),
        ({ONE: {"a.whl": "aa"}, TWO: {"a.whl": "aa", "b.whl": "bb"}}, {"a.whl"}),
        ({ONE: {"a.whl": "aa"}, TWO: {"a.whl": "aa"}, THREE: {"a.whl": "bb"}}, set()),
    ],
)
def test_ambiguous_names(offered: dict[Location, dict[str, str | None]], alike: set[str] | None) -> None:
    assert sift_ambiguous(offered) == alike


def usable(offered: dict[Location, dict[str, str | None]]) -> set[tuple[str, str | None]]:
    """Return the files, with their digests, that pip may use."""
    kept = sift_ambiguous(offered)
    return {file for files in offered.values() for file in files.items() if kept is None or file[0] in kept}


@given(OFFERED)
@example({ONE: {"a.whl": "aa"}, TWO: {"a.whl": "aa", "b.whl": None}})
def test_what_several_offer_is_alike_everywhere(offered: dict[Location, dict[str, str | None]]) -> None:
    offering = [files for files in offered.values() if files]
    if len(offering) > 1:
        for name, digest in usable(offered):
            assert digest is not None
            assert all(files[name] == digest for files in offering)


@given(OFFERED, st.randoms(use_true_random=False))
def test_the_order_of_offers_plays_no_part(
    offered: dict[Location, dict[str, str | None]], shuffle: random.Random
) -> None:
    shuffled = {
        place: dict(shuffle.sample(list(offered[place].items()), len(offered[place])))
        for place in shuffle.sample(list(offered), len(offered))
    }
    assert sift_ambiguous(shuffled) == sift_ambiguous(offered)


@given(OFFERED, st.dictionaries(st.sampled_from(["a.whl", "b.whl", "c.whl"]), DIGESTS))
def test_one_more_index_never_makes_a_file_usable_that_was_not(
    offered: dict[Location, dict[str, str | None]], extra: dict[str, str | None]
) -> None:
    assume(THREE not in offered)
    more = {**offered, THREE: extra}
    before = {name for name, _ in usable(offered)}
    if any(offered.values()):
        assert {name for name, _ in usable(more)} <= before
