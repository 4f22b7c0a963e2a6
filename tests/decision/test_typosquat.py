"""A name that is nearly another one: what its layers say, and when a doubtful likeness becomes a surer one."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.decision.authority import Authority
from indexguard.decision.outcome import ask, find_watching
from indexguard.decision.typosquat import NOTHING, Near, Suspicion, add_suspicion, find_signs, judge_name
from indexguard.decision.verdict import Verdict
from indexguard.patterns import Name
from indexguard.policy.identity import PYPI, parse_location
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy
from indexguard.typosquat.likeness import A, B, C, Likeness

TODAY = date(2026, 6, 15)
NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)
CORP = "https://corp.example/simple/"


def layer(rest: str = "", mode: str = "enforce") -> Layer:
    text = f"""version = 1
mode = "{mode}"
[indexes.corp]
url = "{CORP}"
namespaces = ["acme"]
[indexes.pypi]
url = "pypi"
packages = ["*"]
{rest}"""
    return Layer("machine", f"/{mode}.toml", "0", read_policy(text.encode(), "policy.toml"))


def judge(one: Layer, tier: str, name: str = "acmecore", signs: tuple[str, ...] = ()) -> Suspicion:
    authority = Authority([one], Name(name), TODAY)
    return judge_name(authority, [Near(one, Likeness("acme-core", "but for a dash", tier))], TODAY, signs)


BLOCK = '[typosquat]\naction = "block"\n'
WAIVED = '[[waive]]\ncode = "typosquat"\npackages = ["acmecore"]\nreason = "SEC-7"\nexpires = 2026-06-15\n'


@pytest.mark.parametrize(
    ("rest", "tier", "signs", "expected"),
    [
        (BLOCK, A, (), "verdict"),
        (BLOCK, B, (), "warned"),
        (BLOCK, B, ("it has one release only",), "verdict"),
        (BLOCK, C, (), "logged"),
        (BLOCK, C, ("it has one release only",), "warned"),
        ("", A, (), "warned"),
        ("", B, ("it has one release only",), "warned"),
        ("", C, (), "logged"),
        ("", C, ("it has one release only",), "warned"),
        (BLOCK + WAIVED, A, (), "waived"),
        (BLOCK + WAIVED.replace("15", "14"), A, (), "verdict"),
        (BLOCK + WAIVED.replace("acmecore", "acmecores"), A, (), "verdict"),
    ],
)
def test_a_tier_and_the_action_say_what_becomes_of_a_name(
    rest: str, tier: str, signs: tuple[str, ...], expected: str
) -> None:
    suspicion = judge(layer(rest), tier, signs=signs)
    found = {kind for kind in Suspicion._fields if kind != "verdict" and getattr(suspicion, kind)}
    found |= {"verdict"} if suspicion.verdict.findings else set()
    assert found == {expected}


def test_the_finding_says_what_was_meant_and_which_key_decides() -> None:
    (finding,) = judge(layer(BLOCK), B, signs=("it has one release only",)).verdict.findings
    assert (finding.code, finding.key) == ("typosquat", "typosquat.action")
    assert finding.meant == "`acme-core` (but for a dash; it has one release only)"
    assert finding.rule is not None
    assert finding.rule.pattern.is_catch_all


def test_an_audit_layer_has_it_only_logged() -> None:
    suspicion = judge(layer(BLOCK, "audit"), A)
    assert suspicion.verdict.refusal is None
    assert [finding.code for finding in suspicion.verdict.observed] == ["typosquat"]


def test_a_layer_objects_to_an_index_once() -> None:
    one = layer(BLOCK)
    suspicion = judge(one, A)
    authority = Authority([one], Name("acmecore"), TODAY)
    asked = [ask(authority, place, unverified=False) for place in (parse_location(CORP), PYPI)]
    codes = [[finding.code for finding in add_suspicion(verdict, suspicion).findings] for verdict in asked]
    assert codes == [["claimed-elsewhere"], ["typosquat"]]


@pytest.mark.parametrize(
    ("rest", "name", "expected"),
    [("", "acmecore", 1), ("", "acme-core", 0), ('[typosquat]\naction = "off"\n', "acmecore", 0), (BLOCK, "foo", 1)],
)
def test_only_names_that_nothing_but_the_star_matches_are_looked_at(rest: str, name: str, expected: int) -> None:
    assert len(find_watching(Authority([layer(rest)], Name(name), TODAY))) == expected


@pytest.mark.parametrize(
    ("versions", "ages", "expected"),
    [
        (("1.0",), (), 1),
        (("1.0", "2.0"), (), 0),
        (("1.0", "2.0"), (3, 20), 1),
        (("1.0", "2.0"), (3, 40), 0),
        (("1.0",), (3,), 2),
        (("1.0", "2.0"), (-5, -1), 1),
    ],
)
def test_one_release_and_a_young_project_are_signs(
    versions: tuple[str, ...], ages: tuple[int, ...], expected: int
) -> None:
    assert len(find_signs(versions, [NOW - timedelta(days=age) for age in ages], NOW)) == expected


@given(st.sampled_from([A, B, C]), st.sampled_from(["", BLOCK]), st.booleans())
def test_a_further_layer_and_a_sign_never_allow_more(tier: str, rest: str, signed: bool) -> None:
    one, other = layer(rest), layer(BLOCK, "enforce")
    signs = ("it has one release only",) if signed else ()
    near = Likeness("acme-core", "but for a dash", tier)
    authority = Authority([one, other], Name("acmecore"), TODAY)
    alone = judge_name(authority, [Near(one, near)], TODAY)
    both = judge_name(authority, [Near(one, near), Near(other, near)], TODAY, signs)
    assert set(alone.verdict.findings) == set() or both.verdict.refusal is not None
    assert len(both.verdict.findings) >= len(alone.verdict.findings)


def test_without_a_likeness_nothing_is_said() -> None:
    authority = Authority([layer(BLOCK)], Name("acmecore"), TODAY)
    assert judge_name(authority, [], TODAY) == NOTHING == Suspicion(Verdict())
