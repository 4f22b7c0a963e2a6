"""Events of the Open Cybersecurity Schema Framework, against its official release (the package ocsf-json-schema)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from integration.harness.cases import read_cases
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from indexguard.logs.export import ocsf
from support.log_events import KINDS, events, odd_events, sample

CASES = read_cases(__file__)

RELEASE: dict[str, Any] = get_ocsf_schema(ocsf.VERSION)
PROFILES = ["host", "security_control"]
NAMES = {6002: "application_lifecycle", 2004: "detection_finding"}
VALIDATORS = {
    uid: Draft202012Validator(OcsfJsonSchemaEmbedded(RELEASE).get_class_schema(name, PROFILES))
    for uid, name in NAMES.items()
}
OTHER = 99


def _check(document: dict[str, Any]) -> None:
    """Assert that an event keeps to the schema, captions included."""
    uid = document["class_uid"]
    VALIDATORS[uid].validate(document)
    attributes = RELEASE["classes"][NAMES[uid]]["attributes"]
    assert set(document["metadata"]["profiles"]) <= set(RELEASE["classes"][NAMES[uid]]["profiles"])
    for name, value in document.items():
        values, caption = attributes[name].get("enum"), attributes[name].get("sibling")
        if values and value != OTHER:
            assert str(value) in values, name
            assert caption not in document or document[caption] == values[str(value)]["caption"], name


def test_release_has_no_profile_for_chained_records() -> None:
    # When a release has it, the digest of the preceding line belongs there.
    assert "record_integrity" not in RELEASE["classes"]["application_lifecycle"]["profiles"]
    assert ocsf.document(sample("refused"))["unmapped"]["prev"] == "cd" * 32


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_to_the_schema(kind: str) -> None:
    _check(ocsf.document(sample(kind)))


@given(event=events())
def test_every_event_keeps_to_the_schema(event: dict[str, Any]) -> None:
    document = json.loads(ocsf.line(event))
    assert document == ocsf.document(event)
    _check(document)


@given(event=odd_events())
def test_fields_of_another_type_are_left_out(event: dict[str, Any]) -> None:
    _check(json.loads(ocsf.line(event)))


def test_schema_refuses_what_is_wrong() -> None:
    # The oracle is one only if it can say no.
    good = ocsf.document(sample("refused"))
    for bad in ({**good, "new": 1}, {**good, "action_id": 7}, {**good, "app": {}}, {**good, "time": "now"}):
        assert not VALIDATORS[6002].is_valid(bad)


@pytest.mark.parametrize(
    ("kind", "uid", "action", "disposition", "severity", "is_alert"),
    CASES["done"],
)
def test_what_was_done(
    *, kind: str, uid: int, action: str, disposition: str, severity: str, is_alert: bool
) -> None:  # fmt: skip
    document = ocsf.document(sample(kind))
    assert document["type_uid"] == uid
    assert (document["action"], document["disposition"], document["severity"]) == (action, disposition, severity)
    assert document["is_alert"] is is_alert


@pytest.mark.parametrize(("code", "status"), [(0, "Success"), (1, "Failure"), (None, "Unknown")])
def test_status_of_a_run(code: int | None, status: str) -> None:
    document = ocsf.document(sample("sealed", seal={"events": 1, "exit": code}))
    assert document["status"] == status
    assert document["app"] == {"name": "pip", "version": "26.3"}


@pytest.mark.parametrize("kind", ["would-refuse", "refused"])
def test_shadow_is_a_finding_whatever_was_done_about_it(kind: str) -> None:
    document = ocsf.document(sample(kind, code="shadowed-name"))
    _check(document)
    assert document["class_uid"] == 2004
    assert document["disposition"] == {"would-refuse": "Logged", "refused": "Blocked"}[kind]


def test_shadowed_name() -> None:
    document = ocsf.document(sample("shadowed"))
    assert document["attacks"] == document["finding_info"]["attacks"]
    assert document["attacks"][0]["sub_technique"]["uid"] == "T1195.001"
    assert document["policy"] == {
        "name": "/etc/indexguard/policy.toml", "uid": "ab" * 32, "type": "machine", "is_applied": True,
    }  # fmt: skip
    assert document["finding_info"]["uid"] == ocsf.document(sample("shadowed", seq=9))["finding_info"]["uid"]
    assert document["metadata"]["uid"] != ocsf.document(sample("shadowed", seq=9))["metadata"]["uid"]


def test_selected_file() -> None:
    assert ocsf.document(sample("selected"))["app"] == {
        "name": "acme-core",
        "version": "1.0",
        "uid": "pkg:pypi/acme-core@1.0?repository_url=https://mirror.example/simple/",
        "url_string": "https://corp.example/files/acme_core-1.0-py3-none-any.whl",
    }
