"""``indexguard log replay``: what would another policy have said of what the log holds?"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from ...advisories.advisories import Advisories
from ...advisories.opening import open_advisories
from ...errors import AMBIGUOUS_NAME, escape
from ...logs.query import Wanted
from ...logs.record import table, text, texts
from ...logs.replay import Judgement, Replay
from ...policy.identity import PYPI
from ...policy.model import Layer
from ...survey.pip_facts import PipFacts, ask_pip
from ..console import BOLD, GREEN, RED, YELLOW, Console, count
from ..parsing import Command
from ..policy.check import read_layer
from .source import add_files, add_filters, read_events

_MOST_CHANGES = 100_000


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    add_filters(group)
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument("policy", metavar="POLICY", help="the policy to judge by, - for standard input")
    add_files(group)


@dataclass(frozen=True)
class Change:
    """What would change alike for some events."""

    name: str
    index: str
    was: str
    code: str | None
    """Of the refusal; None where it would pass."""
    rule: str | None
    """The key of the rule that decides."""


@dataclass
class Seen:
    """The events of one change."""

    events: int = 0
    last: str = ""
    versions: set[str] = field(default_factory=set)


@dataclass
class Outcome:
    """What the policy says of all events."""

    refused: dict[Change, Seen] = field(default_factory=dict)
    """What pip chose and would not get."""
    passed: dict[Change, Seen] = field(default_factory=dict)
    """What was refused and would pass."""
    enforced: dict[Change, Seen] = field(default_factory=dict)
    """What a layer in audit mode logged, and the policy would refuse."""
    unchanged: int = 0
    not_judged: Counter[str] = field(default_factory=Counter)
    """By reason."""
    not_listed: int = 0
    """Events of changes that are not listed, because there are too many."""

    def add(self, event: dict[str, Any], judgement: Judgement) -> None:
        """Count one event."""
        if judgement.unknown is not None:
            self.not_judged[judgement.unknown] += 1
        elif judgement.becomes_refused:
            self._note(self.refused, event, judgement)
        elif judgement.becomes_allowed:
            self._note(self.passed, event, judgement)
        elif judgement.was == "observed" and judgement.finding is not None:
            self._note(self.enforced, event, judgement)
        else:
            self.unchanged += 1

    def _note(self, changes: dict[Change, Seen], event: dict[str, Any], judgement: Judgement) -> None:
        finding = judgement.finding
        key = None if finding is None else finding.key or (finding.rule.key if finding.rule is not None else None)
        change = Change(
            text(event, "name"),
            text(event, "index_asked"),
            judgement.was if judgement.was != "observed" else f"{judgement.was} {text(event, 'code')}",
            None if finding is None else finding.code,
            key,
        )
        if change not in changes and len(changes) >= _MOST_CHANGES:
            self.not_listed += 1
            return
        seen = changes.setdefault(change, Seen())
        seen.events += 1
        seen.last = max(seen.last, event["time"])
        if text(event, "code") == AMBIGUOUS_NAME:
            return  # its versions are those of several indexes
        version = text(table(event, "chosen"), "version") or next(iter(texts(event, "versions")), "")
        if version and len(seen.versions) < 100:  # noqa: PLR2004
            seen.versions.add(version)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Replay; 1 if something that pip chose would be refused.

    :raises BadInputError: the policy or a log cannot be read.
    :raises PolicyError: the policy has faults, or the records that it goes by cannot be read.
    """
    layer, facts = read_judge(read_layer(arguments.policy), console)
    chosen = Wanted.of({**vars(arguments), "drills": False})
    events = filter(chosen.matches, read_events(arguments, console))
    outcome = replay(layer, facts, events, open_advisories(layer, lambda text: console.note(text, YELLOW)))
    if arguments.json:
        console.json(_as_json(layer, outcome))
    else:
        _print(layer, outcome, console)
    return 1 if outcome.refused else 0


