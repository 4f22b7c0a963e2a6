"""Which advisory records a policy goes by: ``[advisories]``. Loaded only by a file that has the table.

Only that the sources are there, and can be trusted, is found out here; the records are read by who decides by them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ...errors import Fault, PolicyError, escape
from ...tuples import NamedTuple
from ..table import Keys, TableReader
from ..trust import find_distrust

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..trust import Trust

_ADVISORIES = Keys(("paths", "kinds", "indexes"))
_LONGEST = 30
USUAL_KINDS = ("MAL-",)
"""Records of malicious packages, by the beginning of their identifiers."""


class AdvisorySettings(NamedTuple):
    """What ``[advisories]`` says."""

    paths: tuple[str, ...]
    """Files, folders and zips of OSV records, as they are written: absolute, or relative to the policy file."""
    places: tuple[str, ...] = ()
    """The same, absolute."""
    kinds: tuple[str, ...] = USUAL_KINDS
    """Beginnings of the identifiers of the records that count."""
    indexes: frozenset[str] = frozenset()
    """The names of indexes, beside the public ones, for whose files a record's project and version count."""

    def check_sources(self, policy_path: str, trust: Trust | None, kind: str) -> None:
        """Check that the sources are there, and that nobody else may write them.

        :param trust: whom to trust with them; None: anybody, where a file is only looked at.
        :param kind: of the layer.
        :raises PolicyError: one is not there, or cannot be trusted.
        """
        faults: list[Fault] = []
        for number, path in enumerate(self.places):
            key = f"advisories.paths[{number}]"
            try:
                found = find_distrust(path, os.stat(path), trust, kind)
            except FileNotFoundError:
                faults.append(Fault(key, f"there is no {escape(path)}"))
            except OSError as error:
                faults.append(Fault(key, f"{escape(path)} cannot be read: {error.strerror}"))
            else:
                faults += [Fault(key, fault.message) for fault in found]
        if faults:
            raise PolicyError(policy_path, faults)


def read_advisories(reader: TableReader, value: object, policy_path: str, indexes: Collection[str]) -> AdvisorySettings:
    """Return what ``[advisories]`` says.

    :param policy_path: the file, which ``paths`` are relative to.
    :param indexes: the names of all its indexes.
    """
    key = "advisories"
    table = reader.table(key, value, _ADVISORIES)
    if "paths" not in table and isinstance(value, dict):
        reader.fault(f"{key}.paths", "missing; expected files, folders or zips of OSV records")
    paths = _texts(reader, f"{key}.paths", table, "paths of OSV records: files, folders, zips", "a path")
    for place, path in enumerate(paths):
        if not path or "\0" in path:
            reader.unexpected(f"{key}.paths[{place}]", path, "a path")
    kinds = _texts(reader, f"{key}.kinds", table, "beginnings of identifiers", 'the beginning of one, such as "MAL-"')
    for place, kind in enumerate(kinds):
        # No pattern: to compile one costs more than all the rest here.
        if len(kind) > _LONGEST or not kind.isascii() or not kind.strip("-").replace("-", "").isalnum():
            reader.unexpected(f"{key}.kinds[{place}]", kind, 'the beginning of identifiers, such as "MAL-" or "PYSEC-"')
    named = _texts(reader, f"{key}.indexes", table, "names of indexes in this file", "the name of an index")
    for place, name in enumerate(named):
        if name not in indexes:
            close = reader.find_closest(name, indexes)
            reader.unexpected(f"{key}.indexes[{place}]", name, "the name of an index in this file", close)
    folder = os.path.dirname(os.path.abspath(policy_path))
    places = tuple(os.path.join(folder, path) for path in paths)
    return AdvisorySettings(paths, places, kinds or USUAL_KINDS, frozenset(named))


def _texts(reader: TableReader, key: str, table: Mapping[str, Any], of: str, one: str) -> tuple[str, ...]:
    name = key.rpartition(".")[2]
    if name not in table:
        return ()
    found: dict[str, None] = {}
    for place, text in enumerate(reader.items(key, table[name], of)):
        if not isinstance(text, str):
            reader.unexpected(f"{key}[{place}]", text, one)
        elif text in found:
            reader.found(f"{key}[{place}]", text, " twice")
        else:
            found[text] = None
    return tuple(found)
