"""Reads what a policy never lets in: ``[[deny]]`` and ``[advisories]``; loaded only by a file that has one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .advisories import read_advisories
from .denied import read_denials

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..table import TableReader


def read_refused(
    reader: TableReader, tree: Mapping[str, Any], policy_path: str, indexes: Collection[str]
) -> dict[str, Any]:
    """Return the fields of the ``Policy`` for these tables.

    :param policy_path: the file, for paths that are relative to it.
    :param indexes: the names of all its indexes.
    """
    found: dict[str, Any] = {}
    if "deny" in tree:
        found["deny"] = read_denials(reader, tree["deny"])
    if "advisories" in tree:
        found["advisories"] = read_advisories(reader, tree["advisories"], policy_path, indexes)
    return found
