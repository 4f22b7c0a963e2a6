"""What a policy never lets in: ``[[deny]]``. Loaded only by a file that has such tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...patterns import Name, Pattern, parse_pattern, split_entry
from ...ranges import parse_range
from ...tuples import NamedTuple
from ..table import Keys, TableReader
from ..values import read_reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...ranges import Range

_DENY = Keys(("packages", "reason"))


class Deny(NamedTuple):
    """One entry of a ``[[deny]]``."""

    key: str
    """Where it stands in the file: ``deny[0].packages[1]``."""
    pattern: Pattern
    versions: Range | None = None
    """None denies all."""
    reason: str | None = None

    def denies(self, version: str | None) -> bool:
        """Tell whether a version is denied.

        :param version: None where it is not known: then only an entry counts that denies all. One that PEP 440 cannot
            parse lies in every range.
        """
        if self.versions is None or version is None:
            return self.versions is None
        return self.versions.contains(version, unparsable=True)


class Denials:
    """All entries of one file, found by name."""

    def __init__(self, entries: Iterable[Deny]) -> None:
        self.entries = tuple(entries)
        self._exact: dict[str, list[Deny]] = {}
        self._prefixes: list[Deny] = []
        for entry in self.entries:
            if entry.pattern.exact:
                self._exact.setdefault(entry.pattern.stem, []).append(entry)
            else:
                self._prefixes.append(entry)

    def find(self, name: Name) -> tuple[Deny, ...]:
        """Return the entries whose pattern matches a project."""
        prefixes = [entry for entry in self._prefixes if entry.pattern.matches(name)]
        return (*self._exact.get(name, ()), *prefixes)


def read_denials(reader: TableReader, tables: object) -> Denials:
    """Return what every ``[[deny]]`` says."""
    if not isinstance(tables, list) or not tables:
        reader.unexpected("deny", tables, "tables of the form [[deny]]")
        return Denials(())
    return Denials(
        entry for place, table in enumerate(tables) for entry in _read_table(reader, f"deny[{place}]", table)
    )


def _read_table(reader: TableReader, key: str, value: object) -> list[Deny]:
    table = reader.table(key, value, _DENY)
    reason = read_reason(reader, key, table)
    if "packages" not in table:
        if isinstance(value, dict):
            reader.fault(f"{key}.packages", "missing; expected the names that are never let in")
        return []
    found = []
    for place, text in enumerate(reader.items(f"{key}.packages", table["packages"], "names, with versions or without")):
        entry = _read_entry(reader, f"{key}.packages[{place}]", text, reason)
        found += [] if entry is None else [entry]
    return found


def _read_entry(reader: TableReader, key: str, text: Any, reason: str | None) -> Deny | None:
    expected = 'a name, a prefix such as "evil-*", or either with versions, such as "numpy==2.1.0"'
    if not isinstance(text, str):
        reader.unexpected(key, text, expected)
        return None
    try:
        pattern_text, versions_text = split_entry(text)
        pattern = parse_pattern(pattern_text)
    except ValueError:
        from ..hints import find_prefix  # noqa: PLC0415  # only where a policy has faults

        reader.unexpected(key, text, expected, find_prefix(text))
        return None
    if not versions_text:
        return Deny(key, pattern, None, reason)
    try:
        return Deny(key, pattern, parse_range(versions_text), reason)
    except ValueError:
        from ..hints import find_range  # noqa: PLC0415  # only where a policy has faults

        reader.unexpected(key, text, "a version range as PEP 440 defines it", find_range(versions_text))
        return None
