"""``indexguard ledger export``: the ledger as lines of JSON, for ``ledger import`` somewhere else."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from ...errors import escape
from ...ledger.sighting import LedgerError, is_line
from ...logs.opening import explain
from ..console import Console, count
from ..files import open_named, write_whole
from ..ledgers import opened
from ..parsing import BadInputError, Command
from .source import add_filters, add_ledger, find_ledger, make_filter

_MODE = 0o644
_HEAD = 4096


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    add_ledger(group)
    group.add_argument("-o", dest="output", metavar="OUT", help="a file to write (default: standard output)")
    add_filters(group)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Export.

    :raises BadInputError: the ledger cannot be read, or the output not be written.
    """
    path, max_size = find_ledger(arguments)
    written = 0
    with opened(path, max_size) as store:

        def lines() -> Iterator[str]:
            nonlocal written
            for sighting in filter(make_filter(arguments.names, arguments.index), store.rows()):
                written += 1
                yield sighting.as_line()

        if arguments.output in (None, "-"):
            for line in lines():
                console.out.write(line)
            return 0
        _write(Path(arguments.output), lines())
    console.note(escape(f"wrote {arguments.output}: {count(written, 'file')}"))
    return 0


def _write(path: Path, lines: Iterator[str]) -> None:
    """Write a file, which appears when it is whole; it takes the place of an older export only.

    :raises BadInputError: the system refuses, or something else is there.
    :raises LedgerError: the ledger cannot be read to its end.
    """
    if path.exists() and not path.is_file():
        raise BadInputError(f"cannot write {escape(str(path))}: it is no regular file")
    if path.is_file():
        with open_named(path) as file:
            head = file.readline(_HEAD)
        if head and not is_line(head):
            raise BadInputError(
                f"cannot write {escape(str(path))}: it is there already, and is no export; choose another name"
            )
    try:
        write_whole(path, map(str.encode, lines), _MODE)
    except LedgerError:
        raise
    except OSError as error:
        raise BadInputError(f"cannot write {escape(str(path))}: {explain(error)}") from None


COMMAND = Command.of("ledger export", add_options, run)
