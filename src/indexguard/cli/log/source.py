"""What the ``log`` commands share: which files they read, which events of them count, and what is said of the others."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from ...audit.kinds import EventKind
from ...audit.place import log_path
from ...errors import CODES
from ...logs.engine import Progress
from ...logs.files import Event, LogStream, Reading
from ...logs.opening import LogError
from ...logs.query import Wanted
from ..console import YELLOW, Console, count
from ..parsing import BadInputError
from . import moments


class NothingReadError(BadInputError):
    """There is no log, or none with an event: that nothing is told means nothing."""


_KINDS: tuple[str, ...] = get_args(EventKind)
_LONG_WORK = 50_000_000
_PAUSE = 0.5


def add_filters(group: argparse._ArgumentGroup) -> None:
    """Add the options that say which events count. One that is given twice takes either."""
    group.add_argument(
        "--code", metavar="CODE", action="append", choices=tuple(CODES), help="only this code, such as shadowed-name"
    )
    group.add_argument("--name", metavar="NAME", action="append", help="only this project; acme-* takes all of them")
    group.add_argument("--index", metavar="TEXT", action="append", help="only indexes with this text in their URL")
    group.add_argument("--rule", metavar="TEXT", action="append", help="only by rules with this text in file and key")
    group.add_argument(
        "--event", metavar="KIND", action="append", choices=_KINDS, help="only this kind, such as refused"
    )
    group.add_argument(
        "--run", dest="run_id", metavar="ID", action="append", help="only this pip run and those that it started"
    )
    group.add_argument("--host", metavar="HOST", action="append", help="only this machine")
    group.add_argument("--user", metavar="USER", action="append", help="only this user")
    group.add_argument(
        "--ci", metavar="TEXT", nargs="?", const="", type=_job, help="only jobs of build services, with this text"
    )
    group.add_argument("--without-policy", action="store_true", help="only pip runs without a policy")
    group.add_argument("--audit", action="store_true", help="only pip runs with a policy in audit mode")
    add_times(group)


def add_drills(group: argparse._ArgumentGroup) -> None:
    """Add the option that has drills counted: canaries and demos, which are left out without it."""
    group.add_argument("--drills", action="store_true", help="canaries and demos, too (`status --prove`, `demo`)")


def _job(text: str) -> str:
    """Return the text that ``--ci`` gives.

    :raises ArgumentTypeError: it is a log, which would be taken for the text without a word.
    """
    if text and Path(text).exists():
        raise argparse.ArgumentTypeError(f"found {text!r}, which is a file: name files before --ci, or behind --file")
    return text


def add_times(group: argparse._ArgumentGroup) -> None:
    """Add the options that say which time counts."""
    group.add_argument("--since", metavar="WHEN", type=moments.since, help=f"{moments.WORDS} (UTC)")
    group.add_argument("--until", metavar="WHEN", type=moments.until, help="the same; a day counts whole")


def add_engine(group: argparse._ArgumentGroup) -> None:
    """Add the option that says who counts."""
    group.add_argument(
        "--engine",
        metavar="NAME",
        choices=("python", "duckdb"),
        default="python",
        help="duckdb, for many large logs and for Parquet: of indexguard[fleet]",
    )


def add_file_option(
    group: argparse._ArgumentGroup, words: str = "a log or a folder of logs, gzip too (default: this user's own log)"
) -> None:
    """Add the option that says which logs are read, for a command that has other arguments."""
    group.add_argument("--file", metavar="FILE", action="append", type=Path, default=[], help=words)


def add_files(group: argparse._ArgumentGroup) -> None:
    """Add the arguments that say which logs are read."""
    add_file_option(group, "the same as FILE")
    group.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=Path,
        help="logs and folders of logs, gzip too (default: this user's own log)",
    )


def read_events(arguments: argparse.Namespace, console: Console, *, in_order: bool = True) -> Iterator[Event]:
    """Yield the events of the logs that the arguments name, and say at the end what was left out.

    :raises BadInputError: a log cannot be read, or there was nothing to read.
    """
    paths: list[Path] = [*arguments.file, *vars(arguments).get("files", [])]
    own = log_path()
    if not paths and not own.is_absolute():
        raise NothingReadError("nothing was recorded: this user has no home folder, and so no audit log")
    if not paths and not _may_look(own):
        raise NothingReadError(f"nothing was recorded: this user may not search a folder above {own}")
    stream = LogStream(paths, in_order=in_order, own=own)
    with bad_logs():
        yield from with_progress(stream, console)
    for note in stream.notes:
        console.note(note, YELLOW)
    check_read(stream.readings, own)


def check_read(readings: Sequence[Reading], own: Path) -> None:
    """Refuse to answer where there was no event to read.

    :raises NothingReadError: there was none.
    """
    if not readings:
        raise NothingReadError(f"nothing was recorded: there is no audit log {own}")
    if not any(reading.events for reading in readings):
        names = ", ".join(str(reading.path) for reading in readings[:3])
        more = len(readings) - 3
        raise NothingReadError(f"there is no event in {names}" + (f" and {more} more files" if more > 0 else ""))


def _may_look(path: Path) -> bool:
    """Tell whether the folders above a path may be searched: HOME may be another user's."""
    try:
        path.lstat()
    except PermissionError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def bad_logs() -> Iterator[None]:
    """Turn what is wrong with a log into bad input.

    :raises BadInputError: a log cannot be read.
    """
    try:
        yield
    except LogError as error:
        raise BadInputError(str(error)) from None


@contextmanager
def for_engine(arguments: argparse.Namespace, console: Console) -> Iterator[tuple[list[Path], Wanted, Progress]]:
    """Yield what an engine is asked with: the logs, which events count, and what it tells how far it is on a terminal.

    :raises BadInputError: it is not there, or cannot read a log.
    """
    paths = [*arguments.file, *arguments.files] or [log_path().parent]
    with bad_logs():
        yield (
            paths,
            Wanted.of(vars(arguments)),
            (lambda percent: console.progress(f"read {percent:.0f} %")) if console.err.isatty() else None,
        )


def note_left_out(number: int, unread: Mapping[Path, str], console: Console) -> None:
    """Say at the end of an engine's work how many lines, and which files, it has left out."""
    if console.err.isatty():
        console.progress("")
    for path, why in unread.items():
        console.note(f"{path}: left out: {why}", YELLOW)
    if number:
        console.note(f"{count(number, 'line')} left out, not a whole event of this version of the log", YELLOW)


def with_progress(stream: LogStream, console: Console) -> Iterator[Event]:
    """Pass the events on; on a terminal, long work shows how far it is."""
    size = stream.size() if console.err.isatty() else 0
    if size <= _LONG_WORK:
        yield from stream
        return
    shown = time.monotonic()
    for number, event in enumerate(stream):
        if number % 4096 == 0 and time.monotonic() - shown > _PAUSE:
            shown = time.monotonic()
            console.progress(f"read {stream.position / 1e6:.0f} of {size / 1e6:.0f} MB, {number} events")
        yield event
    console.progress("")
