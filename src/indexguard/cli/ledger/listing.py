"""``indexguard ledger list``: the files that are remembered."""

from __future__ import annotations

import argparse

from ...errors import escape
from ...ledger.sighting import Sighting, show_time
from ..console import Console
from ..ledgers import opened
from ..parsing import Command
from .source import add_filters, add_ledger, find_ledger, make_filter

_DIGITS = 16


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    add_ledger(group)
    group.add_argument("--json", action="store_true", help="print one JSON object")
    add_filters(group)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """List them; 1 if there is none.

    :raises BadInputError: the ledger cannot be read.
    """
    path, max_size = find_ledger(arguments)
    with opened(path, max_size) as store:
        meant = filter(make_filter(arguments.names, arguments.index), store.rows())
        if arguments.json:
            files = [sighting.as_record() for sighting in meant]
            console.json({"ledger": str(path), "files": files})
            return 0 if files else 1
        is_empty = True
        for sighting in meant:
            is_empty = False
            console.record(_show(sighting))
    if is_empty:
        console.note(escape(f"nothing of that is remembered in {path}"))
    return 1 if is_empty else 0


def _show(sighting: Sighting) -> str:
    content = "no sha256" if sighting.sha256 is None else f"sha256 {sighting.sha256[:_DIGITS]}..."
    attested = ", attested" if sighting.attested else ""
    return (
        f"{show_time(sighting.first_seen)}  {sighting.name} {sighting.version}  {sighting.file}  ({content}{attested})"
        f"  from {sighting.place}"
    )


COMMAND = Command.of("ledger list", add_options, run)
