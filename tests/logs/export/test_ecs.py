"""Documents of the Elastic Common Schema, against its official field list (tests/data/ecs)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from integration.harness.cases import read_cases

from indexguard.logs.export import ecs
from support.log_events import KINDS, events, odd_events, sample

CASES = read_cases(__file__)

DATA = Path(__file__).parents[2] / "data" / "ecs"
with (DATA / "fields.csv").open(encoding="utf-8", newline="") as file:
    FIELDS = {row["Field"]: row for row in csv.DictReader(file)}
ALLOWED: dict[str, dict[str, list[str]]] = json.loads((DATA / "allowed_values.json").read_text(encoding="utf-8"))
TYPES = {"keyword": str, "wildcard": str, "match_only_text": str, "date": str, "long": int, "float": float}


def _leaves(table: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _check(document: dict[str, Any]) -> None:
    """Assert that a document keeps to the schema; names of one's own stand under a name of one's own."""
    own = document.pop("indexguard", {})
    assert isinstance(own, dict)
    labels = document.pop("labels", {})
    assert all(isinstance(label, str) for label in labels.values())
    for name, value in _leaves(document):
        field = FIELDS[name]
        assert isinstance(value, list) == (field["Normalization"] == "array"), name
        for item in value if isinstance(value, list) else [value]:
            assert type(item) is TYPES[field["Type"]], name
            assert name not in ALLOWED or item in ALLOWED[name], name
            if field["Type"] == "date":
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(item))
    for category in document["event"]["category"]:
        assert set(document["event"]["type"]) <= set(ALLOWED["event.category"][category])


def test_field_list_is_of_the_release() -> None:
    assert {row["ECS_Version"] for row in FIELDS.values()} == {ecs.VERSION}
    assert set(ALLOWED) == {"event.kind", "event.category", "event.type", "event.outcome"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_to_the_schema(kind: str) -> None:
    _check(ecs.document(sample(kind)))


@given(event=events())
def test_every_event_keeps_to_the_schema(event: dict[str, Any]) -> None:
    document = json.loads(ecs.line(event))
    assert document == ecs.document(event)
    _check(document)


@given(event=odd_events())
def test_fields_of_another_type_are_left_out(event: dict[str, Any]) -> None:
    _check(json.loads(ecs.line(event)))


@pytest.mark.parametrize(
    ("kind", "expected"),
    CASES["happened"],
)
def test_what_happened(kind: str, expected: list[str]) -> None:
    event = ecs.document(sample(kind))["event"]
    assert [event["kind"], event["action"], event["outcome"]] == expected


@pytest.mark.parametrize(("code", "outcome"), [(0, "success"), (1, "failure"), (None, "unknown")])
def test_outcome_of_a_run(code: int | None, outcome: str) -> None:
    document = ecs.document(sample("sealed", seal={"events": 1, "exit": code}))
    assert document["event"]["outcome"] == outcome
    assert document["process"].get("exit_code") == code


def test_shadowed_name() -> None:
    document = ecs.document(sample("shadowed"))
    assert document["rule"] == CASES["shadowed"]
    assert document["threat"]["technique"]["subtechnique"]["id"] == ["T1195.001"]
    assert document["package"] == {"name": "acme-core"}
    assert document["indexguard"]["versions"] == ["99.0", "98.0"]
    assert document["process"]["command_line"] == "pip install 'acme core'"


def test_selected_file() -> None:
    package = ecs.document(sample("selected"))["package"]
    assert package == {
        "name": "acme-core",
        "version": "1.0",
        "type": "wheel",
        "checksum": f"sha256:{'0' * 64}",
        "reference": "https://corp.example/files/acme_core-1.0-py3-none-any.whl",
    }
