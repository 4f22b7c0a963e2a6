"""One record, as OSV and the OpenSSF malicious-packages repository have it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration.bench.advisories import make_record

from indexguard.advisories.records import Affected, NoRecordError, read_records
from indexguard.patterns import Name
from indexguard.versions import parse_version

SHA256 = "c8784cf0aa8fa13a43614fbd6d51902feeecafdc06fc4db2695fd2572db66db8"


def affected(**keys: Any) -> Affected:
    """Return what the one project of a record is said of."""
    (record,) = read_records(json.dumps(make_record("Evil.Twin", "MAL-2026-1", **keys)).encode())
    (found,) = record.affected
    return found


def test_record_of_the_repository() -> None:
    (record,) = read_records(
        json.dumps(make_record("Evil.Twin", "MAL-2026-1", ["1.0"], sha256=[SHA256.upper()])).encode()
    )
    assert (record.id, record.is_withdrawn) == ("MAL-2026-1", False)
    # Neither the digest of a file within nor that of a report.
    assert record.affected == (Affected(Name("evil-twin"), ("1.0",), (), (SHA256,)),)


def test_several_records_in_one_text() -> None:
    records = [make_record("a", "MAL-1", ["1"]), make_record("b", "MAL-2", ["1"])]
    for tree in (records, {"vulns": records}):
        assert [it.id for it in read_records(json.dumps(tree).encode())] == ["MAL-1", "MAL-2"]


def test_what_is_withdrawn_says_so() -> None:
    for withdrawn, expected in ((None, False), ("", False), ("2026-05-26T13:04:03Z", True)):
        text = json.dumps(make_record("a", "MAL-1", ["1"], withdrawn=withdrawn))
        assert read_records(text.encode())[0].is_withdrawn is expected


def test_other_ecosystems_are_left_out() -> None:
    record = make_record("a", "MAL-1", ["1"])
    record["affected"].append({"package": {"ecosystem": "npm", "name": "a"}, "versions": "anything"})
    assert len(read_records(json.dumps(record).encode())[0].affected) == 1
    record["affected"] = record["affected"][1:]
    assert read_records(json.dumps(record).encode())[0].affected == ()


@pytest.mark.parametrize(
    ("version", "is_meant"),
    [("1.0", True), ("1.0.0", True), ("1.0+local", True), ("1.1", False), ("1.0rc1", False), ("not-one", False)],
)
def test_listed_versions(version: str, is_meant: bool) -> None:
    assert affected(versions=["1.0", "nonsense"]).affects(version) is is_meant


def test_listed_text_that_is_no_version() -> None:
    assert affected(versions=["2020-final"]).affects("2020-final")
    assert not affected(versions=["1.0+local"]).affects("1.0")


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        ([{"introduced": "0"}], ["0", "1", "99", "1a1", "not-one"], []),
        ([{"introduced": "0"}, {"fixed": "1.2"}], ["1.1", "1.2rc1", "not-one"], ["1.2", "1.2+local", "2"]),
        ([{"introduced": "1.0"}, {"last_affected": "1.2"}], ["1.0", "1.2"], ["0.9", "1.2.1", "1.2+local"]),
        ([{"introduced": "0"}, {"fixed": "1"}, {"introduced": "2"}], ["0.5", "2", "3"], ["1", "1.5"]),
        ([{"introduced": "2"}, {"fixed": "1"}, {"introduced": "0"}], ["0.5", "2", "3"], ["1", "1.5"]),
        ([{"introduced": "0"}, {"fixed": "1"}, {"introduced": "1"}], ["0.5", "1"], []),
        ([{"introduced": "0"}, {"fixed": "nonsense"}], ["1"], []),
        ([{"introduced": "nonsense"}], ["1"], []),
        ([], [], ["1", "not-one"]),
        ([{"fixed": "1"}], [], ["0.5", "1"]),
    ],
)
def test_ranges(events: list[dict[str, str]], inside: list[str], outside: list[str]) -> None:
    found = affected(events=events)
    assert [it for it in inside if not found.affects(it)] == []
    assert [it for it in outside if found.affects(it)] == []


def test_ranges_of_commits_say_nothing() -> None:
    record = make_record("a", "MAL-1", events=[{"introduced": "0"}])
    record["affected"][0]["ranges"][0]["type"] = "GIT"
    assert not read_records(json.dumps(record).encode())[0].affected[0].affects("1")


VERSIONS = st.sampled_from(["0.5", "1.0", "1.0.post1", "1.1rc1", "1.1", "2.0", "3.0"])


@given(VERSIONS, VERSIONS, VERSIONS)
def test_a_range_is_what_lies_between(version: str, start: str, end: str) -> None:
    found = affected(events=[{"introduced": start}, {"fixed": end}])
    at, first, last = map(parse_version, (version, start, end))
    assert at is not None
    assert first is not None
    assert last is not None
    if first < last:
        assert found.affects(version) is (first <= at < last)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("1", "expected an object"),
        ('{"id": 1}', "`id`"),
        ('{"id": "a b"}', "`id`"),
        ('{"id": "A", "withdrawn": true}', "`withdrawn`"),
        ('{"id": "A", "affected": {}}', "`affected`"),
        ('{"id": "A", "affected": [1]}', "affected[0]"),
        ('{"id": "A", "affected": [{"package": {"ecosystem": "PyPI"}}]}', "`name`"),
        ('{"id": "A", "affected": [{"package": {"ecosystem": "PyPI", "name": "a\\n"}}]}', "`name`"),
        ('{"id": "A", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": "1"}]}', "versions"),
        ('{"id": "A", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": [1]}]}', "versions"),
        ('{"id": "A", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "ranges": [1]}]}', "ranges"),
        (
            '{"id": "A", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "ranges": [{"events": [{"fixed": 1}]}]}]}',
            "event",
        ),
        ("[" * 100_000, "nested too deeply"),
        (f'{{"id": "A", "a": {"1" * 5000}}}', ""),
    ],
)
def test_what_is_no_record_says_why(text: str, reason: str) -> None:
    try:
        assert read_records(text.encode())[0].affected == ()  # as Python < 3.10.7 reads such a number
    except NoRecordError as error:
        assert reason in str(error)  # noqa: PT017  # one of the two
    else:
        assert reason == ""


def test_not_utf_8() -> None:
    with pytest.raises(NoRecordError, match="UTF-8"):
        read_records(b'{"id": "\xff"}')


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda it: (
            st.lists(it, max_size=3)
            | st.dictionaries(
                st.sampled_from(["database_specific", "indicators", "package_integrity", "hashes", "sha256"]),
                it,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
def test_what_a_database_adds_breaks_no_record(tree: Any) -> None:
    record = make_record("a", "MAL-1", ["1"])
    record["affected"][0]["database_specific"] = tree
    assert read_records(json.dumps(record).encode())[0].affected[0].versions == ("1",)
