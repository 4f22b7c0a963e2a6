"""The heart: the laws that hold for every policy."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from indexguard.decision.authority import Authority
from indexguard.decision.outcome import Settings
from indexguard.decision.verdict import PASS, Verdict
from indexguard.patterns import Name, Pattern, normalise_name
from indexguard.policy.identity import Location
from indexguard.policy.model import Layer, Policy
from indexguard.policy.rules import Rule
from indexguard.ranges import parse_range
from support.strategies import (
    CORP,
    LOCAL,
    NAMES,
    STRANGER,
    TODAY,
    YESTERDAY,
    Offer,
    bare_policies,
    codes,
    layer,
    layers,
    offers,
    page,
    policies,
    read,
    rules_of,
    spellings,
)


def judge(found: Sequence[Layer], offer: Offer) -> dict[str, Verdict]:
    """Return every verdict on an offer; "file" is that of the whole way from the question to the file."""
    of_name = Authority(found, offer.name, TODAY)
    ask = of_name.ask(offer.asked)
    answer = of_name.page(offer.answered)
    check = None if offer.answered is None else of_name.file_check(offer.answered)
    file = PASS if check is None else check(offer.version, offer.file)
    return {
        "ask": ask,
        "file": Verdict((*ask.findings, *answer.findings, *file.findings)),
        "configured": of_name.configured([place for place in [offer.asked] if place is not None]),
        "direct": of_name.direct(LOCAL if offer.local else offer.file, requested=offer.requested),
        "local": of_name.local_file(),
        "locked": of_name.locked(LOCAL if offer.local else offer.file, offer.version),
    }


def allowed(found: Sequence[Layer], offer: Offer) -> dict[str, bool]:
    """Tell for each way whether the offer passes, and whether an index is asked at all."""
    verdicts = judge(found, offer)
    passed = {way: verdict.refusal is None for way, verdict in verdicts.items()}
    return {**passed, "is asked": passed["ask"] or verdicts["ask"].probes}


def assert_no_more(narrow: dict[str, bool], wide: dict[str, bool]) -> None:
    """Check that the narrow layers allow nothing that the wide ones do not."""
    assert {way for way, passes in narrow.items() if passes} <= {way for way, passes in wide.items() if passes}


@given(layers(), policies() | bare_policies(), st.integers(0, 3), offers())
def test_an_extra_layer_never_allows_more(found: list[Layer], extra: Policy, place: int, offer: Offer) -> None:
    # "is asked" is no exception: an index that one layer allows and another wants probed is asked in both cases.
    more = [*found[:place], layer(extra, 9), *found[place:]]
    assert_no_more(allowed(more, offer), allowed(found, offer))
    wide, narrow = Settings.of(found), Settings.of(more)
    assert narrow.abort_on_shadow >= wide.abort_on_shadow
    if any(layer.enforces for layer in found):
        assert narrow.backtrack <= wide.backtrack


def described(verdict: Verdict) -> set[tuple[str, str, str, bool, bool]]:
    """Return a verdict's findings without order, and without the values that order them."""
    return {
        (
            finding.code,
            "" if finding.layer is None else finding.layer.path,
            "" if finding.rule is None else finding.rule.key,
            finding.probe,
            finding.enforced,
        )
        for finding in verdict.findings
    }


@given(layers(), offers(), st.randoms(use_true_random=False))
def test_no_order_changes_a_verdict(found: list[Layer], offer: Offer, shuffle: random.Random) -> None:
    shuffled = []
    for one in shuffle.sample(found, len(found)):
        indexes = tuple(shuffle.sample(one.policy.indexes, len(one.policy.indexes)))
        indexes = tuple(index._replace(urls=tuple(shuffle.sample(index.urls, len(index.urls)))) for index in indexes)
        rules = list(one.policy.rules)
        rules = [rule._replace(indexes=tuple(reversed(rule.indexes))) for rule in shuffle.sample(rules, len(rules))]
        shuffled.append(replace(one, policy=replace(one.policy, indexes=indexes, rules=rules_of(rules))))
    before, after = judge(found, offer), judge(shuffled, offer)
    assert {way: described(verdict) for way, verdict in before.items()} == {
        way: described(verdict) for way, verdict in after.items()
    }
    assert allowed(found, offer) == allowed(shuffled, offer)
    assert Settings.of(found) == Settings.of(shuffled)


@given(st.data(), NAMES, offers())
def test_any_spelling_gets_the_verdict_of_the_normalised_name(data: st.DataObject, name: Name, offer: Offer) -> None:
    text = """
    [indexes.corp]
    url = "https://corp.example/simple/"
    packages = ["{}<2"]
    [indexes.public]
    url = "https://public.example/simple/"
    packages = ["*"]
    """
    asked = replace(offer, name=normalise_name(data.draw(spellings(offer.name))))
    written = read(text.format(data.draw(spellings(name))))
    assert {way: described(verdict) for way, verdict in judge([written], asked).items()} == {
        way: described(verdict) for way, verdict in judge([read(text.format(name))], offer).items()
    }


