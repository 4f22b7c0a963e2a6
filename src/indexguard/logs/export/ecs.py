"""Elastic Common Schema: one document an event.

ECS allows the category ``package`` no type that says "denied", so every event is an ``info`` whose outcome and action say
what happened.
"""

from __future__ import annotations

import shlex
from typing import Any

from ...audit import kinds
from ..record import table, tables
from . import fields
from .fields import Event, number, text, texts

VERSION = "9.4.0"
"""The release of ECS that the fields are of."""

_OUTCOMES: dict[str, str] = {kinds.WOULD_REFUSE: "success", kinds.SELECTED: "success",
             kinds.NOTICED: "success", kinds.WAIVED: "success", kinds.DROPPED: "failure",
             **dict.fromkeys(kinds.REFUSING, "failure")}  # fmt: skip
_ACTIONS: dict[str, str] = {kinds.GUARD_FAILED: kinds.GUARD_FAILED, kinds.SEALED: "run-sealed"}
_FORMS = {".whl": "wheel", ".zip": "sdist", ".tar.gz": "sdist"}
_OWN = ("parent_run", "versions", "more_versions", "files", "kept", "index_asked", "index_answered", "requested_by",
        "offered", "more_offered", "squat", "same_file", "policy", "prefix", "ci", "seal", "drill", "prev")  # fmt: skip


def line(event: Event) -> str:
    """Return one line of JSON."""
    return fields.compact(document(event))


def document(event: Event) -> dict[str, Any]:
    """Return the document; what ECS has no field for stands under ``indexguard``, by the log's own names."""
    found: dict[str, Any] = fields.filled(
        {
            "@timestamp": fields.timestamp(event),
            "ecs": {"version": VERSION},
            "message": fields.summary(event),
            "labels": {label: text(event, label) for label in ("run", "guard", "pip", "python")},
            "event": _event(event),
            "package": _package(event),
            "rule": _rule(event),
            "process": _process(event),
            "host": {"name": text(event, "host"), "hostname": text(event, "host")},
            "user": {"name": text(event, "user")},
            "threat": _threat() if fields.is_shadow(event) else {},
            "indexguard": fields.carried(event, _OWN),
        }
    )
    return found


def _event(event: Event) -> dict[str, Any]:
    kind = text(event, "event")
    return {
        "kind": "alert" if fields.severity(event) >= fields.ALERT else "event",
        "category": ["package"],
        "type": ["info"],
        "action": _ACTIONS.get(kind, f"package-{kind}"),
        "outcome": _outcome(event),
        "code": text(event, "code"),
        "reason": text(event, "message"),
        "severity": fields.severity(event),
        "id": fields.identity(event),
        "sequence": number(event, "seq"),
        "module": "indexguard",
        "dataset": "indexguard.audit",
        "provider": "indexguard",
    }


def _outcome(event: Event) -> str:
    kind = text(event, "event")
    if kind != kinds.SEALED:
        return _OUTCOMES.get(kind, "unknown")
    code = number(table(event, "seal"), "exit")
    return "unknown" if code is None else "failure" if code else "success"


def _package(event: Event) -> dict[str, Any]:
    chosen = table(event, "chosen")
    file = text(chosen, "file").lower()
    return {
        "name": text(event, "name"),
        "version": fields.version(event),
        "type": next((form for ending, form in _FORMS.items() if file.endswith(ending)), ""),
        "checksum": text(chosen, "hash"),
        "reference": text(chosen, "url"),
    }


def _rule(event: Event) -> dict[str, Any]:
    code, rule = text(event, "code"), table(event, "rule")
    file = text(rule, "file")
    digests = (text(layer, "sha256") for layer in tables(event, "policy") if file and text(layer, "file") == file)
    return {
        "name": code,
        "description": fields.meaning(event) if code else "",
        "id": text(rule, "key"),
        "category": text(rule, "pattern"),
        "ruleset": file,
        "version": next(digests, ""),
    }


def _process(event: Event) -> dict[str, Any]:
    arguments = texts(event, "command")
    return {
        "pid": number(event, "pid"),
        "parent": {"pid": number(event, "ppid")},
        "executable": text(event, "executable"),
        "args": arguments,
        "args_count": len(arguments) or None,
        "command_line": shlex.join(arguments),
        "working_directory": text(event, "cwd"),
        "exit_code": number(table(event, "seal"), "exit"),
    }


def _threat() -> dict[str, Any]:
    return {
        "framework": "MITRE ATT&CK",
        "tactic": {"id": [fields.TACTIC[0]], "name": [fields.TACTIC[1]]},
        "technique": {
            "id": [fields.TECHNIQUE[0]],
            "name": [fields.TECHNIQUE[1]],
            "subtechnique": {"id": [fields.SUBTECHNIQUE[0]], "name": [fields.SUBTECHNIQUE[1]]},
        },
    }
