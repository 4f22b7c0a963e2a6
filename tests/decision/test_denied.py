"""What never comes in: denials, and records of advisories, by every way."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.decision.authority import Authority
from indexguard.decision.denied import Subject, judge_denied
from indexguard.decision.serving import NOT_ADVISED, Advised
from indexguard.decision.verdict import Finding, Verdict
from indexguard.patterns import normalise_name
from indexguard.policy.identity import Location, parse_location
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy

TODAY = date(2026, 11, 30)
CORP = parse_location("https://corp.example/simple/acme-core/")
PUBLIC = parse_location("https://public.example/simple/acme-core/")
PYPI = parse_location("pypi")
FILE = parse_location("https://files.example/acme_core-1.0-py3-none-any.whl")
SHA256 = "ab" * 32
INDEXES = """
[indexes.corp]
url = "https://corp.example/simple/"
namespaces = ["acme"]
[indexes.public]
url = "https://public.example/simple/"
public = true
packages = ["*"]
"""
RECORDS = '[advisories]\npaths = ["records"]\n'
DENY = '[[deny]]\npackages = ["acme-core<2", "evil"]\nreason = "SEC-7"\n'
OF_VERSION = Advised(of_version=("MAL-1",))
OF_CONTENT = Advised(("MAL-1",), ("MAL-1", "MAL-2"))


def layer(text: str, mode: str = "enforce", kind: str = "environment") -> Layer:
    """Return a layer by the text of its policy."""
    return Layer(
        kind, f"/{kind}.toml", "", read_policy(f'version = 1\nmode = "{mode}"\n{text}'.encode(), f"/{kind}.toml")
    )


def judge(
    layers: list[Layer], name: str, subject: Subject, *advised: Advised, asked: Verdict | None = None
) -> list[tuple[str, str, str]]:
    """Return code, key and words of each finding."""
    authority = Authority(layers, normalise_name(name), TODAY)
    judged = judge_denied(layers, authority, subject, advised, today=TODAY, asked=asked)
    assert [it.code for it in judged.objections] == [it.code for it in judged.verdict.findings]
    return [(it.code, it.key, it.detail) for it in judged.verdict.findings]


ANYWHERE = st.builds(
    Subject,
    st.just("1.0"),
    st.sampled_from(["", SHA256]),
    st.sampled_from([CORP, PUBLIC, PYPI, FILE, Location("file", "", 0), None]),
    st.booleans(),
)


@given(ANYWHERE)
def test_a_denial_holds_wherever_it_comes_from(subject: Subject) -> None:
    expected = [("denied", "deny[0].packages[0]", "SEC-7")]
    for text in (INDEXES + DENY, DENY):
        assert judge([layer(text)], "acme-core", subject) == expected
        assert judge([layer(text)], "acme-core", subject._replace(version="2.0")) == []
        assert judge([layer(text)], "acme-core", subject._replace(version=None)) == []
        assert judge([layer(text)], "evil", subject._replace(version=None)) != []


@given(ANYWHERE)
def test_the_content_that_a_record_names_never_comes_in(subject: Subject) -> None:
    expected = [("advisory", "advisories", "MAL-1, MAL-2, by the file's sha256")]
    for text in (INDEXES + RECORDS, RECORDS):
        assert judge([layer(text)], "acme-core", subject, OF_CONTENT) == expected
        assert judge([layer(text)], "whatever", subject, OF_CONTENT) == expected


@pytest.mark.parametrize(
    ("name", "place", "is_listed", "counts"),
    [
        ("gentle", PUBLIC, True, True),
        ("acme-core", CORP, True, False),  # an own project of that name
        ("acme-core", PUBLIC, True, True),
        ("gentle", CORP, True, False),
        ("gentle", FILE, False, True),
        ("acme-core", FILE, False, False),
        ("acme-core", None, False, False),
        ("gentle", None, False, True),
        ("acme-core", parse_location("https://public.example/simple/files/a.whl"), False, True),  # a public index's own
    ],
)
def test_project_and_version_count_for_public_files(
    name: str, place: Location | None, is_listed: bool, counts: bool
) -> None:
    subject = Subject("1.0", "", place, is_listed=is_listed)
    found = judge([layer(INDEXES + RECORDS)], name, subject, OF_VERSION)
    assert found == ([("advisory", "advisories", "MAL-1")] if counts else [])
    named = layer(f'{INDEXES}{RECORDS}indexes = ["corp"]\n')
    is_of_corp = place is not None and place.host == "corp.example"
    assert bool(judge([named], name, subject, OF_VERSION)) is (counts or is_of_corp)


@pytest.mark.parametrize(
    ("place", "is_listed", "counts"),
    [(PYPI, True, True), (PYPI._replace(segments=("a",)), True, True), (PUBLIC, True, False), (FILE, False, True)],
)
def test_layer_without_indexes_knows_one_public_index(place: Location, is_listed: bool, counts: bool) -> None:
    subject = Subject("1.0", "", place, is_listed=is_listed)
    assert bool(judge([layer(RECORDS)], "gentle", subject, OF_VERSION)) is counts


def test_layers_unite_and_one_in_audit_mode_only_logs() -> None:
    layers = [layer(INDEXES), layer(DENY, kind="machine"), layer(DENY, "audit", "user")]
    authority = Authority(layers, normalise_name("evil"), TODAY)
    judged = judge_denied(layers, authority, Subject("1.0"), today=TODAY)
    assert [(it.layer and it.layer.kind, it.enforced) for it in judged.verdict.findings] == [
        ("machine", True),
        ("user", False),
    ]


def test_each_layer_goes_by_its_own_records() -> None:
    layers = [layer(INDEXES + RECORDS), layer(RECORDS, kind="user")]
    subject = Subject("1.0", "", PUBLIC, is_listed=True)
    assert judge(layers, "gentle", subject, NOT_ADVISED, OF_CONTENT) == [
        ("advisory", "advisories", "MAL-1, MAL-2, by the file's sha256")
    ]
    assert judge(layers, "gentle", subject, OF_VERSION, NOT_ADVISED) == [("advisory", "advisories", "MAL-1")]


def test_layer_that_objected_to_the_index_objects_here_no_more() -> None:
    one = layer(INDEXES + DENY, "audit")
    asked = Verdict((Finding("claimed-elsewhere", one),))
    assert judge([one], "acme-core", Subject("1.0", place=PUBLIC, is_listed=True), asked=asked) == []


WAIVER = '[[waive]]\ncode = "advisory"\npackages = ["gentle==1.0"]\nreason = "false alarm"\nexpires = {}\n'


@pytest.mark.parametrize(
    ("waiver", "said", "is_lifted"),
    [
        (WAIVER.format("2026-11-30"), OF_VERSION, True),
        (WAIVER.format("2026-11-29"), OF_VERSION, False),
        (WAIVER.format("2026-11-30").replace("1.0", "1.1"), OF_VERSION, False),
        (WAIVER.format("2026-11-30").replace("advisory", "too-young"), OF_VERSION, False),
        (WAIVER.format("2026-11-30"), OF_CONTENT, False),
        (WAIVER.format("2026-11-30") + f'sha256 = ["{SHA256}"]\n', OF_CONTENT, True),
        (WAIVER.format("2026-11-30") + f'sha256 = ["{"0" * 64}"]\n', OF_CONTENT, False),
        (WAIVER.format("2026-11-30") + f'sha256 = ["{"0" * 64}"]\n', OF_VERSION, False),
    ],
)
def test_waivers(waiver: str, said: Advised, is_lifted: bool) -> None:
    layers = [layer(INDEXES + waiver + RECORDS)]
    authority = Authority(layers, normalise_name("gentle"), TODAY)
    subject = Subject("1.0", SHA256, PUBLIC, is_listed=True)
    judged = judge_denied(layers, authority, subject, [said], today=TODAY)
    assert (judged.verdict.refusal is None) is is_lifted
    assert [finding.key for finding, _ in judged.waived] == (["waive[0]"] if is_lifted else [])


def test_a_waiver_lifts_nothing_of_another_layer_and_no_denial() -> None:
    layers = [layer(INDEXES + RECORDS), layer(WAIVER.format("2027-01-01") + RECORDS, kind="user")]
    subject = Subject("1.0", "", PUBLIC, is_listed=True)
    assert judge(layers, "gentle", subject, OF_VERSION, NOT_ADVISED) == [("advisory", "advisories", "MAL-1")]
    denied = layer(WAIVER.format("2027-01-01") + DENY.replace("evil", "gentle"))
    assert judge([denied], "gentle", subject) == [("denied", "deny[0].packages[1]", "SEC-7")]


def test_many_records_are_counted() -> None:
    said = Advised(of_version=[f"MAL-{number}" for number in range(5)])
    found = judge([layer(INDEXES + RECORDS)], "gentle", Subject("1.0", place=PUBLIC, is_listed=True), said)
    assert found == [("advisory", "advisories", "MAL-0, MAL-1, MAL-2 and 2 more")]