def enforcing(policy: Policy) -> Policy:
    """Return a policy in enforce mode."""
    return replace(policy, mode="enforce")


@given(layers(), offers())
def test_audit_mode_finds_the_same_and_refuses_nothing(found: list[Layer], offer: Offer) -> None:
    audit = [replace(one, policy=replace(one.policy, mode="audit")) for one in found]
    enforce = [replace(one, policy=enforcing(one.policy)) for one in found]
    for way, verdict in judge(audit, offer).items():
        other = judge(enforce, offer)[way]
        assert verdict.refusal is None
        assert verdict.observed == verdict.findings
        assert [(it.code, it.rule, it.probe) for it in verdict.findings] == [
            (it.code, it.rule, it.probe) for it in other.findings
        ]
        assert (other.refusal is None) is (not verdict.findings)
    assert allowed(audit, offer)["is asked"]


@st.composite
def forbidding(draw: st.DrawFn, policy: Policy) -> Policy:
    """Draw a policy that forbids something that ``policy`` may allow."""
    rules = list(policy.rules)
    place = draw(st.integers(0, len(rules) - 1))
    rule = rules[place]
    index = draw(st.sampled_from(policy.indexes))
    kind = draw(st.sampled_from(["range", "expire", "owner", "entry", "files", "local", "probe"]))
    if kind == "range" and rule.versions is None:
        rules[place] = rule._replace(versions=parse_range("<1.5"))
    elif kind == "expire":
        rules[place] = rule._replace(expires=YESTERDAY)
    elif kind == "owner" and len(rule.indexes) > 1:
        rules[place] = rule._replace(indexes=rule.indexes[1:])
    elif kind == "entry":
        pattern = Pattern(draw(NAMES), exact=True)
        assume(all(pattern != other.pattern for other in rules))
        rules.append(Rule(pattern, (index.name,), "added", expires=YESTERDAY))
    elif kind == "files" and index.files_from is None:
        indexes = [it._replace(files_from=()) if it is index else it for it in policy.indexes]
        return replace(policy, indexes=tuple(indexes))
    elif kind == "local":
        return replace(policy, local="block")
    elif kind == "probe":
        return replace(policy, probe="never")
    return replace(policy, rules=rules_of(rules))


@given(st.data(), layers(), policies().map(enforcing), offers())
def test_a_rule_that_forbids_never_allows_more(
    data: st.DataObject, others: list[Layer], policy: Policy, offer: Offer
) -> None:
    narrowed = layer(data.draw(forbidding(policy)), 9)
    narrow, wide = allowed([*others, narrowed], offer), allowed([*others, layer(policy, 9)], offer)
    # A name that has just been claimed may have a public index asked for squatters, and an index that pip knows.
    # Neither allows a file.
    for passed in (narrow, wide):
        del passed["is asked"], passed["configured"]
    assert_no_more(narrow, wide)


@given(layers(), offers(), st.sampled_from([None, CORP, STRANGER]))
def test_where_files_are_not_looked_at_their_place_plays_no_part(
    found: list[Layer], offer: Offer, place: Location | None
) -> None:
    assume(offer.answered is not None)
    of_name = Authority(found, offer.name, TODAY)
    check = None if offer.answered is None else of_name.file_check(offer.answered)
    if check is not None and offer.answered is not None and not of_name.looks_at_files(offer.answered):
        assert check(offer.version, place) == check(offer.version, offer.file)


@given(offers())
def test_without_a_policy_only_the_built_in_rule_applies(offer: Offer) -> None:
    assert all(verdict.findings == () for verdict in judge([], offer).values())
    assert Settings.of([]) == Settings(abort_on_shadow=False, backtrack=False)


@given(st.lists(bare_policies(), min_size=1, max_size=3), offers())
def test_policies_without_indexes_have_no_opinion_on_names(found: list[Policy], offer: Offer) -> None:
    verdicts = judge([layer(policy, number) for number, policy in enumerate(found)], offer)
    assert all(verdicts[way].findings == () for way in ("ask", "file", "configured"))
    assert {code for verdict in verdicts.values() for code in codes(verdict)} <= {"direct-url", "local-path"}


@given(layers(), policies().map(enforcing), offers())
def test_an_index_that_no_policy_names_is_never_used(others: list[Layer], policy: Policy, offer: Offer) -> None:
    found = [*others, layer(policy, 9)]
    assert not allowed(found, replace(offer, asked=STRANGER))["is asked"]
    assert not allowed(found, replace(offer, answered=page(STRANGER, offer.name)))["file"]
