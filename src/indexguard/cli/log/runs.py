"""``indexguard log runs``: one line for each pip run."""

from __future__ import annotations

import argparse
import heapq
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...audit.kinds import REFUSING, SEALED, SELECTED
from ...logs.query import Wanted
from ...logs.record import table, text, texts
from ..console import GREEN, RED, YELLOW, Console, count
from ..parsing import Command
from .events import add_last
from .source import add_files, add_filters, read_events

_MOST_OPEN = 10_000


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
    selected: int = 0
    sealed: bool = False
    """Whether its last event says that it is the last."""
    exit: int | None = None
    """pip's exit code; None where it is not known."""
    is_wanted: bool = False
    """Whether one of its events matches what was asked for."""

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
        self.refused += event["event"] in REFUSING
        self.selected += event["event"] == SELECTED
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
        del told["is_wanted"]
        return told

    def __str__(self) -> str:
        job = self.ci or {}
        where = " ".join(part for part in (text(job, "provider"), text(job, "repository"), text(job, "job")) if part)
        parts = [
            self.time,
            self.run or "no run id",
            f"{self.user}@{self.host}",
            where,
            f"{self.refused} refused, {self.selected} selected",
            self._end(),
            f"started by {self.parent_run}" if self.parent_run else "",
            " ".join(self.command),
        ]
        return "  ".join(part for part in parts if part)

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
        return GREEN if self.sealed and self.exit == 0 else YELLOW


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the last runs.

    :raises BadInputError: a log cannot be read.
    """
    runs = collect_runs(read_events(arguments, console), Wanted.of(vars(arguments)))
    for found in keep_last(runs, arguments.last):
        if arguments.json:
            console.json(found.as_json(), indent=None)
        else:
            console.line(str(found), found.style)
    return 0


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


def keep_last(runs: Iterable[Run], number: int) -> list[Run]:
    """Return the last runs by the time of their first events, the oldest first."""
    return sorted(heapq.nlargest(number, runs, key=lambda found: found.time), key=lambda found: found.time)


COMMAND = Command.of("log runs", add_options, run)
