"""``indexguard log verify``: whether an audit log is as it was written."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ...audit.place import log_path
from ...audit.writer import LONGEST_LINE
from ...logs.chain import Remark, Verification, Verifier
from ...logs.opening import read_named
from ..console import GREEN, RED, YELLOW, Console, count
from ..parsing import Command
from .source import bad_logs

_MANY = 20


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument(
        "--copy",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="what syslog, say, has received: all of it",
    )
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument("files", metavar="FILE", type=Path, nargs="*", help="files or folders (default: your own log)")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Verify a log.

    :raises BadInputError: it cannot be read.
    """
    paths: list[Path] = arguments.files or [log_path().parent]
    if not arguments.files and not (paths[0].is_absolute() and paths[0].is_dir()):
        console.note(f"nothing was recorded: there is no folder {paths[0]}")
        return 0
    with bad_logs():
        found = Verifier(_lines(arguments.copy)).read(paths)
    if arguments.json:
        console.json(_as_json(found))
    else:
        _print(found, console)
    return 0 if found.is_whole else 1


def _lines(copies: Iterable[Path]) -> Iterator[bytes]:
    """Yield the lines that may hold an event.

    :raises LogError: a copy cannot be read.
    """
    for path in copies:
        yield from (line for line in read_named(path, LONGEST_LINE) if isinstance(line, bytes))


def _print(found: Verification, console: Console) -> None:
    for text in _first(found.breaks):
        console.line(f"BROKEN   {text}", RED)
    for text in _first(found.missing):
        console.line(f"MISSING  a copy has it, the log has not: {text}", RED)
    what = f"{count(found.events, 'event')} of {count(found.runs, 'run')} in {count(found.files, 'file')}"
    if found.is_whole:
        console.line(f"whole: {what}", GREEN)
    else:
        console.line(f"NOT as it was written: {what}", RED)
    for text in _first(found.unproven):
        console.note(text, YELLOW)
    if found.torn:
        console.note(
            f"{count(found.torn, 'line')} of no whole event: cut off by a crash or a full disk, or not ours", YELLOW
        )
    if found.unsealed:
        runs = ", ".join(_first(found.unsealed))
        text = "no seal: it goes on, was killed, or the end of the log is missing"
        console.note(f"{count(len(found.unsealed), 'run')} with {text}: {runs}", YELLOW)


def _first(values: Sequence[object]) -> Iterator[str]:
    """Yield the first values as text, and how many there are beside them."""
    yield from map(str, values[:_MANY])
    if len(values) > _MANY:
        yield f"and {len(values) - _MANY} more"


def _as_json(found: Verification) -> dict[str, object]:
    return {
        "whole": found.is_whole,
        **vars(found),
        "breaks": _as_list(found.breaks),
        "unproven": _as_list(found.unproven),
    }


def _as_list(remarks: Iterable[Remark]) -> list[dict[str, object]]:
    return [{"file": str(each.path), "line": each.line, "text": each.text} for each in remarks]


COMMAND = Command.of("log verify", add_options, run)
