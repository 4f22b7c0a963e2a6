"""One entry of ``packages`` that is more than a pattern: with a range of versions, or a table; loaded for the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..patterns import parse_pattern, split_entry
from ..ranges import parse_range
from .rules import Rule
from .table import TERMS, Keys, TableReader
from .values import read_last_day, read_reason

if TYPE_CHECKING:
    from ..patterns import Pattern
    from ..ranges import Range

_ENTRY = Keys(("name", "version", "reason", "expires", *TERMS))


def read_entry(reader: TableReader, key: str, entry: object, indexes: tuple[str, ...]) -> tuple[Rule | None, str]:
    """Return the rule of an entry, None for one that is faulty; and the entry as it was found."""
    if isinstance(entry, dict):
        return _read_table(reader, key, entry, indexes)
    if not isinstance(entry, str):
        reader.unexpected(key, entry, 'a name, a pattern, a name with versions such as "numpy>=2", or a table')
        return None, ""
    try:
        pattern_text, versions_text = split_entry(entry)
    except ValueError:
        pattern_text, versions_text = entry, ""
    pattern = _pattern(reader, key, pattern_text, entry)
    versions = _range(reader, key, versions_text) if versions_text and pattern else None
    return None if pattern is None else Rule(pattern, indexes, key, versions), entry


def _read_table(
    reader: TableReader, key: str, value: dict[str, Any], indexes: tuple[str, ...]
) -> tuple[Rule | None, str]:
    table = reader.table(key, value, _ENTRY)
    name = table.get("name")
    pattern = None
    if name is None:
        reader.fault(f"{key}.name", "missing; expected a name or a pattern")
    elif not isinstance(name, str):
        reader.unexpected(f"{key}.name", name, "a name or a pattern")
    else:
        pattern = _pattern(reader, f"{key}.name", name, name)
    versions = None
    if "version" in table:
        text = table["version"]
        if isinstance(text, str) and text.strip():
            versions = _range(reader, f"{key}.version", text)
        else:
            reader.unexpected(f"{key}.version", text, 'a version range, such as ">=2,<3"')
    reason = read_reason(reader, key, table)
    expires = read_last_day(reader, f"{key}.expires", table)
    terms = None
    if not table.keys().isdisjoint(TERMS):
        from .serving.read_terms import read_terms  # noqa: PLC0415  # few entries say what is asked of files

        terms, reader.has_terms = read_terms(reader, key, table), True
    rule = None if pattern is None else Rule(pattern, indexes, key, versions, reason, expires, terms)
    return rule, name if isinstance(name, str) else ""


def _pattern(reader: TableReader, key: str, text: str, found: str) -> Pattern | None:
    try:
        return parse_pattern(text)
    except ValueError:
        from .hints import explain_pattern, find_prefix  # noqa: PLC0415  # only where a policy has faults

        expected = "a project name, a prefix ending in `*`, or `*`" + explain_pattern(found)
        reader.unexpected(key, found, expected, find_prefix(text))
        return None


def _range(reader: TableReader, key: str, text: str) -> Range | None:
    try:
        return parse_range(text)
    except ValueError:
        from .hints import find_range  # noqa: PLC0415  # only where a policy has faults

        expected = 'a version range as PEP 440 defines it, such as ">=2,<3"'
        reader.unexpected(key, text, expected, find_range(text))
        return None
