"""The heart, about one file: whether it may be served, whoever serves it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from indexguard.decision.authority import Authority
from indexguard.decision.serving import (
    CHECKS,
    NO_OBJECTION,
    NOT_ADVISED,
    NOT_REMEMBERED,
    UNPINNED,
    FileFacts,
    FileJudge,
    Judged,
    PageFacts,
    Remembered,
    are_usual_times,
    asks_of_files,
    find_mismatched,
    is_usual_time,
    parse_time,
)
from indexguard.decision.verdict import PASS, Finding, Verdict
from indexguard.patterns import Name
from indexguard.policy.identity import PYPI, Location, parse_location
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
CORP = parse_location("https://corp.example/simple/")
HOURS = [timedelta(hours=hours) for hours in (-100, -1, 0, 1, 71, 72, 73, 1000)]
FILE = FileFacts(
    "foo-1.0-py3-none-any.whl", "1.0", "wheel", {"sha256": "ab" * 32}, NOW - timedelta(days=10), attested=True
)
SDIST = FILE._replace(filename="foo-1.0.tar.gz", kind="sdist")


def make_layer(asks: str, more: str = "", mode: str = "enforce", entry: str = '"*"') -> Layer:
    """Return a layer whose public index asks something of files."""
    text = f"""version = 1
