"""``indexguard report``: the audit log as one page to look at."""

from __future__ import annotations

import argparse
import os
import re
import stat
from datetime import datetime, timezone
from pathlib import Path

from ..audit.place import log_path
from ..logs.files import LogStream, Reading
from ..logs.fleet import open_events
from ..logs.opening import explain
from ..logs.query import Wanted
from ..report.fleet import summarise
from ..report.page import MARK, render_page
from ..report.summary import DEFAULT_ROWS, Summary
from ..report.words import count
from .console import GREEN, YELLOW, Console
from .files import open_named, write_whole
from .log import source
from .parsing import BadInputError, Command

_MODE = 0o640
"""As the log: a page names machines, users and folders."""


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument(
        "-o", metavar="PAGE", dest="output", required=True, help="the page to write; - is standard output"
    )
    group.add_argument(
        "--rows", metavar="N", type=_rows, default=DEFAULT_ROWS,
        help=f"how many findings the table holds at most, the newest (default: {DEFAULT_ROWS})",
    )  # fmt: skip
    source.add_filters(group)
    source.add_drills(group)
    source.add_engine(group)
    source.add_files(group)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Write the page.

    :raises BadInputError: a log cannot be read, or the page cannot be written.
    """
    output = None if arguments.output == "-" else Path(arguments.output)
    if output is not None:
        _check_output(output)
    read = _ask_engine if arguments.engine == "duckdb" else _read
    summary, readings = read(arguments, console)
    has_events = bool(summary.events) or any(reading.events for reading in readings)
    page = render_page(
        summary,
        made=datetime.now(timezone.utc),
        sources=[str(reading.path) for reading in readings],
        foreign=sum(reading.foreign for reading in readings),
        unread=[str(reading.path) for reading in readings if reading.problem is not None],
        only=_only(arguments),
    )
    if output is None:
        console.out.write(page)
    else:
        _write(output, page.encode("ascii"))
        console.line(f"wrote {output}: {_told(summary)}", GREEN)
    # The page says that it is empty; that there was nothing to read is no answer.
    return 0 if has_events else 2


def _read(arguments: argparse.Namespace, console: Console) -> tuple[Summary, list[Reading]]:
    """Take in the events that count; return what they tell, and what they were read from.

    :raises BadInputError: a log cannot be read.
    """
    summary = Summary(arguments.rows)
    stream = LogStream([*arguments.file, *arguments.files], in_order=False, own=log_path())
    with source.bad_logs():
        summary.add_all(filter(Wanted.of(vars(arguments)).matches, source.with_progress(stream, console)))
    for note in stream.notes:
        console.note(note, YELLOW)
    if not stream.readings:
        console.note("nothing was recorded: this user has no audit log; the page is empty", YELLOW)
    elif not any(reading.events for reading in stream.readings):
        console.note("there is no event in what was read; the page is empty", YELLOW)
    return summary, stream.readings


def _ask_engine(arguments: argparse.Namespace, console: Console) -> tuple[Summary, list[Reading]]:
    """Have DuckDB do the same.

    :raises BadInputError: it is not there, or cannot read a log.
    """
    with source.for_engine(arguments, console) as asked, open_events(*asked) as events:
        summary = summarise(events, arguments.rows)
    source.note_left_out(events.foreign, events.unread, console)
    readings = [Reading(path) for path in events.files]
    readings += [Reading(path, problem=why) for path, why in events.unread.items()]
    readings[0].foreign = events.foreign  # it does not say whose lines they were
    return summary, readings


def _only(arguments: argparse.Namespace) -> list[str]:
    """Return in words what the options leave of the log."""
    several = ("code", "name", "index", "rule", "event", "run_id")
    chosen = [f"{key.partition('_')[0]} {' or '.join(values)}" for key in several if (values := vars(arguments)[key])]
    return chosen + [f"{key} {moment}" for key in ("since", "until") if (moment := vars(arguments)[key])]


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
        if not path.is_file():
            raise BadInputError(f"cannot write {path}: it is there already and is no file; - is standard output")
        with open_named(path) as file:
            is_page = MARK.encode("ascii") in file.read(2000)
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {explain(error)}") from None
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
        write_whole(path, [content], mode)
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {explain(error)}") from None


COMMAND = Command.of("report", add_options, run)
