"""``indexguard log verify``: whether an audit log is as it was written."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ...audit.place import FILE_NAME, log_path
from ...audit.writer import LONGEST_LINE
from ...logs.chain import Remark, Verification, Verifier
from ...logs.copies import Copies
from ...logs.opening import LongLine, read_named
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
        help="what syslog, the journal or a shipper has received: all of it",
    )
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument("files", metavar="FILE", type=Path, nargs="*", help="files or folders (default: your own log)")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Verify a log.

    :raises BadInputError: it cannot be read.
    """
    paths: list[Path] = arguments.files or [log_path().parent]
    with bad_logs():
        copies = Copies()
        for path in arguments.copy:
            copies.add(str(path), (_kept(line) for line in read_named(path, LONGEST_LINE)))
        # One's own log may not be there yet: then it has none of the events that a copy has.
        is_there = arguments.files or (paths[0].is_absolute() and paths[0].is_dir())
        found = Verifier(copies).read(paths if is_there else [])
    if not is_there:
        found.empty.insert(0, str(paths[0]))
    if arguments.json:
        console.json(_as_json(found, copies))
    else:
        _print(found, copies, console)
    return 1 if found.is_changed else 2 if found.empty else 0


def _kept(line: bytes | LongLine) -> bytes | None:
    return line if isinstance(line, bytes) else None


def _print(found: Verification, copies: Copies, console: Console) -> None:
    for text in _first(found.breaks):
        console.line(f"BROKEN   {text}", RED)
    for text in _first(found.missing):
        console.line(f"MISSING  a copy has it, the log has not: {text}", RED)
    what = f"{count(found.events, 'event')} of {count(found.runs, 'run')} in {count(found.files, 'file')}"
    if copies.of:
        what += f"; {count(found.compared, 'event')} of {len(copies.of)} {_copies(copies)} compared"
    if found.is_changed:
        console.line(f"NOT as it was written: {what}", RED)
    elif found.empty:
        console.line(f"NOT verified: {what}", RED)
    else:
        console.line(f"whole: {what}", GREEN)
    for name in found.empty:
        console.note(_explain_empty(name, copies), RED)
    _print_copies(found, copies, console)
    for text in _first(found.unproven):
        console.note(text, YELLOW)
    _print_losses(found, console)
    if found.unsealed:
        runs = ", ".join(_first(found.unsealed))
        text = "no seal: it goes on, was killed, or the end of the log is missing"
        console.note(f"{count(len(found.unsealed), 'run')} with {text}: {runs}", YELLOW)


def _print_losses(found: Verification, console: Console) -> None:
    if found.torn:
        console.note(
            f"{count(found.torn, 'line')} of no whole event: cut off by a crash or a full disk, or not ours", YELLOW
        )
    if found.lost:
        events, runs = count(sum(found.lost.values()), "event"), count(len(found.lost), "run")
        console.note(f"{events} of {runs} lost: there was no room to write them (a full disk)", YELLOW)


def _copies(copies: Copies) -> str:
    return "copy" if len(copies.of) == 1 else "copies"


def _explain_empty(name: str, copies: Copies) -> str:
    """Say where there is no event, and what was looked for."""
    copy = copies.of.get(name)
    if copy is not None:
        return f"{name}: no event in {count(copy.lines, 'line')} of this copy: nothing was compared with it"
    path = Path(name)
    if path.is_dir():
        return f"{path}: no event in this folder: it has no {FILE_NAME} with one, and no audit-*.jsonl or audit.*.jsonl"
    return (
        f"{path}: no event in this file" if path.exists() else f"{path}: there is no such folder: nothing was recorded"
    )


def _print_copies(found: Verification, copies: Copies, console: Console) -> None:
    if found.cut:
        console.note(
            f"{count(found.cut, 'event')} cut off in a copy, by a daemon maybe: only the beginning was compared", YELLOW
        )
    if found.by_fields:
        console.note(f"{count(found.by_fields, 'event')} written anew by a shipper: compared field by field", YELLOW)
    for name, copy in copies.of.items():
        if copy.unread:
            text = "of ours in which no event can be read (journalctl -o json leaves out what is long without --all)"
            console.note(f"{name}: {count(copy.unread, 'line')} {text}: not compared", YELLOW)


def _first(values: Sequence[object]) -> Iterator[str]:
    """Yield the first values as text, and how many there are beside them."""
    yield from map(str, values[:_MANY])
    if len(values) > _MANY:
        yield f"and {len(values) - _MANY} more"


def _as_json(found: Verification, copies: Copies) -> dict[str, object]:
    return {
        "whole": found.is_whole,
        **vars(found),
        "breaks": _as_list(found.breaks),
        "unproven": _as_list(found.unproven),
        "copies": [{"file": name, **vars(copy)} for name, copy in copies.of.items()],
    }


def _as_list(remarks: Iterable[Remark]) -> list[dict[str, object]]:
    return [{"file": str(each.path), "line": each.line, "text": each.text} for each in remarks]


COMMAND = Command.of("log verify", add_options, run)
