"""What a machine remembers of a file counts: another content, the time at which it was first seen, attestations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.decision.authority import Authority
from indexguard.decision.serving import (
    NOT_IN_LEDGER,
    FileFacts,
    FileJudge,
    Judged,
    PageFacts,
    Remembered,
    find_ledger_failure,
)
from indexguard.decision.verdict import PASS
from indexguard.patterns import Name
from indexguard.policy.identity import parse_location
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)
OLD, OTHER = "a" * 64, "b" * 64
PLACE = parse_location("https://packages.corp.example/simple/acme-core/")
INDEX = """
version = 1
[indexes.corp]
url = "https://packages.corp.example/simple/"
packages = ["*"]
public = true
"""
WAIVER = f"""
[[waive]]
code = "hash-changed"
packages = ["acme-core==1.0"]
reason = "published again"
expires = 2027-01-01
sha256 = ["{OTHER}"]
"""
FIRST_SEEN = 'min-age = { for = "3d", unknown = "first-seen" }\n'


def layer(text: str = "[ledger]\n", path: str = "/etc/policy.toml") -> Layer:
    return Layer("environment", path, "0" * 64, read_policy((INDEX + text).encode(), path))


def judge(
    layers: list[Layer],
    remembered: Mapping[str, Remembered],
    file: FileFacts | None = None,
    attested: Mapping[str, set[str]] | None = None,
) -> Judged:
    authority = Authority(layers, Name("acme-core"), date(2026, 11, 30))
    judging = FileJudge(authority, PASS, PLACE, PageFacts(), NOW, attested=attested or {})
    return judging.judge(file or FileFacts("acme_core-1.0.zip", "1.0", "sdist", {"sha256": OTHER}), remembered)


def codes(judged: Judged) -> list[str]:
    return [finding.code for finding in judged.verdict.findings]


def test_another_content_than_was_seen_is_dropped() -> None:
    judged = judge([layer()], {"/etc/policy.toml": Remembered(NOW - timedelta(days=30), (OLD,))})
    assert codes(judged) == ["hash-changed"]
    assert judged.verdict.findings[0].key == "ledger"
    assert judged.objections[0].detail == f"first seen on 2026-10-31 with sha256 {OLD[:16]}..., and now it has {OTHER}"


@pytest.mark.parametrize(
    ("hashes", "remembered"),
    [
        ({"sha256": OLD}, (OLD,)),
        ({"sha256": OLD.upper()}, (OLD,)),
        ({"sha256": OTHER}, ()),
        ({}, ()),
    ],
)
def test_what_is_the_same_or_cannot_be_compared_passes(hashes: dict[str, str], remembered: tuple[str, ...]) -> None:
    file = FileFacts("acme_core-1.0.zip", "1.0", "sdist", hashes)
    assert codes(judge([layer()], {"/etc/policy.toml": Remembered(NOW, remembered)}, file)) == []


@pytest.mark.parametrize("hashes", [{}, {"md5": "0" * 32}])
def test_a_page_that_gives_no_sha256_any_more_is_no_way_round(hashes: dict[str, str]) -> None:
    file = FileFacts("acme_core-1.0.zip", "1.0", "sdist", hashes)
    for text in ("[ledger]\n", f"[ledger]\n{WAIVER}"):  # a waiver is for a content, and there is none
        judged = judge([layer(text)], {"/etc/policy.toml": Remembered(NOW, (OLD,))}, file)
        assert codes(judged) == ["hash-changed"]
        assert judged.objections[0].detail.endswith("..., and the page gives none any more")


def test_each_layer_has_its_own_memory() -> None:
    layers = [layer(), layer(path="/home/policy.toml")]
    judged = judge(layers, {"/home/policy.toml": Remembered(NOW, (OLD,))})
    assert [finding.layer for finding in judged.verdict.findings] == [layers[1]]


def test_only_the_content_that_a_waiver_names_is_lifted() -> None:
    remembered = {"/etc/policy.toml": Remembered(NOW, (OLD,))}
    judged = judge([layer(f"[ledger]\n{WAIVER}")], remembered)
    assert (codes(judged), [finding.key for finding, _ in judged.waived]) == ([], ["waive[0]"])
    third = FileFacts("acme_core-1.0.zip", "1.0", "sdist", {"sha256": "c" * 64})
    assert codes(judge([layer(f"[ledger]\n{WAIVER}")], remembered, third)) == ["hash-changed"]


@pytest.mark.parametrize(
    ("first_seen", "code"),
    [
        (NOW - timedelta(days=3), None),
        (NOW - timedelta(days=3) + timedelta(seconds=1), "too-young"),
        (NOW, "too-young"),
        (NOW + timedelta(days=400), "too-young"),  # a clock that was wrong
        (None, "too-young"),
    ],
)
def test_what_the_index_does_not_date_is_as_old_as_the_memory_of_it(
    first_seen: datetime | None, code: str | None
) -> None:
    judged = judge([layer(FIRST_SEEN)], {"/etc/policy.toml": Remembered(first_seen)})
    assert codes(judged) == ([] if code is None else [code])
    if first_seen is not None and code is not None:
        assert judged.objections[0].until == first_seen + timedelta(days=3)


def test_a_date_of_the_index_counts_before_that_of_the_memory() -> None:
    file = FileFacts("acme_core-1.0.zip", "1.0", "sdist", {}, NOW)
    assert codes(judge([layer(FIRST_SEEN)], {"/etc/policy.toml": Remembered(NOW - timedelta(days=99))}, file)) == [
        "too-young"
    ]


def test_content_that_changed_is_told_before_its_age() -> None:
    judged = judge([layer(FIRST_SEEN)], {"/etc/policy.toml": Remembered(NOW, (OLD,))})
    assert codes(judged) == ["hash-changed"]


def test_attestations_that_are_remembered_count() -> None:
    layers = [layer('[ledger]\n[provenance]\ndowngrade = "block"\n')]
    file = FileFacts("acme_core-1.1.zip", "1.1", "sdist", {}, attested=False)
    assert codes(judge(layers, {}, file)) == []
    assert codes(judge(layers, {}, file, {"/etc/policy.toml": {"1.0"}})) == ["provenance-downgrade"]
    for versions in ({"2.0"}, {"0.9"}, set()):  # another major line, and none
        assert codes(judge(layers, {}, file, {"/etc/policy.toml": versions})) == []
    assert codes(judge(layers, {}, file, {"/home/policy.toml": {"1.0"}})) == []


@given(
    text=st.sampled_from(["", "[ledger]\n", FIRST_SEEN, f"[ledger]\n{WAIVER}"]),
    is_same=st.booleans(),
    is_old=st.booleans(),
)
def test_memory_of_the_content_only_narrows(text: str, *, is_same: bool, is_old: bool) -> None:
    first_seen = NOW - timedelta(days=9 if is_old else 1)
    without = judge([layer(text)], {"/etc/policy.toml": Remembered(first_seen)})
    remembered = judge([layer(text)], {"/etc/policy.toml": Remembered(first_seen, (OTHER if is_same else OLD,))})
    assert len(codes(remembered)) >= len(codes(without))


def test_only_a_layer_that_enforces_stops_without_its_ledger() -> None:
    block = '[ledger]\non-failure = "block"\n'
    found = find_ledger_failure(layer(block))
    assert found is not None
    assert (found.code, found.key, found.enforced) == ("ledger-failed", "ledger.on-failure", True)
    audit = Layer("user", "p", "", read_policy(f'mode = "audit"\n{INDEX}{block}'.encode(), "p"))
    assert [find_ledger_failure(it) for it in (layer(), layer(""), audit)] == [None, None, None]


def test_a_file_that_a_ledger_without_writers_does_not_know_gets_no_older() -> None:
    judged = judge([layer(FIRST_SEEN)], {"/etc/policy.toml": NOT_IN_LEDGER})
    assert codes(judged) == ["too-young"]
    (objection,) = judged.objections
    assert objection.until is None
    assert "not in the ledger" in objection.detail
    assert "`indexguard ledger import`" in objection.detail
