"""``indexguard ledger``: where the ledger is, what it holds, and for which policies it counts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from sys import base_prefix

from ...ledger.place import does_count, find_obstacle, is_there, path_of
from ...ledger.sighting import show_time
from ...policy.model import Layer
from ...policy.trust import Trust
from ..console import GREEN, RED, YELLOW, Console, count
from ..ledgers import opened
from ..parsing import Command
from .source import add_ledger, find_asking, find_ledger

_MIB = 2**20


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    add_ledger(group)
    group.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show it; 1 if it does not count for a policy that asks it.

    :raises BadInputError: it cannot be read.
    """
    path, max_size = find_ledger(arguments)
    asking = [layer for layer, its in find_asking() if its == path]
    faults = list(_find_faults(path, asking))
    with opened(path, max_size, must_exist=False) as store:
        held = store.count() if is_there(path) else None
    if arguments.json:
        told = None if held is None else held._asdict()
        console.json({"ledger": str(path), "holds": told, "asked_by": [it.path for it in asking], "faults": faults})
    else:
        console.line(str(path), GREEN)
        if held is None:
            console.line("  not there yet: a guarded pip makes it, where a policy has [ledger]")
        else:
            files, projects = count(held.files, "file"), count(held.projects, "project")
            console.line(f"  {files} of {projects} from {count(held.indexes, 'index').replace('indexs', 'indexes')}")
            if held.first is not None and held.last is not None:
                console.line(f"  first seen from {show_time(held.first)} to {show_time(held.last)}")
            console.line(f"  {held.bytes / _MIB:.1f} of {held.limit / _MIB:.0f} MiB")
        for layer in asking:
            console.line(f"  asked by {layer.path}")
        if not asking:
            console.line("  no policy here asks it", YELLOW)
        for fault in faults:
            console.line(f"  {fault}", RED)
    return 1 if faults else 0


def _find_faults(path: Path, asking: list[Layer]) -> Iterator[str]:
    trust = Trust.of(None, base_prefix)
    for layer in asking:
        obstacle = find_obstacle(path_of(layer), trust, layer.kind)
        if obstacle is not None:
            yield obstacle
        elif not does_count(layer, path):
            yield (
                f"does not count for {layer.path}: this user may write it, and a policy of the {layer.kind} trusts only"
                ' what nobody but root may write, unless it says `trust = "user"`'
            )


COMMAND = Command.of("ledger", add_options, run)
