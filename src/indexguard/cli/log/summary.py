"""``indexguard log summary``: what the log holds, counted."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from ...logs.concerns import Concerns, Count
from ...logs.fleet import count_events
from ...logs.query import Wanted
from ...logs.tally import NameCount, Tally
from ..console import BOLD, RED, YELLOW, Console, count
from ..parsing import Command, positive
from .source import (
    NothingReadError,
    add_drills,
    add_engine,
    add_files,
    add_filters,
    for_engine,
    note_left_out,
    read_events,
)


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument("--top", metavar="N", type=positive, default=20, help="how many names and indexes (default: 20)")
    add_filters(group)
    add_drills(group)
    add_engine(group)
    group.add_argument("--json", action="store_true", help="print one JSON object, with every name and index")
    add_files(group)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Count.

    :raises BadInputError: a log cannot be read.
    """
    tally = (_ask_engine if arguments.engine == "duckdb" else _read)(arguments, console)
    if not tally.groups:
        console.note("no event matches")
    if arguments.json:
        console.json(_as_json(tally))
    else:
        _print(tally, arguments.top, console)
    return 0


def _read(arguments: argparse.Namespace, console: Console) -> Tally:
    chosen = Wanted.of(vars(arguments))
    events: Iterable[dict[str, Any]] = read_events(arguments, console, in_order=False)
    return Tally.of(events if chosen.takes_all else filter(chosen.matches, events))


def _ask_engine(arguments: argparse.Namespace, console: Console) -> Tally:
    """Have DuckDB count.

    :raises BadInputError: it is not there, or cannot read a log.
    """
    with for_engine(arguments, console) as asked:
        counted = count_events(*asked)
    note_left_out(counted.foreign, counted.unread, console)
    if not counted.tally.groups and not Wanted.of({**vars(arguments), "drills": True}).is_filter:
        raise NothingReadError(f"there is no event in {count(counted.files, 'file')}")
    return counted.tally


def _as_json(tally: Tally) -> dict[str, Any]:
    total = tally.total()
    concerns = tally.concerns
    return {
        **_fields(total or Count(0, "", "")),
        "refusals": sum(concerns.refusals.values()),
        "unenforced": [{"host": host, "state": state, **_fields(own)} for (host, state), own in concerns.by_machine()],
        "strays": [
            {"name": it.name, "version": it.version, "index": it.place, **_fields(own)}
            for it, own in concerns.by_stray()
        ],
        "by_event": _rows("event", tally.by_event()),
        "by_code": _rows("code", tally.by_code()),
        "by_index": _rows("index", tally.by_index()),
        "by_name": [
            {
                "name": name,
                **_fields(own),
                "shadowed": own.shadowed,
                "refused": own.refused,
                "selected": own.selected,
                "indexes": sorted(own.indexes),
            }
            for name, own in tally.by_name().items()
        ],
    }


def _rows(label: str, counts: Mapping[str, Count]) -> list[dict[str, Any]]:
    return [{label: key, **_fields(own)} for key, own in counts.items()]


def _fields(own: Count) -> dict[str, Any]:
    return {"events": own.events, "first": own.first or None, "last": own.last or None}


def _print(tally: Tally, top: int, console: Console) -> None:
    total = tally.total()
    if total is None:
        return
    console.line(f"{count(total.events, 'event')} from {total.first} to {total.last}")
    console.line(count(sum(tally.concerns.refusals.values()), "refusal"))
    names = tally.by_name()
    shadowed = {name: own for name, own in names.items() if own.shadowed}
    others = {name: own for name, own in names.items() if not own.shadowed}
    if shadowed:
        _section(f"shadowed names: {len(shadowed)}", "name", _name_rows(shadowed, top), console, RED)
    _print_concerns(tally.concerns, top, console)
    for label, counts in (("event", tally.by_event()), ("code", tally.by_code())):
        _section(f"by {label}", label, _count_rows(counts, len(counts)), console)
    indexes = tally.by_index()
    _section(_top_of("by index asked", indexes, top), "index", _count_rows(indexes, top), console)
    heading = "other names" if shadowed else "by name"
    _section(_top_of(heading, others, top), "name", _name_rows(others, top), console)


def _print_concerns(concerns: Concerns, top: int, console: Console) -> None:
    """Print what deserves a look beside the findings."""
    machines, strays = concerns.by_machine(), concerns.by_stray()
    rows: list[tuple[str, ...]] = [
        (str(own.events), _short(own.first), _short(own.last), f"{host}: {state}")
        for (host, state), own in machines[:top]
    ]
    heading = f"machines without policy or only audit: {len({host for (host, _), _ in machines})}"
    _section(heading, "machine", rows, console, YELLOW)
    rows = [
        (str(own.events), _short(own.first), _short(own.last), f"{it.name} {it.version} from {it.place}")
        for it, own in strays[:top]
    ]
    _section(f"files that did not come from the name's own index: {len(strays)}", "file", rows, console, RED)


def _top_of(heading: str, counts: Mapping[str, Count], top: int) -> str:
    return heading if len(counts) <= top else f"{heading}: the first {top} of {len(counts)}"


def _section(heading: str, label: str, rows: list[tuple[str, ...]], console: Console, style: str | None = None) -> None:
    if not rows:
        return
    heads = ("refused", "selected") if len(rows[0]) > 4 else ()  # noqa: PLR2004
    console.line()
    console.line(heading, style or BOLD)
    console.table([("events", *heads, "first seen", "last seen", label), *rows])


def _short(time: str) -> str:
    """Return a time of the log to the minute: two of them and a name stand in one line of a terminal."""
    return time[:16].replace("T", " ")


def _count_rows(counts: Mapping[str, Count], top: int) -> list[tuple[str, ...]]:
    return [(str(own.events), _short(own.first), _short(own.last), key) for key, own in islice(counts.items(), top)]


def _name_rows(counts: Mapping[str, NameCount], top: int) -> list[tuple[str, ...]]:
    return [
        (str(own.events), str(own.refused), str(own.selected), _short(own.first), _short(own.last), name)
        for name, own in islice(counts.items(), top)
    ]


COMMAND = Command.of("log summary", add_options, run)
