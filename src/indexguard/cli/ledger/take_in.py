"""``indexguard ledger import``: have a ledger begin with what another one, or an audit log, knows."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from ...errors import escape
from ...ledger.sighting import Sighting, is_line, parse_line, show_time
from ...logs.files import LogStream
from ...logs.opening import LongLine, read_named
from ...logs.sightings import read_sightings
from ...survey.pip_facts import ask_pip
from ..console import GREEN, RED, YELLOW, Console, count
from ..ledgers import opened
from ..log.source import bad_logs, with_progress
from ..parsing import BadInputError, Command
from .source import add_ledger, find_ledger

_MANY = 20


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    add_ledger(group)
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="exports, audit logs and folders of logs, gzip too"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Import all, or nothing; 1 if files are remembered with another content.

    :raises BadInputError: a file cannot be read, or the ledger not be written.
    """
    path, max_size = find_ledger(arguments)
    exports = [file for file in arguments.files if _is_export(file)]
    logs = [file for file in arguments.files if file not in exports]
    found: dict[tuple[str, str, str], Sighting] = {}
    told: list[Sighting] = []
    for sighting in chain(_read_exports(exports), _read_logs(logs, console)):
        key = (sighting.place, sighting.name, sighting.file)
        first = found.setdefault(key, sighting)
        if first is not sighting:
            found[key] = _merge(first, sighting, told)
    if not found:
        shown = escape(", ".join(map(str, arguments.files)))
        raise BadInputError(f"there is no file that was seen in {shown}")
    with opened(path, max_size, must_exist=False) as store:
        recorded = store.record(found.values())
    differing = [*told, *recorded.differing]
    known = len(found) - recorded.new - recorded.completed - len(recorded.differing)
    if arguments.json:
        counts = {"new": recorded.new, "completed": recorded.completed, "known": known}
        console.json({"ledger": str(path), **counts, "differing": [it.as_record() for it in differing]})
    else:
        what = f"{count(recorded.new, 'file')} new, {recorded.completed} completed, {known} known before"
        console.line(f"{path}: {what}", RED if differing else GREEN)
        for sighting in differing[:_MANY]:
            console.line(
                f"  {sighting.file} from {sighting.place}: seen on {show_time(sighting.first_seen)} with"
                f" sha256 {sighting.sha256}; it is remembered with another one, which stays",
                RED,
            )
        if len(differing) > _MANY:
            console.line(f"  and {len(differing) - _MANY} more", RED)
    return 1 if differing else 0


def _merge(first: Sighting, other: Sighting, differing: list[Sighting]) -> Sighting:
    """Return what two sightings of one file tell together; of two contents the earlier one counts."""
    if first.first_seen > other.first_seen:
        first, other = other, first
    if first.sha256 and other.sha256 and first.sha256 != other.sha256:
        differing.append(other)
        return first
    return first._replace(sha256=first.sha256 or other.sha256, attested=first.attested or other.attested)


def _is_export(path: Path) -> bool:
    """Tell whether a file is an export, by its first line.

    :raises BadInputError: it cannot be read.
    """
    if path.is_dir():
        return False
    with bad_logs():
        first = next(read_named(path), b"")
    return isinstance(first, bytes) and is_line(first)


def _read_exports(paths: Sequence[Path]) -> Iterator[Sighting]:
    """Yield what exports hold.

    :raises BadInputError: a line cannot be read.
    """
    for path in paths:
        with bad_logs():
            for number, line in enumerate(read_named(path), 1):
                if isinstance(line, LongLine) or line.strip():
                    yield _parse(path, number, line)


def _parse(path: Path, number: int, line: bytes | LongLine) -> Sighting:
    """Read one line of an export.

    :raises BadInputError: it is none.
    """
    try:
        if isinstance(line, bytes):
            return parse_line(line)
        fault = "it is too long"
    except ValueError as error:
        fault = str(error)
    raise BadInputError(f"cannot read {escape(str(path))}: line {number}: {escape(fault)}; nothing was imported")


def _read_logs(paths: Sequence[Path], console: Console) -> Iterator[Sighting]:
    """Yield the files that audit logs tell of.

    :raises BadInputError: a log cannot be read.
    """
    if not paths:
        return
    facts = ask_pip()
    if facts.pypi is None:
        reason = facts.problem or "pip names none"
        told = f"the address of the public index is not known ({reason}): files from it are remembered by its URL"
        console.note(told, YELLOW)
    stream = LogStream(paths)
    with bad_logs():
        yield from read_sightings(with_progress(stream, console), facts.locate)
    for note in stream.notes:
        console.note(escape(note), YELLOW)


COMMAND = Command.of("ledger import", add_options, run)
