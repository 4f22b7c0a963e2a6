"""``indexguard ledger forget``: have files forgotten; they are new when they are seen again."""

from __future__ import annotations

import argparse

from ...errors import escape
from ...ledger.sighting import show_time
from ..console import GREEN, Console, count
from ..ledgers import opened
from ..log import moments
from ..parsing import BadInputError, Command
from .source import add_filters, add_ledger, find_ledger, make_filter


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    add_ledger(group)
    group.add_argument("--file", metavar="NAME", action="append", help="only this file, by its name")
    group.add_argument("--before", metavar="WHEN", type=moments.since, help=f"first seen before {moments.WORDS} (UTC)")
    group.add_argument("--all", action="store_true", help="everything")
    add_filters(group)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Forget; 1 if there was nothing of that.

    :raises BadInputError: nothing was named, or the ledger cannot be written.
    """
    chosen = (arguments.names, arguments.index, arguments.file, arguments.before)
    if not (any(chosen) or arguments.all):
        raise BadInputError("say what is to be forgotten: NAME, --index, --file or --before; --all is everything")
    if any(chosen) and arguments.all:
        raise BadInputError("--all is everything, and something is named beside it")
    path, max_size = find_ledger(arguments)
    is_meant = make_filter(arguments.names, arguments.index)
    with opened(path, max_size) as store:
        meant = [
            sighting
            for sighting in filter(is_meant, store.rows())
            if (arguments.file is None or sighting.file in arguments.file)
            and (arguments.before is None or show_time(sighting.first_seen) < arguments.before)
        ]
        number = store.forget(meant) if meant else 0
    if number:
        console.line(f"forgot {count(number, 'file')} in {path}", GREEN)
    else:
        console.note(escape(f"nothing of that is remembered in {path}"))
    return 0 if number else 1


COMMAND = Command.of("ledger forget", add_options, run)
