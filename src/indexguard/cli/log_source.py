"""What the ``log`` commands share: which files they read, which events of them count, and what is said of the others."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Mapping
from fnmatch import translate
from pathlib import Path
from typing import Any, get_args

from ..audit.engine import Progress
from ..audit.event import EventKind
from ..audit.files import Event, LogStream
from ..audit.fleet import Wanted
from ..audit.opening import LogError
from ..audit.writer import log_path
from ..errors import CODES
from ..patterns import normalise_name
from . import moments
from .console import YELLOW, Console
from .parsing import BadInputError

FILTERS = """\
[--code CODE] [--name NAME] [--index TEXT] [--rule TEXT]
    [--event KIND] [--run ID] [--since WHEN] [--until WHEN]"""
"""The options of ``add_filters``, for a usage line."""
FILES = "[--file FILE] [FILE ...]"
"""Those of ``add_files``."""

_KINDS: tuple[str, ...] = get_args(EventKind)
_IS_GLOB = re.compile(r"[*?\[]")
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
    add_times(group)


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


class Filter:
    """Tells which events count."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        options = vars(arguments)
        names: list[str] | None = options.get("name")
        runs: list[str] | None = options.get("run_id")
        self._codes: list[str] | None = options.get("code")
        self._names = None if names is None else name_pattern(names)
        self._spellings = [str(normalise_name(name)) for name in names or ()]
        self._indexes: list[str] | None = options.get("index")
        self._rules: list[str] | None = options.get("rule")
        self._kinds: list[str] | None = options.get("event")
        self._runs = None if runs is None else tuple(runs)
        self._since: str | None = options.get("since")
        self._until: str | None = options.get("until")
        self.takes_all = all(not value for value in vars(self).values())
        """Whether no option was given."""

    @property
    def wanted(self) -> Wanted:
        """The same for an engine."""
        return Wanted(
            codes=self._codes or (),
            kinds=self._kinds or (),
            names=self._spellings,
            indexes=self._indexes or (),
            rules=self._rules or (),
            runs=self._runs or (),
            since=self._since,
            until=self._until,
        )

    def matches(self, event: Event) -> bool:
        """Tell whether an event counts."""
        if self.takes_all:
            return True
        moment: str = event["time"]
        if (self._since is not None and moment < self._since) or (self._until is not None and moment >= self._until):
            return False
        if self._codes is not None and event.get("code") not in self._codes:
            return False
        if self._kinds is not None and event["event"] not in self._kinds:
            return False
        if self._names is not None and not self._names.fullmatch(text(event, "name")):
            return False
        return self._matches_texts(event)

    def _matches_texts(self, event: Event) -> bool:
        if self._indexes is not None:
            urls = (text(event, "index_asked"), text(event, "index_answered"))
            if not any(part in url for part in self._indexes for url in urls):
                return False
        if self._rules is not None:
            rule = table(event, "rule")
            shown = f"{text(rule, 'file')} {text(rule, 'key')}"
            if not any(part in shown for part in self._rules):
                return False
        return (
            self._runs is None
            or text(event, "run").startswith(self._runs)
            or text(event, "parent_run").startswith(self._runs)
        )


def read_events(arguments: argparse.Namespace, console: Console, *, in_order: bool = True) -> Iterator[Event]:
    """Yield the events of the logs that the arguments name, and say at the end what was left out.

    :raises BadInputError: a log cannot be read.
    """
    paths: list[Path] = [*arguments.file, *vars(arguments).get("files", [])]
    own = log_path()
    if not paths and not own.is_absolute():
        console.note("nothing was recorded: this user has no home folder, and so no audit log")
        return
    stream = LogStream(paths, in_order=in_order, own=own)
    try:
        yield from with_progress(stream, console)
    except LogError as error:
        raise BadInputError(str(error)) from None
    for note in stream.notes:
        console.note(note, YELLOW)
    if not stream.readings:
        console.note(f"nothing was recorded: there is no audit log {own}")
    elif not any(reading.events for reading in stream.readings):
        names = ", ".join(str(reading.path) for reading in stream.readings[:3])
        more = len(stream.readings) - 3
        console.note(f"there is no event in {names}" + (f" and {more} more files" if more > 0 else ""))


def paths_for_engine(arguments: argparse.Namespace) -> list[Path]:
    """Return the logs that the arguments name, for an engine."""
    return [*arguments.file, *arguments.files] or [log_path().parent]


def progress_of_engine(console: Console) -> Progress:
    """Return what an engine tells how far it is: on a terminal only."""
    return (lambda percent: console.progress(f"read {percent:.0f} %")) if console.err.isatty() else None


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


def text(fields: dict[str, Any], key: str) -> str:
    """Return a field that is a text, or the empty text."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def table(fields: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a field that is an object, or an empty one."""
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def texts(fields: dict[str, Any], key: str) -> list[str]:
    """Return the texts in a field that is a list."""
    value = fields.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def tables(fields: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects in a field that is a list."""
    value = fields.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def name_pattern(names: list[str]) -> re.Pattern[str]:
    """Return what matches any of some names, whatever their spelling; ``*``, ``?`` and ``[`` mean what they mean to a shell."""
    normalised = [str(normalise_name(name)) for name in names]
    return re.compile("|".join(translate(name) if _IS_GLOB.search(name) else re.escape(name) for name in normalised))
