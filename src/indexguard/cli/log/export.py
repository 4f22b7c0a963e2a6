"""``indexguard log export``: the audit log in the format that another system reads."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ...audit.place import log_path
from ...logs.export.formats import FORMATS, Export, is_export
from ...logs.opening import explain
from ...logs.query import Wanted
from ..console import Console, count
from ..files import open_named, write_whole
from ..parsing import BadInputError, Command
from .source import add_drills, add_files, add_filters, read_events

_MODE = 0o640  # that of the log
_HEAD = 256 * 1024
_ENDINGS = (".jsonl", ".jsonl.gz")


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument(
        "--format", metavar="FORMAT", choices=tuple(FORMATS), required=True, help="ecs, ocsf, cef, sarif, csv or github"
    )
    group.add_argument("-o", dest="output", metavar="OUT", help="a file to write (default: standard output)")
    add_filters(group)
    add_drills(group)
    add_files(group)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Export the events of the logs.

    :raises BadInputError: a log cannot be read, or the output not be written.
    """
    events: Iterable[dict[str, Any]] = filter(Wanted.of(vars(arguments)).matches, read_events(arguments, console))
    export = Export(FORMATS[arguments.format], events)
    is_file = arguments.output not in (None, "-")
    if is_file:
        _write(export, Path(arguments.output), [*arguments.file, *arguments.files])
    else:
        _print(export, console)
    for note in _notes(export):
        console.note(note)
    if is_file:
        console.note(f"wrote {arguments.output}: {count(export.written, 'event')}")
    return 0


def _notes(export: Export) -> Iterator[str]:
    if export.timeless:
        yield f"{count(export.timeless, 'event')} left out, whose time is none"
    if export.routine:
        yield f"{count(export.routine, 'event')} of routine left out: this format is for findings"


def _print(pieces: Iterable[str], console: Console) -> None:
    reconfigure = getattr(console.out, "reconfigure", None)
    if reconfigure is not None:
        # Each format says how its lines end, and none allows another encoding.
        reconfigure(encoding="utf-8", newline="")
    for piece in pieces:
        print(piece, end="", file=console.out)


def _write(pieces: Iterable[str], path: Path, logs: Iterable[Path]) -> None:
    """Write a file, which appears when it is whole; what is no regular file (a pipe, a terminal) is written to.

    :raises BadInputError: a log cannot be read, the system refuses, or the file would be one of the logs.
    """
    if any(_is_among(path, log) for log in (log_path().parent, log_path(), *logs)):
        raise BadInputError(f"cannot write {path}: audit logs are read there; choose another place or name")
    pieces = iter(pieces)
    first = list(islice(pieces, 1))  # a log that cannot be read is told first
    _check_place(path)
    pieces = chain(first, pieces)
    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
        else:
            write_whole(Path(os.path.realpath(path)), map(str.encode, pieces), _MODE)
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {explain(error)}") from None


def _check_place(path: Path) -> None:
    """Refuse to replace what is no export of ours: a policy, a log that was copied, by a slip of the keyboard.

    :raises BadInputError: something else is there, or it cannot be read.
    """
    if not path.is_file():
        return
    with open_named(path) as file:
        head = file.readline(_HEAD)
    if head and not is_export(head):
        raise BadInputError(
            f"cannot write {path}: it is there already and is no export of this command; choose another name, or remove it"
        )


def _is_among(path: Path, log: Path) -> bool:
    """Tell whether a file is a log, or would be taken for one of those in a folder of logs."""
    try:
        real = Path(os.path.realpath(path))
        if log.is_dir():
            return real.name.endswith(_ENDINGS) and log.samefile(real.parent)
        return log.samefile(real)
    except OSError:  # it is not there
        return False


COMMAND = Command.of("log export", add_options, run)
