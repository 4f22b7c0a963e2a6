"""Open Cybersecurity Schema Framework: Application Lifecycle events; a shadowed name is a Detection Finding.

Both carry the profiles ``host`` and ``security_control``. The profile for chained records (``record_integrity``) is not
in this release: the digest of the preceding line stands under ``unmapped``.
"""

from __future__ import annotations

import posixpath
import shlex
from typing import Any

from ... import __version__
from ...audit import kinds
from ...codes import all_words
from ..record import table, tables
from . import fields
from .fields import Event, number, text, texts

VERSION = "1.8.0"
"""The release of OCSF that the classes are of."""

_PRODUCT = {"name": "indexguard", "vendor_name": "indexguard"}

_OTHER = 99
# Identifiers and captions, as OCSF names them.
_ACTIONS = {0: "Unknown", 1: "Allowed", 2: "Denied", 3: "Observed"}
_DISPOSITIONS = {0: "Unknown", 1: "Allowed", 2: "Blocked", 6: "Dropped", 16: "No Action", 17: "Logged", 27: "Error"}
_STATUSES = {0: "Unknown", 1: "Success", 2: "Failure"}
_SEVERITIES = {1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical"}

_CONTROL: dict[str, tuple[int, int, int]] = {
    # What happened: action, disposition, status.
    kinds.REFUSED: (2, 2, 2),
    kinds.SHADOWED: (2, 6, 2),
    kinds.KNOWN: (2, 6, 2),
    kinds.REDIRECTED: (2, 2, 2),
    kinds.DROPPED: (2, 6, 2),
    kinds.NOTICED: (3, 17, 1),
    kinds.WAIVED: (1, 1, 1),
    kinds.SELECTED: (1, 1, 1),
    kinds.WOULD_REFUSE: (3, 17, 1),
    kinds.NOT_ASKED: (3, 16, 0),
    kinds.PROBED: (3, 16, 0),
    kinds.GUARD_FAILED: (0, 27, 2),
    kinds.SEALED: (3, 17, 1),
}
_OF_THE_RUN = (kinds.GUARD_FAILED, kinds.SEALED)
_UNMAPPED = ("parent_run", "python", "prefix", "versions", "more_versions", "files", "kept", "offered", "more_offered", "chosen",
             "requested_by", "squat", "same_file", "index_asked", "index_answered", "policy", "ci", "seal", "drill", "prev")  # fmt: skip


def line(event: Event) -> str:
    """Return one line of JSON."""
    return fields.compact(document(event))


def document(event: Event) -> dict[str, Any]:
    """Return the event; what OCSF has no attribute for stands under ``unmapped``, by the log's own names."""
    special = _finding(event) if fields.is_shadow(event) else _lifecycle(event)
    grade = _grade(fields.severity(event))
    found: dict[str, Any] = fields.filled(
        {
            "metadata": _metadata(event),
            "time": fields.milliseconds(event),
            "timezone_offset": 0,
            "severity_id": grade,
            "severity": _SEVERITIES[grade],
            "message": fields.summary(event),
            "status_code": text(event, "code"),
            "status_detail": text(event, "message"),
            **_control(event),
            **_host(event),
            "unmapped": fields.carried(event, _UNMAPPED),
            **special,
        }
    )
    return found


def _metadata(event: Event) -> dict[str, Any]:
    return {
        "version": VERSION,
        "product": {**_PRODUCT, "version": text(event, "guard") or __version__},
        "profiles": ["host", "security_control"],
        "uid": fields.identity(event),
        "sequence": number(event, "seq"),
        "correlation_uid": text(event, "run"),
        "event_code": text(event, "event"),
        "log_name": "audit",
        "log_provider": "indexguard",
        "log_version": str(number(event, "schema")),
        "original_time": fields.timestamp(event),
    }


def _grade(severity: int) -> int:
    """Turn a severity of CEF, 0 to 10, into one of OCSF."""
    return next(grade for grade, least in ((5, 9), (4, 7), (3, 4), (2, 2), (1, 0)) if severity >= least)


def _control(event: Event) -> dict[str, Any]:
    """Describe what the guard did about it: the profile ``security_control``."""
    action, disposition, _ = _CONTROL.get(text(event, "event"), (0, 0, 0))
    rule = table(event, "rule")
    return {
        "action_id": action,
        "action": _ACTIONS[action],
        "disposition_id": disposition,
        "disposition": _DISPOSITIONS[disposition],
        "is_alert": fields.severity(event) >= fields.ALERT,
        "firewall_rule": _rule(event, rule) if text(event, "code") else {},
        "policy": _policy(event, text(rule, "file")),
        "attacks": [_ATTACK] if fields.is_shadow(event) else [],
    }


def _rule(event: Event, rule: Event) -> dict[str, Any]:
    return {
        "uid": text(rule, "key"),
        "name": text(event, "code"),
        "desc": fields.meaning(event),
        "condition": text(rule, "pattern"),
        "type": text(rule, "layer"),
    }


def _policy(event: Event, file: str) -> dict[str, Any]:
    """Describe the policy file of the rule."""
    for layer in tables(event, "policy"):
        if file and text(layer, "file") == file:
            return {
                "name": file,
                "uid": text(layer, "sha256"),
                "type": text(layer, "layer"),
                "is_applied": text(layer, "mode") == "enforce",
            }
    return {"name": file}


_ATTACK = {
    "tactic": {"uid": fields.TACTIC[0], "name": fields.TACTIC[1]},
    "technique": {"uid": fields.TECHNIQUE[0], "name": fields.TECHNIQUE[1]},
    "sub_technique": {"uid": fields.SUBTECHNIQUE[0], "name": fields.SUBTECHNIQUE[1]},
}


def _host(event: Event) -> dict[str, Any]:
    """Describe machine, process and user: the profile ``host``."""
    user = {"name": text(event, "user")}
    host = text(event, "host")
    return {
        "device": {"type_id": 0, "type": "Unknown", "hostname": host, "name": host} if host else {},
        "actor": {"process": _process(event), "user": user},
    }


def _process(event: Event) -> dict[str, Any]:
    pid, parent = number(event, "pid"), number(event, "ppid")
    path = text(event, "executable")
    name = posixpath.basename(path)
    if pid is None:  # OCSF knows a process by its number
        return {}
    return {
        "pid": pid,
        "name": name,
        "file": {"name": name, "path": path, "type_id": 1} if name else {},
        "cmd_line": shlex.join(texts(event, "command")),
        "working_directory": text(event, "cwd"),
        "parent_process": {} if parent is None else {"pid": parent},
    }


def _lifecycle(event: Event) -> dict[str, Any]:
    """Return what is peculiar to Application Lifecycle (6002): an installation, or what concerns the run as a whole."""
    kind = text(event, "event")
    concerns_run = kind in _OF_THE_RUN or not text(event, "name")
    activity = (_OTHER, kind or "Other") if concerns_run else (1, "Install")
    *_, status = _CONTROL.get(kind, (0, 0, 0))
    exit_code = number(table(event, "seal"), "exit")
    if kind == kinds.SEALED:
        status = 0 if exit_code is None else 2 if exit_code else 1
    return {
        **_class((6, "Application Activity"), (6002, "Application Lifecycle"), activity),
        "status_id": status,
        "status": _STATUSES[status],
        "app": {"name": "pip", "version": text(event, "pip")} if concerns_run else _application(event),
    }


def _application(event: Event) -> dict[str, Any]:
    return {
        "name": text(event, "name"),
        "version": fields.version(event),
        "uid": fields.purl(event),
        "url_string": text(table(event, "chosen"), "url") or fields.index(event),
    }


def _finding(event: Event) -> dict[str, Any]:
    """Return what is peculiar to Detection Finding (2004)."""
    words = all_words().get(text(event, "code"))
    name = text(event, "name")
    data = fields.carried(event, ("name", "versions", "more_versions", "files", "index_asked", "index_answered"))
    return {
        **_class((2, "Findings"), (2004, "Detection Finding"), (1, "Create")),
        "status_id": 1,
        "status": "New",
        "finding_info": {
            "uid": fields.finding(event),
            "title": fields.summary(event),
            "types": [text(event, "code")],
            "analytic": {"uid": text(event, "code"), "name": fields.meaning(event), "type_id": 1, "type": "Rule"},
            "attacks": [_ATTACK],
        },
        "evidences": [{"data": data, "url": {"url_string": fields.index(event)}}],
        "resources": [{"name": name, "uid": fields.purl(event), "type": "package", "version": fields.version(event)}]
        if name
        else [],
        "remediation": {"desc": words.remedy} if words else {},
    }


def _class(category: tuple[int, str], of: tuple[int, str], activity: tuple[int, str]) -> dict[str, Any]:
    """Return the identifiers of a class, each with its caption."""
    uid, name = of
    number, caption = activity
    return {
        "category_uid": category[0],
        "category_name": category[1],
        "class_uid": uid,
        "class_name": name,
        "activity_id": number,
        "activity_name": caption,
        "type_uid": uid * 100 + number,
        "type_name": f"{name}: {'Other' if number == _OTHER else caption}",
    }
