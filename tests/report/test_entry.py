"""What a row says of an event, whatever the event is made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.audit.kinds import GROUPS
from indexguard.codes import words_of
from indexguard.report.entry import (
    MAX_LINE,
    MAX_MESSAGE,
    find_group,
    find_offering_index,
    read_entry,
    read_time,
)
from support.report_events import PUBLIC, event, shadowed

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def facts(**fields: Any) -> dict[str, str]:
    """Return the facts of an event with these fields."""
    return dict(read_entry(event(**fields), "refused").facts)


@pytest.mark.parametrize(
    ("kind", "code", "group"),
    [
        ("refused", "unmatched-name", "refused"),
        ("redirected", "redirected", "refused"),
        ("guard-failed", "guard-broken", "refused"),
        ("of-a-later-version", None, "refused"),
        ("refused", "shadowed-name", "shadowed"),
        ("shadowed", "shadowed-name", "shadowed"),
        ("dropped", "version-not-allowed", "dropped"),
        ("would-refuse", "shadowed-name", "observed"),
        ("selected", None, None),
        ("not-asked", "claimed-elsewhere", None),
        ("sealed", None, None),
    ],
)
def test_groups(kind: str, code: str | None, group: str | None) -> None:
    assert find_group(event(kind, code)) == group
    assert group is None or group in GROUPS


@pytest.mark.parametrize("time", ["2026-11-20T08:30:00Z", "2026-11-20T08:30:00.123Z"])
def test_time(time: str) -> None:
    assert read_time({"time": time}) == time


@pytest.mark.parametrize(
    "time", ["now", "", "2026-11-20", "2026-11-20T08:30:00+01:00", "9" * 24, 5, None, "2026-11-20T08:30:00Z\n"]
)
def test_what_is_no_time(time: object) -> None:
    assert read_time({"time": time}) == ""


def test_entry() -> None:
    entry = read_entry(shadowed(), "shadowed")
    assert (entry.code, entry.name, entry.versions, entry.asked, entry.host) == (
        "shadowed-name", "acme-core", "5.0", PUBLIC, "build-7",
    )  # fmt: skip
    assert dict(entry.facts) == {
        "Meaning": words_of("shadowed-name").meaning,
        "What to do": words_of("shadowed-name").remedy,
        "Rule": "/etc/indexguard/policy.toml indexes.corp.namespaces[0]",
        "Pattern": "acme-*",
        "Belongs to": "corp",
        "Asked": PUBLIC,
        "Answered": f"{PUBLIC}acme-core/",
        "Files": "1",
        "Folder": "/src",
        "Command": "python -m pip install parentlib",
        "Versions": "pip 26.3, Python 3.13.0",
        "Run": "4a39da479bb0b09a, event 3",
    }


def test_facts_of_the_newer_fields() -> None:
    job = {"provider": "github-actions", "job": "test", "run": None, "repository": "acme/shop", "ref": "main"}
    files = [{"version": f"{n}", "file": f"a-{n}.whl", "hash": "sha256:ab" if n else None} for n in range(7)]
    told = facts(prefix="/venv", ci=job, requested_by=["shop", "acme-client"], offered=files, more_offered=3)
    assert told["Environment"] == "/venv"
    assert told["CI job"] == "github-actions, acme/shop, main, test"
    assert told["Requested by"] == "shop > acme-client"
    assert (
        told["Offered"]
        == "a-0.whl, a-1.whl sha256:ab, a-2.whl sha256:ab, a-3.whl sha256:ab, a-4.whl sha256:ab and 5 more"
    )


@pytest.mark.parametrize(
    ("versions", "more", "told"),
    [
        (["2", "1"], 0, "2, 1"),
        ([str(n) for n in range(50)], 7, "0, 1, 2, 3, 4 and 52 more"),
        (["1"], -3, "1"),
        (["1"], True, "1"),
        (["1"], "x", "1"),
        ([], 7, ""),
        ([None, {}, "1"], 0, "1"),
        ("1", 0, ""),
    ],
)
def test_versions(versions: object, more: object, told: str) -> None:
    assert read_entry(event(versions=versions, more_versions=more), "refused").versions == told


def test_long_texts_are_cut() -> None:
    entry = read_entry(event(**dict.fromkeys(event(), "x" * 10**6)), "refused")
    assert len(entry.message) == MAX_MESSAGE + 3
    assert all(len(text) <= MAX_LINE + 3 for _, text in entry.facts)
    assert (
        sum(map(len, (entry.name, entry.asked, entry.answered, entry.versions, entry.host, entry.user))) < 4 * MAX_LINE
    )
    assert len(facts(command=["x" * 10**6] * 99)["Command"]) < 2 * MAX_LINE


@pytest.mark.parametrize(
    ("asked", "answered", "index"),
    [
        (PUBLIC, f"{PUBLIC}acme-core/", PUBLIC),
        (PUBLIC, "https://other.example/acme-core/", "https://other.example/acme-core/"),
        (None, "https://other.example/", "https://other.example/"),
        (PUBLIC, None, PUBLIC),
        (None, 5, ""),
    ],
)
def test_offering_index(asked: object, answered: object, index: str) -> None:
    assert find_offering_index({"index_asked": asked, "index_answered": answered}) == index


@given(st.dictionaries(st.sampled_from([*event(), "ci", "offered", "more_offered", "requested_by", "prefix"]), _JSON))
def test_any_fields_make_an_entry(fields: dict[str, Any]) -> None:
    group = find_group(fields)
    entry = read_entry(fields, group or "refused")
    assert all(text for fact in entry.facts for text in fact)
    assert {type(text) for fact in entry.facts for text in fact} <= {str}
