"""Reads what a policy asks of files: ``min-age``, ``formats``, ``require-hashes``, ``[status]``, ``[provenance]``, ``[[waive]]``."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from ...errors import (
    ADVISORY,
    FORMAT_NOT_ALLOWED,
    HASH_CHANGED,
    HASH_MISSING,
    PROVENANCE_DOWNGRADE,
    STATUS,
    TOO_YOUNG,
    TYPOSQUAT,
    join_key,
)
from ...patterns import normalise_name, parse_pattern
from ...versions import is_version
from ..table import Keys, TableReader
from ..values import read_last_day, read_reason
from .terms import NO_TERMS, Formats, Hashes, MinAge, Serving, StatusActions, Terms, Waiver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...patterns import Name

WAIVABLE = (
    TOO_YOUNG,
    ADVISORY,
    FORMAT_NOT_ALLOWED,
    HASH_MISSING,
    HASH_CHANGED,
    STATUS,
    PROVENANCE_DOWNGRADE,
    TYPOSQUAT,
)
"""The codes that a ``[[waive]]`` may lift."""
UNKNOWN_AGE = ("drop", "allow", "first-seen")
_MIN_AGE = Keys(("for", "unknown"))
_STATUS = Keys(StatusActions._fields)
_PROVENANCE = Keys(("downgrade",))
_WAIVE = Keys(("code", "packages", "reason", "expires", "sha256"))
_SPAN = "([0-9]{1,5})([hdw])"
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_KINDS = ("wheel", "sdist")
_NEEDS = ("index", "pinned", "off")
_SHA256 = "[0-9A-Fa-f]{64}"


def read_serving(reader: TableReader, tree: Mapping[str, Any]) -> Serving:
    """Return what a file asks of files, but for its entries."""
    tables = tree.get("indexes")
    indexes = {
        name: read_terms(reader, join_key("indexes", name), table)
        for name, table in (tables.items() if isinstance(tables, dict) else ())
        if isinstance(table, dict)
    }
    defaults = tree.get("defaults")
    status = reader.table("status", tree.get("status", {}), _STATUS)
    provenance = reader.table("provenance", tree.get("provenance", {}), _PROVENANCE)
    return Serving(
        defaults=read_terms(reader, "defaults", defaults) if isinstance(defaults, dict) else NO_TERMS,
        indexes={name: terms for name, terms in indexes.items() if terms != NO_TERMS},
        status=StatusActions(
            quarantined=reader.choice("status.quarantined", status, ("block", "warn", "log", "off")),
            archived=reader.choice("status.archived", status, ("log", "block", "warn", "off")),
            deprecated=reader.choice("status.deprecated", status, ("log", "block", "warn", "off")),
        ),
        downgrade=reader.choice("provenance.downgrade", provenance, ("off", "log", "warn", "block")),
        waivers=_waivers(reader, tree["waive"]) if "waive" in tree else (),
    )


def read_terms(reader: TableReader, key: str, table: Mapping[str, Any]) -> Terms:
    """Return what the table at ``key`` (an index, an entry, ``[defaults]``) asks of files."""
    return Terms(
        min_age=_min_age(reader, f"{key}.min-age", table["min-age"]) if "min-age" in table else None,
        formats=_formats(reader, f"{key}.formats", table["formats"]) if "formats" in table else None,
        hashes=Hashes(f"{key}.require-hashes", reader.choice(f"{key}.require-hashes", table, _NEEDS))
        if "require-hashes" in table
        else None,
    )


def _min_age(reader: TableReader, key: str, value: object) -> MinAge:
    if not isinstance(value, dict):
        return MinAge(key, _span(reader, key, value), text=str(value))
    table = reader.table(key, value, _MIN_AGE)
    unknown = reader.choice(f"{key}.unknown", table, UNKNOWN_AGE)
    reader.remembers = reader.remembers or unknown == "first-seen"
    if "for" not in table:
        reader.fault(f"{key}.for", 'missing; expected an age, such as "3d"')
        return MinAge(key, timedelta(), unknown)
    return MinAge(key, _span(reader, f"{key}.for", table["for"]), unknown, text=str(table["for"]))


def _span(reader: TableReader, key: str, value: object) -> timedelta:
    found = re.fullmatch(_SPAN, value) if isinstance(value, str) else None
    if found is not None:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    close = f"{value}d" if type(value) is int and 0 <= value <= 99999 else None  # noqa: PLR2004  # as the pattern has it
    reader.unexpected(key, value, 'an age: an integer with h, d or w, such as "12h", "3d" or "2w"', close)
    return timedelta()


def _formats(reader: TableReader, key: str, value: object) -> Formats:
    found = []
    for place, kind in enumerate(reader.items(key, value, 'formats: "wheel", or "wheel" and "sdist"')):
        if not isinstance(kind, str) or kind not in _KINDS:
            close = reader.find_closest(kind, _KINDS)
            reader.unexpected(f"{key}[{place}]", kind, '"wheel" or "sdist"', close)
        elif kind in found:
            reader.found(f"{key}[{place}]", kind, " twice")
        else:
            found.append(kind)
    return Formats(key, tuple(found))


def _waivers(reader: TableReader, tables: object) -> tuple[Waiver, ...]:
    if not isinstance(tables, list) or not tables:
        reader.unexpected("waive", tables, "tables of the form [[waive]]")
        return ()
    return tuple(_waiver(reader, f"waive[{place}]", table) for place, table in enumerate(tables))


def _waiver(reader: TableReader, key: str, value: object) -> Waiver:
    table = reader.table(key, value, _WAIVE)
    code = _code(reader, f"{key}.code", table)
    versions: dict[Name, frozenset[str]] = {}
    if "packages" in table:
        for place, text in enumerate(reader.items(f"{key}.packages", table["packages"], "names with a version")):
            name, version = _pin(reader, f"{key}.packages[{place}]", text, code)
            versions[name] = versions.get(name, frozenset()) | ({version} if version else frozenset())
    digests = _digests(reader, f"{key}.sha256", table["sha256"]) if "sha256" in table else frozenset()
    reason, expires = read_reason(reader, key, table), read_last_day(reader, f"{key}.expires", table)
    if isinstance(value, dict):
        needed = ["packages", "reason", "expires", *(["sha256"] if code == HASH_CHANGED else [])]
        for missing in needed:
            if missing not in table:
                reader.fault(f"{key}.{missing}", f"missing; a [[waive]] of `{code}` needs {', '.join(needed)}")
    if reason is not None and not reason.strip():
        reader.unexpected(f"{key}.reason", reason, "a reason")
    return Waiver(key, code, versions, reason or "", expires or date.min, digests)


def _code(reader: TableReader, key: str, table: Mapping[str, Any]) -> str:
    if "code" not in table:
        reader.fault(key, f"missing; expected one of {', '.join(WAIVABLE)}")
        return WAIVABLE[0]
    return reader.choice(key, table, WAIVABLE)


def _pin(reader: TableReader, key: str, text: object, code: str) -> tuple[Name, str]:
    """Return a project name and a version, empty where none belongs to it."""
    told = text if isinstance(text, str) else ""
    name, equals, version = [part.strip() for part in told.partition("==")]
    try:
        is_exact = parse_pattern(name).exact
    except ValueError:
        is_exact = False
    if code == TYPOSQUAT:
        if not is_exact or equals:
            reader.unexpected(key, text, "the name of one project: no pattern and no version")
    elif not is_exact or not is_version(version):
        reader.unexpected(key, text, 'the name of one project with one version, such as "numpy==2.1.0"')
    return normalise_name(name), version


def _digests(reader: TableReader, key: str, value: object) -> frozenset[str]:
    found = set()
    for place, text in enumerate(reader.items(key, value, "sha256 digests")):
        if isinstance(text, str) and re.fullmatch(_SHA256, text):
            found.add(text.lower())
        else:
            reader.unexpected(f"{key}[{place}]", text, "a sha256: 64 hexadecimal digits")
    return frozenset(found)