mode = "{mode}"
[indexes.corp]
url = "https://corp.example/simple/"
packages = ["acme"]
[indexes.pypi]
url = "pypi"
packages = [{entry}]
{asks}
{more}
"""
    return Layer("environment", "/policy.toml", "0" * 64, read_policy(text.encode(), "/policy.toml"))


def judge(
    layers: Sequence[Layer],
    file: FileFacts,
    page: PageFacts = PageFacts(),  # noqa: B008  # frozen
    remembered: Remembered = NOT_REMEMBERED,
    *,
    name: str = "foo",
    place: Location = PYPI,
    now: datetime = NOW,
    checks: Any = CHECKS,
) -> Judged:
    """Judge one file of the public index."""
    authority = Authority(layers, Name(name), now.date())
    memory = {layer.path: remembered for layer in layers}
    return FileJudge(authority, PASS, place, page, now).judge(file, memory, NOT_ADVISED, checks)


def codes(judged: Judged) -> list[str]:
    """Return the codes of all objections."""
    return [finding.code for finding in judged.verdict.findings]


@pytest.mark.parametrize(
    ("asks", "age", "expected"),
    [
        ('min-age = "3d"', timedelta(days=3), []),
        ('min-age = "3d"', timedelta(days=3, seconds=-1), ["too-young"]),
        ('min-age = "72h"', timedelta(hours=71), ["too-young"]),
        ('min-age = "2w"', timedelta(days=14), []),
        ('min-age = "3d"', timedelta(days=-1), ["too-young"]),
        ('min-age = "3d"', None, ["too-young"]),
        ('min-age = { for = "3d", unknown = "allow" }', None, []),
        ('min-age = { for = "3d", unknown = "first-seen" }', None, ["too-young"]),
        ('min-age = "0d"', None, []),
        ('min-age = "0h"', timedelta(days=-1), []),
    ],
)
def test_age(asks: str, age: timedelta | None, expected: list[str]) -> None:
    file = FILE._replace(uploaded=None if age is None else NOW - age)
    assert codes(judge([make_layer(asks)], file)) == expected


def test_what_the_ledger_saw_counts_only_where_the_page_tells_no_age() -> None:
    found = make_layer('min-age = { for = "3d", unknown = "first-seen" }')
    seen = Remembered(NOW - timedelta(days=4))
    assert codes(judge([found], FILE._replace(uploaded=None), remembered=seen)) == []
    assert codes(judge([found], FILE._replace(uploaded=NOW), remembered=seen)) == ["too-young"]
    (objection,) = judge([found], FILE._replace(uploaded=None), remembered=Remembered(NOW)).objections
    assert objection.until == NOW + timedelta(days=3)


def test_a_time_at_the_end_of_the_calendar_is_young() -> None:
    last = datetime(9999, 12, 31, tzinfo=timezone.utc)
    (objection,) = judge([make_layer('min-age = "2w"')], FILE._replace(uploaded=last)).objections
    assert objection.until is not None
    assert objection.until > NOW


@pytest.mark.parametrize(
    ("asks", "file", "expected"),
    [
        ('formats = ["wheel"]', FILE, []),
        ('formats = ["wheel"]', SDIST, ["format-not-allowed"]),
        ('formats = ["wheel", "sdist"]', SDIST, []),
        ('formats = ["sdist"]', FILE, ["format-not-allowed"]),
        ('require-hashes = "index"', FILE, []),
        ('require-hashes = "index"', FILE._replace(hashes={}), ["hash-missing"]),
        ('require-hashes = "index"', FILE._replace(hashes={"md5": "0" * 32}), ["hash-missing"]),
        ('require-hashes = "index"', FILE._replace(hashes={"md5": "0" * 32, "sha512": "0" * 128}), []),
        ('require-hashes = "index"', FILE._replace(hashes={"sha256": "0" * 8}), ["hash-missing"]),
        ('require-hashes = "index"', FILE._replace(hashes={"sha256": "\u0663" * 64}), ["hash-missing"]),
        ('require-hashes = "off"', FILE._replace(hashes={}), []),
        ('require-hashes = "pinned"', FILE._replace(hashes={}), []),
    ],
)
def test_format_and_hash(asks: str, file: FileFacts, expected: list[str]) -> None:
    assert codes(judge([make_layer(asks)], file)) == expected


def test_what_a_page_calls_a_hash_is_not_repeated() -> None:
    hashes = {"\x1b[31mevil": "0" * 64, "md5": "0" * 32, "sha256": "\x1b[2J" + "0" * 60}
    (objection,) = judge([make_layer('require-hashes = "index"')], FILE._replace(hashes=hashes)).objections
    assert objection.detail == "the page gives md5"


def test_a_requirement_without_a_hash() -> None:
    assert codes(judge([make_layer('require-hashes = "pinned"')], FILE, checks=UNPINNED)) == ["hash-missing"]
    assert codes(judge([make_layer('require-hashes = "index"')], FILE, checks=UNPINNED)) == []


def test_entry_before_index_before_defaults() -> None:
    defaults = '[defaults]\nmin-age = "3d"\nformats = ["wheel"]'
    young = SDIST._replace(uploaded=NOW)
    assert codes(judge([make_layer("", defaults)], young)) == ["format-not-allowed"]
    assert codes(judge([make_layer('formats = ["sdist"]', defaults)], young)) == ["too-young"]
    entry = '"*", { name = "foo", min-age = "0d" }'
    assert codes(judge([make_layer('formats = ["sdist"]', defaults, entry=entry)], young)) == []
    # The default cooldown reaches public indexes only; formats reach all.
    assert codes(judge([make_layer("", defaults)], FILE._replace(uploaded=NOW), name="acme", place=CORP)) == []
    assert codes(judge([make_layer("", defaults)], young, name="acme", place=CORP)) == ["format-not-allowed"]


@pytest.mark.parametrize(
    ("says", "status", "expected"),
    [
        ("", "quarantined", (["status"], [])),
        ("", "archived", ([], ["log"])),
        ("", "active", ([], [])),
        ("", None, ([], [])),
        ("", "of a later version", ([], [])),
        ("", "find", ([], [])),
        ('[status]\nquarantined = "warn"\ndeprecated = "block"', "quarantined", ([], ["warn"])),
        ('[status]\nquarantined = "warn"\ndeprecated = "block"', "deprecated", (["status"], [])),
        ('[status]\narchived = "off"', "archived", ([], [])),
    ],
)
def test_status(says: str, status: str | None, expected: tuple[list[str], list[str]]) -> None:
    judged = judge([make_layer("", says)], FILE, PageFacts(status))
    assert (codes(judged), [objection.action for _, objection in judged.told]) == expected


@pytest.mark.parametrize(
    ("version", "attested", "page", "expected"),
    [
        ("2.1", False, ["2.0"], ["provenance-downgrade"]),
        ("2.1", None, ["2.0"], []),
        ("2.1", True, ["2.0"], []),
        ("2.0", False, ["2.0"], []),  # another file of that version has one
        ("1.9", False, ["2.0"], []),
        ("3.0", False, ["2.0"], []),
        ("1!2.1", False, ["2.0"], []),
        ("2.1", False, ["2.3"], []),
        ("2.1rc1", False, ["2.0", "2.0.1"], ["provenance-downgrade"]),
        ("no version", False, ["2.0"], []),
        ("2.1", False, ["no version"], []),
    ],
)
def test_provenance(version: str, attested: bool | None, page: list[str], expected: list[str]) -> None:
    file = FILE._replace(version=version, attested=attested)
    says = make_layer("", '[provenance]\ndowngrade = "block"')
    assert codes(judge([says], file, PageFacts(attested=page))) == expected
    assert codes(judge([make_layer("", '[provenance]\ndowngrade = "off"')], file, PageFacts(attested=page))) == []


WAIVER = """[[waive]]
code = "{code}"
packages = ["foo==1.0.0"]
reason = "SEC-212"
expires = {expires}
"""


@pytest.mark.parametrize(
    ("code", "expires", "version", "lifted"),
    [
        ("too-young", "2026-11-30", "1.0", True),
        ("too-young", "2026-11-29", "1.0", False),
        ("too-young", "2026-12-31", "1.1", False),
        ("format-not-allowed", "2026-12-31", "1.0", False),
    ],
)
def test_waiver(code: str, expires: str, version: str, *, lifted: bool) -> None:
    file = FILE._replace(uploaded=NOW, version=version)
    judged = judge([make_layer('min-age = "3d"', WAIVER.format(code=code, expires=expires))], file)
    assert codes(judged) == ([] if lifted else ["too-young"])
    assert [(finding.code, finding.key, waiver.reason) for finding, waiver in judged.waived] == (
        [("too-young", "waive[0]", "SEC-212")] if lifted else []
    )


def test_waiver_for_one_content() -> None:
    waiver = WAIVER.format(code="too-young", expires="2027-01-01")
    for digest, expected in (("AB" * 32, []), ("cd" * 32, ["too-young"])):
        found = make_layer('min-age = "3d"', f'{waiver}sha256 = ["{digest}"]')
        assert codes(judge([found], FILE._replace(uploaded=NOW))) == expected


def test_a_waiver_lifts_what_its_own_layer_objects_to_and_another_check_still_objects() -> None:
    waiving = make_layer(
        'min-age = "3d"\nformats = ["wheel"]', WAIVER.format(code="format-not-allowed", expires="2027-01-01")
    )
    other = make_layer('formats = ["wheel"]')
    judged = judge([waiving, other], SDIST._replace(uploaded=NOW))
    assert [(finding.code, finding.layer is waiving) for finding in judged.verdict.findings] == [
        ("too-young", True),
        ("format-not-allowed", False),
    ]


def test_audit_mode_objects_and_does_not_enforce() -> None:
    judged = judge([make_layer('min-age = "3d"', mode="audit")], FILE._replace(uploaded=NOW))
    assert codes(judged) == ["too-young"]
    assert judged.verdict.refusal is None


ASKS = st.sampled_from(
    [
        "",
        'min-age = "3d"',
        'min-age = "1w"',
        'min-age = { for = "3d", unknown = "allow" }',
        'formats = ["wheel"]',
        'require-hashes = "index"',
        'formats = ["wheel"]\nmin-age = "12h"',
    ]
)
FILES = st.builds(
    lambda kind, hashes, age, attested: FILE._replace(
        kind=kind, hashes=hashes, uploaded=None if age is None else NOW - age, attested=attested
    ),
    st.sampled_from(["wheel", "sdist"]),
    st.sampled_from([{}, {"sha256": "0" * 64}, {"md5": "0" * 32}]),
    st.none() | st.sampled_from(HOURS),
    st.sampled_from([None, True, False]),
)


@given(st.lists(ASKS, min_size=1, max_size=3), ASKS, st.integers(0, 3), FILES)
def test_an_extra_layer_never_allows_more(asks: list[str], extra: str, place: int, file: FileFacts) -> None:
    layers = list(map(make_layer, asks))
    more = [*layers[:place], make_layer(extra), *layers[place:]]
    assert judge(layers, file).verdict.refusal is None or judge(more, file).verdict.refusal is not None


@given(ASKS, FILES, st.sampled_from(HOURS))
def test_what_passes_passes_later_too(asks: str, file: FileFacts, later: timedelta) -> None:
    passes = judge([make_layer(asks)], file).verdict.refusal is None
    assert not passes or judge([make_layer(asks)], file, now=NOW + abs(later)).verdict.refusal is None


@given(ASKS, FILES)
def test_an_objection_that_ends_is_gone_when_it_says(asks: str, file: FileFacts) -> None:
    for objection in judge([make_layer(asks)], file).objections:
        if objection.until is not None:
            assert objection.until > NOW
            assert "too-young" not in codes(judge([make_layer(asks)], file, now=objection.until))


TIMES = st.one_of(
    st.sampled_from([None, 1, "", "2026-13-30T12:00:00Z", "2026-11-31T12:00:00Z", "!!!", "2026-W48-1T12:00:00Z"]),
    st.builds(
        lambda age, day, form: form.format((NOW - age).replace(day=day).replace(tzinfo=None).isoformat()),
        st.sampled_from(HOURS),
        st.integers(1, 30),
        st.sampled_from(["{}Z", "{}.123Z", "{}", "{}+05:00", "{}z", " {}Z", "{}.Z"]),
    ),
)


@given(
    st.lists(ASKS, min_size=1, max_size=3),
    FILES,
    TIMES,
    st.builds(
        PageFacts,
        st.sampled_from([None, "archived", "quarantined"]),
        st.sampled_from([(), ("0.9",), ("1.0",), ("2.0",)]),
    ),
    st.sampled_from(["", '[provenance]\ndowngrade = "block"\n']),
)
def test_nothing_is_objected_to_what_is_clear(
    asks: list[str], file: FileFacts, time: object, page: PageFacts, more: str
) -> None:
    layers = [make_layer(ask, more) for ask in asks]
    file = file._replace(uploaded=parse_time(time))
    judging = FileJudge(Authority(layers, Name("foo"), NOW.date()), PASS, PYPI, page, NOW)
    clearance = judging.clearance
    digest = file.hashes.get("sha256", "")
    is_clear = clearance is not None and clearance.clears(file.kind, digest, time if is_usual_time(time) else None)
    event("clear" if is_clear else "not clear")
    if is_clear:
        assert judging.judge(file) is NO_OBJECTION


@pytest.mark.parametrize(
    ("asks", "time", "expected"),
    [
        ('min-age = "3d"', "2026-11-27T12:00:00Z", True),
        ('min-age = "3d"', "2026-11-27T12:00:00.999Z", True),
        ('min-age = "3d"', "2026-11-27T12:00:01Z", False),
        ('min-age = "3d"', "2026-10-31T12:00:00Z", True),
        ('min-age = "3d"', "2026-09-31T12:00:00Z", False),
        ('min-age = "0d"', None, True),
        ('formats = ["wheel"]\nrequire-hashes = "index"', None, True),
        ('formats = ["sdist"]', None, False),
    ],
)
def test_most_files_are_clear(asks: str, time: object, *, expected: bool) -> None:
    authority = Authority([make_layer(asks)], Name("foo"), NOW.date())
    clearance = FileJudge(authority, PASS, PYPI, PageFacts(), NOW).clearance
    assert clearance is not None
    assert clearance.clears("wheel", "ab" * 32, time if is_usual_time(time) else None) is expected


# Two places, one file name


def test_one_name_with_two_contents() -> None:
    authority = Authority([make_layer("")], Name("foo"), NOW.date())
    one, two = (PASS, [("a.whl", "11"), ("b.whl", "22")]), (PASS, [("a.whl", "33"), ("b.whl", "22"), ("c.whl", None)])
    assert {name: [it.code for it in found] for name, found in find_mismatched(authority, [one, two]).items()} == {
        "a.whl": ["hash-mismatch"]
    }
    assert find_mismatched(authority, [one, (PASS, [("a.whl", None)])]) == {}
    assert find_mismatched(authority, [(PASS, [("a.whl", "11"), ("a.whl", "22")])]) == {}
    # A layer that has objected to one of the places compares the others.
    layer = make_layer("")
    objecting = Verdict((Finding("claimed-elsewhere", layer),))
    assert find_mismatched(Authority([layer], Name("foo"), NOW.date()), [one, (objecting, two[1])]) == {}


@pytest.mark.parametrize(
    ("layers", "name", "expected"),
    [
        ([""], "foo", False),
        (['min-age = "3d"'], "foo", True),
        (['min-age = "3d"'], "acme", False),
        (["", 'require-hashes = "index"'], "foo", True),
    ],
)
def test_whether_something_is_asked_of_files(layers: list[str], name: str, *, expected: bool) -> None:
    assert asks_of_files(Authority(list(map(make_layer, layers)), Name(name), NOW.date())) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-30T12:00:00Z", NOW),
        ("2026-11-30T12:00:00.123456Z", NOW),
        ("2026-11-30t12:00:00.1z", NOW),
        ("2026-11-30 13:30:00+01:30", NOW),
        ("2026-11-30T07:00:00-05:00", NOW),
        ("2026-11-30T12:00:00", None),
        ("2026-13-30T12:00:00Z", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1, None),
        (["2026-11-30T12:00:00Z"], None),
    ],
)
def test_times(text: object, expected: datetime | None) -> None:
    assert parse_time(text) == expected


USUAL = "2026-11-27T12:00:00Z"
TIMES = st.one_of(
    st.sampled_from(
        [USUAL, "2026-11-27T12:00:00.999Z", f"{USUAL}\n", f"{USUAL}\n{USUAL}", "2026-02-30T12:00:00Z", "", None, 1]
    ),
    st.datetimes(min_value=datetime(1999, 1, 1)).map(lambda time: f"{time.isoformat()}Z"),  # noqa: DTZ001  # of no zone
)


@given(st.lists(TIMES))
@example([USUAL] * 1000)
@example([*[USUAL] * 199, None])
@example([*[USUAL] * 199, f"{USUAL}\n{USUAL}"])
@example([*[USUAL] * 150, "2026-11-31T12:00:00Z", *[USUAL] * 150])
@example([*[USUAL] * 150, "2024-02-29T12:00:00Z", "2026-11-30T12:00:00Z", "2026-12-31T12:00:00Z"])
def test_many_times_are_usual_where_each_is(times: list[object]) -> None:
    assert are_usual_times(times) is all(map(is_usual_time, times))
    assert all(parse_time(time) is not None for time in times if is_usual_time(time))


@given(st.lists(st.datetimes(min_value=datetime(1999, 1, 1), timezones=st.just(timezone.utc)), max_size=5))  # noqa: DTZ001  # as hypothesis has it
def test_usual_times_are_in_their_order(times: list[datetime]) -> None:
    texts = [time.isoformat().replace("+00:00", "Z") for time in times]
    assert are_usual_times(texts * 20)
    assert [parse_time(text) for text in texts] == [time.replace(microsecond=0) for time in times]
    assert sorted(text[:19] for text in texts) == [time.isoformat()[:19] for time in sorted(times)]