def read_judge(layer: Layer, console: Console) -> tuple[Layer, PipFacts]:
    """Return the policy with this pip's own address of the public index resolved, and what is known of pip."""
    facts = ask_pip()
    if facts.pypi is not None:
        layer = replace(layer, policy=layer.policy.resolve_pypi(facts.pypi))
    elif any(PYPI in index.urls for index in layer.policy.indexes):
        reason = facts.problem or "pip names none"
        console.note(
            f"the address of the public index is not known ({reason}): what came from it counts as unknown", YELLOW
        )
    return layer, facts


def replay(
    layer: Layer, facts: PipFacts, events: Iterable[dict[str, Any]], advisories: Advisories | None = None
) -> Outcome:
    """Judge events by a policy, today.

    :param advisories: what the records say that it goes by.
    """
    judge = Replay(layer, datetime.now(timezone.utc).date(), facts.locate, advisories).judge
    outcome = Outcome()
    for event in events:
        judgement = judge(event)
        if judgement is not None:
            outcome.add(event, judgement)
    return outcome


def _as_json(layer: Layer, outcome: Outcome) -> dict[str, Any]:
    return {
        "policy": {"file": layer.path, "sha256": layer.sha256},
        "would_be_refused": _rows(outcome.refused),
        "would_pass": _rows(outcome.passed),
        "would_be_enforced": _rows(outcome.enforced),
        "unchanged": outcome.unchanged,
        "not_judged": [{"reason": reason, "events": number} for reason, number in outcome.not_judged.most_common()],
        "not_listed": outcome.not_listed,
    }


def _rows(changes: dict[Change, Seen]) -> list[dict[str, Any]]:
    return [
        {**vars(change), "events": seen.events, "last": seen.last, "versions": sorted(seen.versions)}
        for change, seen in _sorted(changes)
    ]


def _sorted(changes: dict[Change, Seen]) -> list[tuple[Change, Seen]]:
    return sorted(changes.items(), key=lambda item: (-item[1].events, item[0].name, item[0].index))


def _print(layer: Layer, outcome: Outcome, console: Console) -> None:
    sections = (
        ("chosen by pip, and would be refused", outcome.refused, RED),
        ("refused, and would pass", outcome.passed, YELLOW),
        ("only logged by a layer in audit mode, and would be refused", outcome.enforced, YELLOW),
    )
    for heading, changes, style in sections:
        if not changes:
            continue
        console.line(f"{heading}: {len(changes)}", style)
        for change, seen in _sorted(changes):
            console.line(f"  {_describe(change, seen)}")
    if outcome.not_judged:
        console.line(f"cannot be judged: {count(sum(outcome.not_judged.values()), 'event')}", BOLD)
        for reason, number in outcome.not_judged.most_common():
            console.line(f"  {number}  {reason}")
    if outcome.not_listed:
        console.line(f"and {count(outcome.not_listed, 'event')} of further changes", YELLOW)
    fine = "nothing that pip chose would be refused" if not outcome.refused else "pip would not get what it chose"
    shown = escape(layer.path)
    console.line(f"{shown}: {fine}; {count(outcome.unchanged, 'event')} unchanged", RED if outcome.refused else GREEN)


def _describe(change: Change, seen: Seen) -> str:
    versions = sorted(seen.versions)
    shown = ", ".join(versions[:3]) + (f" and {len(versions) - 3} more" if len(versions) > 3 else "")  # noqa: PLR2004
    parts = [
        " ".join(part for part in (change.name, shown) if part),
        f"from {change.index}" if change.index else "",
        f"was {change.was}, {'would pass' if change.code is None else f'would be {change.code}'}",
        f"by {change.rule}" if change.rule else "",
        f"({count(seen.events, 'event')}, last {seen.last})",
    ]
    return "  ".join(part for part in parts if part)


COMMAND = Command.of("log replay", add_options, run)
