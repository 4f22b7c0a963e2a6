"""``indexguard log runs``: one line for each pip run."""

from __future__ import annotations

import argparse
import heapq
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...audit.kinds import REFUSALS, ROUTINE, SEALED, SELECTED
from ...errors import cut
from ...logs.query import Wanted
from ...logs.record import table, text, texts
from ..console import GREEN, RED, YELLOW, Console, count
from ..parsing import Command
from .events import add_last, how_many, note_earlier
from .source import add_files, add_filters, read_events

_MOST_OPEN = 10_000
_MOST_NAMES = 8
_LONGEST_WORD = 100


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    add_last(group, "runs")
    add_filters(group)
    group.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_files(group)


@dataclass
class Run:
    """What the events of one pip run say together."""

    time: str
    """Of its first event."""
    run: str
    parent_run: str | None
    user: str
    host: str
    ci: dict[str, Any] | None
    command: list[str]
    events: int = 0
    events_written: int | None = None
    """As its last event says."""
    refused: int = 0
    """Names, references and whole runs that something was kept from; one of which several events tell counts once."""
    selected: int = 0
    codes: list[str] = field(default_factory=list)
    """Those of its findings, in the order in which they were met."""
    names: list[str] = field(default_factory=list)
    """The names that its findings are about."""
    chosen: list[str] = field(default_factory=list)
    """The names that pip chose files for."""
    sealed: bool = False
    """Whether its last event says that it is the last."""
    exit: int | None = None
    """pip's exit code; None where it is not known."""
    is_wanted: bool = False
    """Whether one of its events matches what was asked for."""
    drill: bool = False
    """Whether it was a drill: a canary, or the demo."""
    kept_back: set[str] = field(default_factory=set)
    """Of what ``refused`` counts, the names."""

    @classmethod
    def of(cls, event: dict[str, Any]) -> Run:
        """Begin with one event."""
        return cls(
            event["time"],
            text(event, "run"),
            text(event, "parent_run") or None,
            text(event, "user"),
            text(event, "host"),
            table(event, "ci") or None,
            texts(event, "command"),
        )

    def add(self, event: dict[str, Any]) -> None:
        """Count one event."""
        self.time = min(self.time, event["time"])
        self.events += 1
        self.drill = self.drill or event.get("drill") is True
        name = text(event, "name")
        if event["event"] in REFUSALS:
            self.kept_back.add(name)
            self.refused = len(self.kept_back)
        if event["event"] == SELECTED:
            self.selected += 1
            _note(self.chosen, name)
        elif event["event"] not in ROUTINE:
            _note(self.codes, text(event, "code"))
            _note(self.names, name)
        if event["event"] == SEALED:
            seal = table(event, "seal")
            self.sealed = True
            self.exit = seal["exit"] if isinstance(seal.get("exit"), int) else None
            self.events_written = seal["events"] if isinstance(seal.get("events"), int) else None

    @property
    def is_incomplete(self) -> bool:
        """Whether the log holds another number of events than the run wrote."""
        return self.events_written is not None and self.events_written != self.events

    def as_json(self) -> dict[str, Any]:
        """Return the run for a machine."""
        told = {**vars(self)}
        del told["is_wanted"], told["kept_back"]
        return told

    def lines(self) -> list[str]:
        """Return what is told of it: when and where, what came of it, and the command."""
        job = self.ci or {}
        where = " ".join(part for part in (text(job, "provider"), text(job, "repository"), text(job, "job")) if part)
        parts = [
            self.time,
            self.run or "no run id",
            f"{self.user}@{self.host}",
            where,
            "drill" if self.drill else "",
            f"{self.refused} refused, {self.selected} selected",
            self._end(),
            f"started by {self.parent_run}" if self.parent_run else "",
        ]
        found = ["  ".join(part for part in parts if part)]
        if self.codes:
            found.append(f"{', '.join(self.codes)}: {_some(self.names) or 'no name'}")
        if self.chosen:
            found.append(f"selected: {_some(self.chosen)}")
        if self.command:
            found.append(" ".join(shown_command(self.command)))
        return found

    def _end(self) -> str:
        if not self.sealed:
            return "unsealed"
        ended = "exit not known" if self.exit is None else f"exit {self.exit}"
        return f"{ended}, {self.events} of {count(self.events_written or 0, 'event')}" if self.is_incomplete else ended

    @property
    def style(self) -> str | None:
        """The colour of its line."""
        if self.refused or self.is_incomplete:
            return RED
        return GREEN if self.sealed and self.exit == 0 and not self.codes else YELLOW


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the last runs.

    :raises BadInputError: a log cannot be read.
    """
    runs = collect_runs(read_events(arguments, console), Wanted.of(vars(arguments)))
    met = 0

    def counted() -> Iterator[Run]:
        nonlocal met
        for met, found in enumerate(runs, 1):  # noqa: B007  # how many there are is told below
            yield found

    for found in keep_last(counted(), how_many(arguments)):
        if arguments.json:
            console.json(found.as_json(), indent=None)
            continue
        first, *more = found.lines()
        if not console.out.isatty():
            console.line("  ".join([first, *more]), found.style)
            continue
        console.wrapped(first, found.style)
        for line in more:
            console.wrapped(line, indent="    ")
    if not met:
        console.note("no run matches")
    note_earlier(arguments, met, "run", console)
    return 0


def _note(found: list[str], word: str) -> None:
    if word and word not in found:
        found.append(word)


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def shown_command(command: Sequence[str]) -> list[str]:
    """Return a command line fit to be read: of ``python -c PROGRAM`` not the program, and no word without its limit."""
    found: list[str] = []
    is_program = False
    for word in command:
        found.append("..." if is_program else cut(" ".join(word.split()) or "''", _LONGEST_WORD))
        is_program = word == "-c" and not is_program and "-c" not in found[:-1]
    return found


def collect_runs(events: Iterable[dict[str, Any]], chosen: Wanted) -> Iterator[Run]:
    """Yield each run that has an event which counts, when it is sealed and whole; the others at the end.

    Of the runs that seem to go on at once, only so many are held; the one that has been silent longest is over.
    """
    going: OrderedDict[tuple[str, str], Run] = OrderedDict()
    for event in events:
        key = (text(event, "host"), text(event, "run"))
        if key not in going:
            going[key] = Run.of(event)
        found = going[key]
        going.move_to_end(key)
        found.add(event)
        found.is_wanted = found.is_wanted or chosen.matches(event)
        ended = None
        if found.sealed and not found.is_incomplete:
            ended = going.pop(key)
        elif len(going) > _MOST_OPEN:
            ended = going.popitem(last=False)[1]
        if ended is not None and ended.is_wanted:
            yield ended
    yield from (found for found in going.values() if found.is_wanted)


def keep_last(runs: Iterable[Run], number: int | None) -> list[Run]:
    """Return the last runs by the time of their first events, the oldest first; None is all of them."""
    if number is None:
        return sorted(runs, key=lambda found: found.time)
    return sorted(heapq.nlargest(number, runs, key=lambda found: found.time), key=lambda found: found.time)


COMMAND = Command.of("log runs", add_options, run)
