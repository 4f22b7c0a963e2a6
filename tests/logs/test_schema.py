"""The published schema is that of the events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from indexguard.audit.event import SCHEMA, EventFields
from indexguard.audit.recorder import Recorder
from indexguard.errors import CODES
from indexguard.logs.schema import schema_text
from support.log_events import CONTEXT, KINDS, events, sample

PUBLISHED: dict[str, Any] = json.loads(schema_text())


def _strict(schema: Any) -> Any:
    """Return a copy that allows no field that it does not name."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copied = {key: _strict(item) for key, item in schema.items()}
    return {**copied, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else copied


STRICT = Draft202012Validator(_strict(PUBLISHED), format_checker=Draft202012Validator.FORMAT_CHECKER)


def _fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for place, table in (("", PUBLISHED), *PUBLISHED["$defs"].items()):
        for name, field in table.get("properties", {}).items():
            yield f"{place}.{name}", field


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(PUBLISHED)
    assert PUBLISHED["$id"].endswith(f"/{SCHEMA}")
    assert PUBLISHED["properties"]["schema"]["const"] == SCHEMA


@given(event=events())
def test_whatever_is_built_is_valid(event: dict[str, Any]) -> None:
    STRICT.validate(event)


def test_lines_as_they_are_written_are_valid(tmp_path: Path) -> None:
    recorder = Recorder(CONTEXT, tmp_path / "audit.jsonl")
    recorder.record("shadowed", "shadowed-name", EventFields(name="acme-core", versions=["99.0"], files=1))
    recorder.record("refused", "unmatched-name", EventFields(name="other"))
    lines = (tmp_path / "audit.jsonl").read_bytes().splitlines()
    assert len(lines) == 2
    for line in map(json.loads, lines):
        STRICT.validate(line)
        assert list(line) == PUBLISHED["required"]  # in this order


@pytest.mark.parametrize("kind", KINDS)
def test_field_that_is_missing_or_unknown(kind: str) -> None:
    event = sample(kind)
    STRICT.validate(event)
    for name in event:
        assert not STRICT.is_valid({key: value for key, value in event.items() if key != name}), name
    assert not STRICT.is_valid({**event, "new": 1})
    assert Draft202012Validator(PUBLISHED).is_valid({**event, "new": 1})


@pytest.mark.parametrize(
    "fields",
    [
        {"time": "2026-11-26T04:00:00+00:00"}, {"time": "2026-13-26T04:00:00.000Z"}, {"seq": 0}, {"seq": 1.5}, {"files": -1},
        {"event": "installed"}, {"code": "no-such-code"}, {"versions": ["1"] * 51}, {"kept": [None]}, {"chosen": {}},
        {"seal": {"events": 0, "exit": 0}}, {"prev": "0"}, {"schema": 2}, {"ci": {"provider": None}}, {"rule": "acme-*"},
    ],
)  # fmt: skip
def test_value_that_no_event_has(fields: dict[str, Any]) -> None:
    assert not STRICT.is_valid(sample("refused", **fields))


def test_codes_and_kinds_are_the_guards_own() -> None:
    assert PUBLISHED["properties"]["code"]["enum"] == [*CODES, None]
    assert PUBLISHED["properties"]["event"]["enum"] == list(KINDS)
    assert all(f"`{kind}`: " in PUBLISHED["properties"]["event"]["description"] for kind in KINDS)


def test_every_field_is_documented() -> None:
    undocumented = {name for name, field in _fields() if not field.get("description") or not field.get("x-since")}
    untyped = {name for name, field in _fields() if not {"type", "const", "enum", "anyOf", "$ref"} & field.keys()}
    assert (undocumented, untyped) == (set(), set())
    counts = {name for name, field in _fields() if field.get("type") == "integer" and "x-unit" not in field}
    assert counts == {".seq", ".pid", ".ppid"}  # numbers without a unit


def test_previous_line_comes_last() -> None:
    # A reader that checks the chain may look at the end of a line.
    assert [*PUBLISHED["properties"]][-1] == "prev"
    assert PUBLISHED["required"] == [*PUBLISHED["properties"]]
