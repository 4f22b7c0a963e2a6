"""``indexguard log export``: the audit log in the format that another system reads."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..audit.export.formats import FORMATS, Export
from ..audit.files import LogError, LogStream
from ..audit.writer import log_path
from .console import YELLOW, Console
from .files import explain_os
from .parsing import BadInputError, Command

_MODE = 0o640  # that of the log


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument(
        "--format", metavar="FORMAT", choices=tuple(FORMATS), required=True, help="ecs, ocsf, cef, sarif, csv or github"
    )
    group.add_argument("-o", dest="output", metavar="FILE", help="where to write (default: standard output)")
    group.add_argument(
        "files", metavar="LOG", nargs="*", type=Path, help="logs and folders (default: this user's own log)"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Export the events of the logs.

    :raises BadInputError: a log cannot be read, or the output not be written.
    """
    stream = LogStream(arguments.files)
    export = Export(FORMATS[arguments.format], stream)
    try:
        if arguments.output in (None, "-"):
            _print(export, console)
        else:
            _write(export, Path(arguments.output), stream)
    except LogError as error:
        raise BadInputError(str(error)) from None
    for note in stream.notes:
        console.note(note, YELLOW)
    for note in _notes(export):
        console.note(note)
    if arguments.output not in (None, "-"):
        console.note(f"wrote {arguments.output}: {_count(export.written)}")
    return 0


def _notes(export: Export) -> Iterator[str]:
    if export.timeless:
        yield f"{_count(export.timeless)} left out, whose time is none"
    if export.routine:
        yield f"{_count(export.routine)} of routine left out: this format is for findings"
    if not export.written + export.routine + export.timeless:
        yield "nothing was recorded: there is no event in the audit log"


def _count(number: int) -> str:
    return "1 event" if number == 1 else f"{number} events"


def _print(pieces: Iterable[str], console: Console) -> None:
    reconfigure = getattr(console.out, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(
            encoding="utf-8", newline=""
        )  # each format says how its lines end, and none allows another encoding
    for piece in pieces:
        print(piece, end="", file=console.out)


def _write(pieces: Iterable[str], path: Path, stream: LogStream) -> None:
    """Write a file, which appears when it is whole; what is no regular file (a pipe, a terminal) is written to.

    :raises LogError: a log cannot be read.
    :raises BadInputError: the system refuses, or the file is one of the logs.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
        else:
            _replace(pieces, path.resolve(), stream)
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {explain_os(error)}") from None


def _replace(pieces: Iterable[str], path: Path, stream: LogStream) -> None:
    descriptor, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        if any(_is_same(path, log) for log in (log_path(), *(reading.path for reading in stream.readings))):
            raise BadInputError(f"cannot write {path}: it is an audit log")
        Path(scratch).chmod(_MODE)
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


COMMAND = Command(
    name="log export",
    summary="turn the audit log into the format that another system reads",
    description=(
        "Prints the events of this user's audit log, or of the logs given, for another system:\n\n"
        "  ecs     Elastic Common Schema 9.4.0, one JSON document a line\n"
        "  ocsf    Open Cybersecurity Schema Framework 1.8.0, one JSON event a line\n"
        "  cef     Common Event Format, one line an event\n"
        "  sarif   SARIF 2.1.0, one document; findings only\n"
        "  csv     RFC 4180, with a header; texts that look like a formula are put behind an apostrophe\n"
        "  github  annotations of a GitHub Actions job; findings only\n\n"
        "Findings are all events but `selected`, `not-asked` and `sealed`. Lines that are no whole event are counted\n"
        "and left out."
    ),
    example="indexguard log export --format ecs -o audit.ecs.json",
    usage="[-h] --format FORMAT [-o FILE] [LOG ...]",
    add_options=add_options,
    run=run,
    exit_codes="Exit codes: 0 fine, 2 a log that cannot be read, or an output that cannot be written.",
)
