"""What every format reads of an event, and what it makes of it.

A log may have been written by another version or by somebody else: a field that is missing or of another type counts as
empty, and no text leaves here that could move a terminal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from ...audit.kinds import KNOWN, SEALED, SELECTED, SEVERITIES, SHADOWED, UNKNOWN_SEVERITY
from ...codes import all_words
from ...errors import SHADOWED_NAME, escape
from .. import record
from ..record import table

Event = Mapping[str, Any]

ALERT = 4
"""From this severity on an event is an alert."""

TECHNIQUE = ("T1195", "Supply Chain Compromise")
SUBTECHNIQUE = ("T1195.001", "Compromise Software Dependencies and Development Tools")
TACTIC = ("TA0001", "Initial Access")
"""What a shadowed name may be, in the terms of MITRE ATT&CK: id and name."""

_WORDS: dict[str, str] = {SELECTED: "pip chose this file", SEALED: "the run is over"}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


compact = json.JSONEncoder(separators=(",", ":")).encode
"""Turns a structure into one line of JSON, all in ASCII."""


def text(table: Event, key: str) -> str:
    """Return a text, escaped."""
    return escape(record.text(table, key))


def number(table: Event, key: str) -> int | None:
    """Return a whole number, if it is one that every reader of JSON can hold."""
    value = table.get(key)
    return value if type(value) is int and abs(value) < 2**53 else None


def texts(table: Event, key: str) -> list[str]:
    """Return a list of texts, each escaped."""
    return [escape(item) for item in record.texts(table, key)]


def carried(event: Event, keys: Sequence[str], depth: int = 3) -> dict[str, Any]:
    """Return fields as they are, for a reader of JSON; what is nested deeper than any field of ours is left out."""
    return {key: _shallow(event.get(key), depth) for key in keys}


def _shallow(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return {key: _shallow(item, depth - 1) for key, item in value.items()} if depth else None
    if isinstance(value, list):
        return [_shallow(item, depth - 1) for item in value] if depth else None
    return value


def filled(value: Any) -> Any:
    """Return a structure without what is empty in it: None, texts, lists and tables. Zero and False say something."""
    if isinstance(value, dict):
        inner = {key: filled(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in (None, "", [], {})}
    if isinstance(value, list):
        return [item for item in map(filled, value) if item != {}]
    return value


def moment(event: Event) -> datetime | None:
    """Return when the event happened, in UTC; None if its time is none."""
    told = text(event, "time")
    try:
        found = datetime.fromisoformat(told[:-1] + "+00:00" if told[-1:] in ("Z", "z") else told)
        return found.replace(tzinfo=timezone.utc) if found.tzinfo is None else found.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def timestamp(event: Event) -> str:
    """Return the time in the form of RFC 3339, UTC, with milliseconds; ``moment`` must know it."""
    return (moment(event) or _EPOCH).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(event: Event) -> int:
    """Return the time as milliseconds since 1970; ``moment`` must know it."""
    passed = (moment(event) or _EPOCH) - _EPOCH
    return passed.days * 86_400_000 + passed.seconds * 1000 + passed.microseconds // 1000


def severity(event: Event) -> int:
    """Return how much the event deserves attention, 0 to 10."""
    return SEVERITIES.get(text(event, "event"), UNKNOWN_SEVERITY)


def is_shadow(event: Event) -> bool:
    """Tell whether a public index offers a name that belongs to another one, whatever was done about it."""
    kind = text(event, "event")
    return kind == SHADOWED or (text(event, "code") == SHADOWED_NAME and kind != KNOWN)


def meaning(event: Event) -> str:
    """Return what was found, in the general words of its code; for an event without one, those of its kind."""
    words = all_words().get(text(event, "code"))
    kind = text(event, "event")
    return words.meaning if words else text(event, "code") or _WORDS.get(kind, kind) or "an event without a kind"


def version(event: Event) -> str:
    """Return the version that pip chose, or the only one that the event is about; empty if there are several."""
    chosen = text(table(event, "chosen"), "version")
    versions = texts(event, "versions")
    return chosen or (versions[0] if len(versions) == 1 and not number(event, "more_versions") else "")


def index(event: Event) -> str:
    """Return the URL of the index that was asked; for a page that came without being asked for, where it came from."""
    return text(event, "index_asked") or text(event, "index_answered")


def purl(event: Event) -> str:
    """Return the package's URL as purl-spec writes it, with the index that it is about; empty without a name."""
    name = text(event, "name")
    if not name:
        return ""
    at = f"@{quote(version(event), safe=':')}" if version(event) else ""
    where = f"?repository_url={quote(index(event), safe=':/')}" if index(event) else ""
    return f"pkg:pypi/{quote(name, safe='')}{at}{where}"


def summary(event: Event) -> str:
    """Return one sentence for people: who, what, and from where."""
    versions, name = texts(event, "versions"), text(event, "name")
    count = len(versions) + (number(event, "more_versions") or 0)
    shown = version(event) or (f"({count} versions)" if versions else "")
    subject = f"{name} {shown}".rstrip() if name else ""
    said = text(event, "message")
    words = meaning(event) if not said or said == meaning(event) else f"{meaning(event)} ({said})"
    asked = f", index {index(event)}" if index(event) else ""
    return (f"{subject}: " if subject else "") + words + asked


def identity(event: Event) -> str:
    """Return what tells this event from every other; empty if the event does not say."""
    run, place = text(event, "run"), number(event, "seq")
    return f"{run}-{place}" if run and place is not None else ""


def finding(event: Event) -> str:
    """Return what two events have in common that find the same thing: SHA-256 of code, name, index and rule."""
    rule = table(event, "rule")
    same = (text(event, "code"), text(event, "name"), index(event), text(rule, "file"), text(rule, "key"))
    return hashlib.sha256("\0".join(same).encode("utf-8")).hexdigest()
