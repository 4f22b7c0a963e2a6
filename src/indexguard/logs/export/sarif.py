"""SARIF 2.1.0 (with errata 01): one document, one rule for each code, one result for each finding.

Events of routine (what was selected, what was not asked) are no findings and are left out.
"""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import quote

from ... import __version__
from ...audit.kinds import NOTABLE
from ...codes import words_of
from ...errors import CODES
from ..record import table
from . import fields
from .fields import Event, text

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_ERROR = 7
_PLACES = {code: place for place, code in enumerate(CODES)}
_OWN = ("run", "seq", "event", "versions", "more_versions", "files", "index_asked", "index_answered", "kept",
        "requested_by", "same_file", "host", "user", "command", "ci")  # fmt: skip


def opening() -> str:
    """Return the document up to its first result."""
    driver = {"name": "indexguard", "semanticVersion": __version__, "rules": [_rule(code) for code in CODES]}
    return f'{{"$schema":{fields.compact(SCHEMA)},"version":"2.1.0","runs":[{{"tool":{{"driver":{fields.compact(driver)}}},"results":['


def closing() -> str:
    """Return the document after its last result."""
    return "]}]}\n"


def line(event: Event) -> str | None:
    """Return one result as JSON; None for an event that is no finding."""
    found = result(event)
    return None if found is None else fields.compact(found)


def result(event: Event) -> dict[str, Any] | None:
    """Return one result; None for an event that is no finding."""
    code = text(event, "code")
    if not code or fields.severity(event) < NOTABLE:
        return None
    found: dict[str, Any] = fields.filled(
        {
            "ruleId": code,
            "ruleIndex": _PLACES.get(code),
            "level": level(event),
            "message": {"text": fields.summary(event)},
            "locations": [_location(event)],
            "partialFingerprints": {"finding/v1": fields.finding(event)},
            "properties": {"time": fields.timestamp(event), **fields.carried(event, _OWN)},
        }
    )
    return found


def level(event: Event) -> str:
    """Return the level of a finding, in the words of SARIF."""
    weight = fields.severity(event)
    return "error" if weight >= _ERROR else "warning" if weight >= fields.ALERT else "note"


def _rule(code: str) -> dict[str, Any]:
    known = words_of(code)
    return {
        "id": code,
        "shortDescription": {"text": known.meaning},
        "fullDescription": {"text": f"{known.meaning}. What to do: {known.remedy}."},
        "help": {"text": known.remedy},
        "properties": {"tags": ["security", "supply-chain"]},
    }


def _location(event: Event) -> dict[str, Any]:
    """Return where it is: the package, and the policy file whose rule objects."""
    name, rule = text(event, "name"), table(event, "rule")
    return {
        "logicalLocations": [{"name": name, "fullyQualifiedName": fields.purl(event), "kind": "package"}]
        if name
        else [],
        "physicalLocation": _artifact(text(rule, "file"), text(event, "cwd")),
        "message": {"text": f"rule {text(rule, 'key')}"} if text(rule, "key") else {},
    }


def _artifact(file: str, folder: str) -> dict[str, Any]:
    """Return the policy file; one under the folder in which pip ran is told from there, as in a checkout."""
    if not posixpath.isabs(file):
        return {}
    if posixpath.isabs(folder) and folder != "/" and file.startswith(folder.rstrip("/") + "/"):
        relative = posixpath.relpath(file, folder)
        return {"artifactLocation": {"uri": quote(relative), "uriBaseId": "%SRCROOT%"}}
    return {"artifactLocation": {"uri": f"file://{quote(file)}"}}
