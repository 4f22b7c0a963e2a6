"""SARIF documents, against the official schema (tests/data/sarif)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from indexguard.codes import words_of
from indexguard.errors import CODES
from indexguard.logs.export import sarif
from indexguard.logs.export.formats import FORMATS, Export
from support.log_events import KINDS, events, odd_events, sample

SCHEMA = json.loads((Path(__file__).parents[2] / "data/sarif/sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
OFFICIAL = Draft4Validator(SCHEMA, format_checker=Draft4Validator.FORMAT_CHECKER)
ROUTINE = {"selected", "not-asked", "probed", "known-shadow", "sealed"}


def _document(*given_events: dict[str, Any]) -> dict[str, Any]:
    """Return the document of some events, which keeps to the schema."""
    document: dict[str, Any] = json.loads("".join(Export(FORMATS["sarif"], given_events)))
    OFFICIAL.validate(document)
    return document


def _results(*given_events: dict[str, Any]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = _document(*given_events)["runs"][0]["results"]
    return results


def test_schema_is_the_one_that_documents_name() -> None:
    assert SCHEMA["id"] == sarif.SCHEMA
    good = _document()
    assert not OFFICIAL.is_valid({**good, "runs": [{"results": []}]})
    assert not OFFICIAL.is_valid({**good, "$schema": "no URI"})


def test_every_code_is_a_rule_with_help() -> None:
    rules = _document()["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    assert all(words_of(rule["id"]).remedy in rule["help"]["text"] for rule in rules)


def test_findings_of_every_kind() -> None:
    results = _results(*map(sample, KINDS))
    assert [result["properties"]["event"] for result in results] == [kind for kind in KINDS if kind not in ROUTINE]
    rules = list(CODES)
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in results)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_document_is_whole_with_any_number_of_results(count: int) -> None:
    assert len(_results(*[sample("shadowed")] * count)) == count


@given(some=st.lists(events() | odd_events(), max_size=3))
def test_every_event_keeps_to_the_schema(some: list[dict[str, Any]]) -> None:
    _document(*some)


@pytest.mark.parametrize(
    ("kind", "level"),
    [("refused", "error"), ("shadowed", "error"), ("redirected", "warning"), ("would-refuse", "warning"), ("dropped", "note")],
)  # fmt: skip
def test_levels(kind: str, level: str) -> None:
    assert [result["level"] for result in _results(sample(kind))] == [level]


def test_code_of_a_later_version_has_no_rule() -> None:
    (result,) = _results(sample("refused", code="of-a-later-version"))
    assert result["ruleId"] == "of-a-later-version"
    assert "ruleIndex" not in result


def test_same_finding_has_the_same_fingerprint() -> None:
    first, again, other = _results(
        sample("shadowed"), sample("shadowed", seq=8, run="ab", time="2026-01-01T00:00:00.000Z"), sample("shadowed", name="x")
    )  # fmt: skip
    assert first["partialFingerprints"] == again["partialFingerprints"] != other["partialFingerprints"]


@pytest.mark.parametrize(
    ("file", "folder", "expected"),
    [
        ("/etc/indexguard/policy.toml", "/home/u", {"uri": "file:///etc/indexguard/policy.toml"}),
        ("/w/my repo/ci/p.toml", "/w/my repo", {"uri": "ci/p.toml", "uriBaseId": "%SRCROOT%"}),
        ("/w/repo2/p.toml", "/w/repo", {"uri": "file:///w/repo2/p.toml"}),
        ("/p#1?.toml", "/", {"uri": "file:///p%231%3F.toml"}),
        ("", "/w", None),
        ("relative.toml", "/w", None),
    ],
)
def test_policy_file_is_the_place(file: str, folder: str, expected: dict[str, str] | None) -> None:
    event = sample("refused", cwd=folder)
    event["rule"]["file"] = file
    (result,) = _results(event)
    (location,) = result["locations"]
    assert location.get("physicalLocation", {}).get("artifactLocation") == expected
    assert location["logicalLocations"][0]["name"] == "acme-core"
