"""``indexguard log``: the last events of the audit log."""

from __future__ import annotations

import argparse
import re
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO

from ..audit.reader import EventReader
from ..audit.writer import log_path
from ..errors import CODES
from ..patterns import normalise_name
from .console import GREEN, RED, YELLOW, Console
from .files import MissingFileError, explain_os, open_named
from .parsing import BadInputError, Command

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_STYLES = {"selected": GREEN, "not-asked": None, "would-refuse": YELLOW, "dropped": YELLOW}


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument("--last", metavar="N", type=_count, default=20, help="how many events at most (default: 20)")
    group.add_argument("--code", metavar="CODE", choices=tuple(CODES), help="only this code, such as shadowed-name")
    group.add_argument("--name", metavar="NAME", help="only this project")
    group.add_argument("--since", metavar="WHEN", type=_moment, help="30m, 2h, 7d, or a date or time (UTC)")
    group.add_argument("--file", metavar="FILE", type=Path, help="another log than this user's own")
    group.add_argument("--json", action="store_true", help="print the events as they are, one JSON object a line")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the last events.

    :raises BadInputError: the log cannot be read.
    """
    path: Path = arguments.file or log_path()
    if arguments.file is None and not path.is_absolute():
        console.note("nothing was recorded: this user has no home folder, and so no audit log")
        return 0
    try:
        with open_named(path, "the audit log") as file:
            reader = EventReader(_bounded_lines(file))
            found = deque((event for event in reader if _matches(event, arguments)), maxlen=arguments.last)
    except MissingFileError:
        if arguments.file is not None:
            raise
        console.note(f"nothing was recorded: there is no audit log {path}")
        return 0
    except OSError as error:
        raise BadInputError(f"cannot read the audit log {path}: {explain_os(error)}") from None
    for event in found:
        if arguments.json:
            console.json(event, indent=None)
        else:
            console.line(describe(event), _STYLES.get(event["event"], RED))
    if reader.foreign:
        lines = "1 line" if reader.foreign == 1 else f"{reader.foreign} lines"
        console.note(f"{path}: {lines} left out, not a whole event of this version of the log", YELLOW)
    if not found:
        console.note(f"no event in {path} matches")
    return 0


def describe(event: dict[str, Any]) -> str:
    """Return an event as one line. Fields that are missing or of another type are left out."""
    parts = [event["time"], event["event"], _text(event, "code"), _text(event, "name"), _versions(event)]
    files = event.get("files")
    if isinstance(files, int) and files > 0:
        parts.append("(1 file)" if files == 1 else f"({files} files)")
    asked, answered = _text(event, "index_asked"), _text(event, "index_answered")
    if asked or answered:
        parts.append(
            f"from {asked or answered}"
            + (f" answered by {answered}" if answered and not answered.startswith(asked) else "")
        )
    rule = event.get("rule")
    if isinstance(rule, dict):
        parts.append(f"by {_text(rule, 'file')} {_text(rule, 'key')}".rstrip())
    if _text(event, "message"):
        parts.append(f"- {event['message']}")
    return "  ".join(part for part in parts if part)


def _versions(event: dict[str, Any]) -> str:
    versions = event.get("versions")
    if not isinstance(versions, list) or not versions:
        return ""
    more = event.get("more_versions")
    shown = 5
    left_out = len(versions) - shown + (more if isinstance(more, int) else 0)
    return ", ".join(map(str, versions[:shown])) + (f" and {left_out} more" if left_out > 0 else "")


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _matches(event: dict[str, Any], arguments: argparse.Namespace) -> bool:
    if arguments.code is not None and event.get("code") != arguments.code:
        return False
    if arguments.name is not None and event.get("name") != normalise_name(arguments.name):
        return False
    return arguments.since is None or event["time"] >= arguments.since


def _bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """Read lines of at most a mebibyte: a log that someone else filled must not fill the memory."""
    limit = 1024 * 1024
    while line := file.readline(limit):
        yield line


def _count(text: str) -> int:
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 1 to 999999999")
    return number


def _moment(text: str) -> str:
    """Return a point in time in the form of the log, whose texts sort by time."""
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            moment = datetime.now(timezone.utc) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))  # Python < 3.11 reads no Z
            moment = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected a time ago (30m, 2h, 7d, 2w), a date (2026-11-01) or a time (2026-11-01T08:00Z)"
        ) from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


COMMAND = Command(
    name="log",
    summary="show the last events of the audit log",
    description=(
        "Prints the last events of this user's audit log, the oldest first. Lines that are no whole event are\n"
        "counted and left out."
    ),
    example="indexguard log --since 2h --code shadowed-name",
    usage="[-h] [--last N] [--code CODE] [--name NAME] [--since WHEN] [--file FILE] [--json]",
    add_options=add_options,
    run=run,
    exit_codes="Exit codes: 0 fine, 2 a log that cannot be read.",
)
