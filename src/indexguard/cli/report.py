"""``indexguard report``: the audit log as one page to look at."""

from __future__ import annotations

import argparse
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

from ..audit.reader import EventReader
from ..audit.writer import log_path
from ..report.page import MARK, render_page
from ..report.summary import DEFAULT_ROWS, Summary
from ..report.words import count
from .console import GREEN, YELLOW, Console
from .files import explain_os, open_named
from .parsing import BadInputError, Command

_MODE = 0o640
"""As the log: a page names machines, users and folders."""


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument("-o", "--output", metavar="PAGE", required=True, help="the page to write; - is standard output")
    group.add_argument(
        "--rows", metavar="N", type=_rows, default=DEFAULT_ROWS,
        help=f"how many findings the table holds at most, the newest (default: {DEFAULT_ROWS})",
    )  # fmt: skip
    group.add_argument("files", metavar="FILE", nargs="*", type=Path, help="other logs than this user's own")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Write the page.

    :raises BadInputError: a log cannot be read, or the page cannot be written.
    """
    output = None if arguments.output == "-" else Path(arguments.output)
    if output is not None:
        _check_output(output)
    summary, foreign = Summary(arguments.rows), 0
    paths = arguments.files or _own_log(console)
    for path in paths:
        foreign += _read(path, summary, console)
    page = render_page(summary, made=datetime.now(timezone.utc), sources=list(map(str, paths)), foreign=foreign)
    if output is None:
        console.out.write(page)
    else:
        _write(output, page.encode("ascii"))
        console.line(f"wrote {output}: {_told(summary)}", GREEN)
    return 0


def _own_log(console: Console) -> list[Path]:
    path = log_path()
    if path.is_absolute() and path.exists():
        return [path]
    console.note("nothing was recorded: this user has no audit log; the page is empty", YELLOW)
    return []


def _read(path: Path, summary: Summary, console: Console) -> int:
    """Take in one log; return how many of its lines are no events.

    :raises BadInputError: it cannot be read.
    """
    try:
        with open_named(path, "the audit log") as file:
            reader = EventReader(_bounded_lines(file))
            summary.add_all(reader)
    except OSError as error:
        raise BadInputError(f"cannot read the audit log {path}: {explain_os(error)}") from None
    if reader.foreign:
        lines = count(reader.foreign, "line")
        console.note(f"{path}: {lines} left out, not a whole event of this version of the log", YELLOW)
    return reader.foreign


def _bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """Read lines of at most a mebibyte: a log that someone else filled must not fill the memory."""
    limit = 1024 * 1024
    while line := file.readline(limit):
        yield line


def _told(summary: Summary) -> str:
    shadowed = count(len(summary.shadows), "shadowed name")
    return f"{count(summary.findings, 'finding')} and {shadowed} in {count(summary.events, 'event')}"


def _rows(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,6}", text) is None:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 0 to 999999")
    return int(text)


def _check_output(path: Path) -> None:
    """Refuse to replace what is no page of ours: a log or a policy, by a slip of the keyboard.

    :raises BadInputError: something else is there.
    """
    try:
        if not os.path.lexists(path):
            return
        with open_named(path) as file:
            is_page = MARK.encode("ascii") in file.read(2000)
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {explain_os(error)}") from None
    if not is_page:
        raise BadInputError(
            f"cannot write {path}: it is there already and is no page of this command; choose another name, or remove it"
        )


def _write(path: Path, content: bytes) -> None:
    """Put the whole page in its place at once; one that replaces an older page keeps its mode.

    :raises BadInputError: the system refuses.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else _MODE
        descriptor, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(scratch).chmod(mode)
            Path(scratch).replace(path)
        finally:
            Path(scratch).unlink(missing_ok=True)
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {explain_os(error)}") from None


COMMAND = Command(
    name="report",
    summary="show the audit log as a page for a browser",
    description=(
        "Writes one HTML page about this user's audit log, or about the logs named: shadowed names first, a timeline,\n"
        "what occurs most, and a table of the newest findings with search and filter. It loads nothing from a network."
    ),
    example="indexguard report -o report.html /var/log/indexguard/audit.jsonl",
    usage="[-h] -o PAGE [--rows N] [FILE ...]",
    add_options=add_options,
    run=run,
    exit_codes="Exit codes: 0 fine, 2 a log that cannot be read or a page that cannot be written.",
)
