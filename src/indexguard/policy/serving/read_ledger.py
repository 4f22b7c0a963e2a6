"""Reads the table ``[ledger]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..table import Keys, TableReader
from ..values import read_size
from .ledger import LedgerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEDGER = Keys(("path", "trust", "max-size", "on-failure"))


def read_ledger(reader: TableReader, tree: Mapping[str, Any]) -> LedgerSettings:
    """Return what ``[ledger]`` says."""
    table = reader.table("ledger", tree["ledger"], _LEDGER)
    path = table.get("path")
    if path is not None and not (isinstance(path, str) and path.strip() and path.isprintable()):
        reader.unexpected("ledger.path", path, "the path of a file, absolute or relative to the policy")
    trust = table.get("trust")
    if trust is not None and trust != "user":
        reader.unexpected("ledger.trust", trust, '"user"; without the key only what root alone may write is trusted')
    return LedgerSettings(
        path=path if isinstance(path, str) else None,
        trusts_user=trust == "user",
        max_size=read_size(reader, "ledger.max-size", table),
        blocks=reader.choice("ledger.on-failure", table, ("warn", "block")) == "block",
    )
