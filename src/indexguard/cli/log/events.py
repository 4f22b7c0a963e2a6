"""``indexguard log``: the last events of the audit log."""

from __future__ import annotations

import argparse
from collections import deque
from typing import Any

from ...audit.kinds import DROPPED, KNOWN, NOT_ASKED, NOTICED, PROBED, SEALED, SELECTED, WAIVED, WOULD_REFUSE
from ...logs.query import Wanted
from ...logs.record import items, table, text, texts
from ..console import GREEN, RED, YELLOW, Console, count
from ..parsing import Command, positive
from .source import add_files, add_filters, read_events

_STYLES = {
    SELECTED: GREEN,
    **dict.fromkeys((WOULD_REFUSE, DROPPED, NOTICED, WAIVED), YELLOW),
    **dict.fromkeys((NOT_ASKED, PROBED, KNOWN, SEALED)),
}
_MOST_VERSIONS = 5
USUAL_LAST = 20


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    add_last(group, "events")
    add_filters(group)
    group.add_argument("--json", action="store_true", help="print the events as they are, one JSON object a line")
    add_files(group)


def add_last(group: argparse._ArgumentGroup, what: str) -> None:
    """Add the option that says how many lines are printed."""
    group.add_argument(
        "--last", metavar="N", type=positive, help=f"how many {what} at most (default: {USUAL_LAST}; of --json all)"
    )


def note_earlier(arguments: argparse.Namespace, met: int, what: str, console: Console) -> None:
    """Say that there is more than was printed."""
    shown = how_many(arguments)
    if shown is not None and met > shown:
        console.note(f"the last {shown} of {count(met, what)}; --last N shows more", YELLOW)


def how_many(arguments: argparse.Namespace) -> int | None:
    """Return how many lines are printed at most; None for all."""
    last: int | None = arguments.last
    return USUAL_LAST if last is None and not arguments.json else last


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the last events.

    :raises BadInputError: a log cannot be read.
    """
    matches = Wanted.of(vars(arguments)).matches
    met = matching = 0
    last = how_many(arguments)
    found: deque[dict[str, Any]] = deque(maxlen=last)
    for event in read_events(arguments, console):
        met += 1
        if not matches(event):
            continue
        matching += 1
        if last is None:
            console.json(event, indent=None)
        else:
            found.append(event)
    for event in found:
        if arguments.json:
            console.json(event, indent=None)
        else:
            console.record(describe(event), _STYLES.get(event["event"], RED))
    if not matching:
        console.note(f"none of {count(met, 'event')} matches")
    note_earlier(arguments, matching, "event", console)
    return 0


def describe(event: dict[str, Any]) -> str:
    """Return an event as one line. Fields that are missing or of another type are left out."""
    parts = [event["time"], event["event"], text(event, "code"), text(event, "name"), _versions(event)]
    files = event.get("files")
    if isinstance(files, int) and files > 0:
        parts.append(f"({count(files, 'file')})")
    asked, answered = text(event, "index_asked"), text(event, "index_answered")
    if asked or answered:
        parts.append(
            f"from {asked or answered}"
            + (f" answered by {answered}" if answered and not answered.startswith(asked) else "")
        )
    parents = texts(event, "requested_by")
    if parents:
        parts.append(f"for {' > '.join(parents)}")
    rule = event.get("rule")
    if isinstance(rule, dict):
        parts.append(f"by {text(rule, 'file')} {text(rule, 'key')}".rstrip())
    if event["event"] == SEALED:
        parts.append(_seal(event))
    if text(event, "message"):
        parts.append(f"- {event['message']}")
    return "  ".join(part for part in parts if part)


def _seal(event: dict[str, Any]) -> str:
    seal = table(event, "seal")
    events, code = seal.get("events"), seal.get("exit")
    counted = count(events, "event") if isinstance(events, int) else ""
    ended = f"exit {code}" if isinstance(code, int) else "exit not known"
    return ", ".join(part for part in (f"run {text(event, 'run')}", counted, ended) if part)


def _versions(event: dict[str, Any]) -> str:
    versions = items(event, "versions")
    more = event.get("more_versions")
    left_out = len(versions) - _MOST_VERSIONS + (more if isinstance(more, int) else 0)
    return ", ".join(map(str, versions[:_MOST_VERSIONS])) + (f" and {left_out} more" if left_out > 0 else "")


COMMAND = Command.of("log", add_options, run)
