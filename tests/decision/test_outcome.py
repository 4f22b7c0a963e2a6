"""The heart, about a whole name: what more than one index offers, and the one cause of a refusal."""

from __future__ import annotations

import random
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from indexguard.decision.authority import Authority
from indexguard.decision.outcome import Met, Settings, find_cause, find_untold, sift_ambiguous
from indexguard.decision.verdict import Finding, Verdict
from indexguard.patterns import Name
from indexguard.policy.identity import Location
from indexguard.policy.model import Policy
from support.strategies import CORP, MIRROR, STRANGER, layer

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
    found = sift_ambiguous(offered)
    assert (None if found is None else set(found)) == alike
    assert all(digest == files[name] for name, digest in (found or {}).items() for files in offered.values())


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


# The one cause

LAYER = layer(Policy())
GO_ON, ABORT, BACKTRACK = (Settings(abort_on_shadow=n == 1, backtrack=n == 2) for n in range(3))


def source(code: str | None = None, failure: str | None = None, *, probing: bool = False) -> Any:
    """Return an index that is asked, or refused with a code."""
    verdict = Verdict(() if code is None else (Finding(code, LAYER),))
    return SimpleNamespace(place=CORP, verdict=verdict, is_local=False, probing=probing, failure=failure)


def dropped(code: str, *versions: str) -> Any:
    """Return files that were kept from pip."""
    return SimpleNamespace(finding=Finding(code, LAYER), versions=versions)


def cause(sources: Any, drops: Any, settings: Settings = GO_ON, specifier: str = "", **more: bool) -> str | None:
    met = Met(Authority((LAYER,), Name("acme"), date(2026, 1, 1)), sources, drops)
    found = find_cause(met, settings, specifier, **{"nothing_left": True, "failures_count": True, **more})
    return None if found is None else found.code


MIXED = [dropped(code, "1.0") for code in ("shadowed-name", "find-links", "redirected", "version-not-allowed")]
SOURCES = [source(), source("claimed-elsewhere"), source("unknown-index"), source("claimed-elsewhere", probing=True)]


@given(st.permutations(MIXED), st.permutations(SOURCES))
def test_the_cause_is_the_same_in_any_order(drops: list[Any], sources: list[Any]) -> None:
    assert cause(sources, drops) == "version-not-allowed"
    assert cause(sources, drops[:1], ABORT) == drops[0].finding.code


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (cause(SOURCES, MIXED, nothing_left=False), None),
        (cause(SOURCES, MIXED, ABORT, nothing_left=False), "shadowed-name"),
        (cause(SOURCES, MIXED, BACKTRACK), None),
        (cause([source(failure="status 503")], MIXED, BACKTRACK), "index-failed"),
        (cause([source(failure="status 503")], MIXED, failures_count=False), "version-not-allowed"),
        (cause([source(failure="status 503", probing=True)], MIXED), "version-not-allowed"),
        (cause(SOURCES, MIXED, specifier=">=2"), None),
        (cause(SOURCES[1:], MIXED, specifier=">=2"), "unknown-index"),
        (cause(SOURCES, [dropped("ambiguous-name", "1.0")], hashed=True), None),
    ],
)
def test_when_a_name_is_refused(told: str | None, code: str | None) -> None:
    assert told == code


@pytest.mark.parametrize("offered", [True, False])
def test_nothing_is_said_where_nothing_was_kept_from_pip(*, offered: bool) -> None:
    met = Met(Authority((LAYER,), Name("acme"), date(2026, 1, 1)), SOURCES, [])
    assert [found and found.code for found in (find_untold(met, offered=offered),)] == ["unknown-index"]
    assert (find_untold(met._replace(sources=SOURCES[:2]), offered=offered) is None) == offered
    assert find_untold(met._replace(sources=[SOURCES[0], SOURCES[3]]), offered=False) is None
    told = find_untold(met._replace(kept_away=MIXED), offered=offered)
    assert told is not None
    assert told.code == "version-not-allowed"
