"""Reads what a policy file says of what may be served: loaded by a file that says something of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..table import TERMS, TableReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ASKED = ("status", "provenance", "waive")
"""The tables that say what is asked of files."""
_REFUSED = ("deny", "advisories")
"""Those that say what is never let in."""


def read_served(
    reader: TableReader,
    tree: Mapping[str, Any],
    defaults: Mapping[str, Any],
    typosquat: Mapping[str, Any],
    *,
    path: str,
    indexes: Sequence[str],
) -> dict[str, Any]:
    """Return what it says, as fields of ``model.Policy``; what it says nothing of is left out.

    :param defaults: its table of that name, as the one beside it.
    :param path: the file.
    :param indexes: the names of its indexes, which have been read.
    """
    fields: dict[str, Any] = {}
    if reader.has_terms or not tree.keys().isdisjoint(_ASKED) or not defaults.keys().isdisjoint(TERMS):
        from .read_terms import read_serving  # noqa: PLC0415  # not every such policy asks something of files

        fields["serving"] = read_serving(reader, tree)
    # Once it is known what is asked of files: some of that is for the ledger to answer.
    if "ledger" in tree or reader.remembers:
        from .ledger import USUAL_LEDGER  # noqa: PLC0415  # as above
        from .read_ledger import read_ledger  # noqa: PLC0415  # as above

        fields["ledger"] = read_ledger(reader, tree) if "ledger" in tree else USUAL_LEDGER
    if not tree.keys().isdisjoint(_REFUSED):
        from .read_refused import read_refused  # noqa: PLC0415  # as above

        fields |= read_refused(reader, tree, path, indexes)
    if not typosquat.keys().isdisjoint(("protect", "names-file")):
        from .typosquat import read_settings  # noqa: PLC0415  # as above

        fields["typosquat"] = read_settings(reader, typosquat)
    return fields
