"""Counts over a log: how many events of each kind, code, name and index, and when they were seen first and last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..audit.kinds import KNOWN, SELECTED
from ..errors import SHADOWED_NAME
from ..tuples import NamedTuple
from .concerns import Concerns, Count, without_temporary
from .files import Event

MAX_GROUPS = 300_000
"""How many combinations are told apart; the names of further ones are counted as ``OTHERS``."""
OTHERS = "(other names)"


class Group(NamedTuple):
    """What the events that are counted together have in common; None where they have no such field."""

    event: str
    code: str | None
    name: str | None
    asked: str | None
    """The index that was asked."""


@dataclass
class NameCount(Count):
    """The events of one name."""

    shadowed: int = 0
    refused: int = 0
    """How often something was kept from the user, as ``Concerns.refusals`` counts."""
    selected: int = 0
    indexes: set[str] = field(default_factory=set)


@dataclass
class Tally:
    """The counts of one log."""

    groups: dict[Group, Count]
    concerns: Concerns = field(default_factory=Concerns)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Tally:
        """Count events, in one pass and whatever their order."""
        # Runs a million times: lists, not objects, and no call for an event of a group that is known.
        groups: dict[tuple[Any, ...], list[Any]] = {}
        concerns = Concerns()
        look = concerns.add
        for event in events:
            look(event)
            get = event.get
            moment = event["time"]
            key = (event["event"], get("code"), get("name"), get("index_asked"))
            try:
                found = groups[key]
            except (KeyError, TypeError):  # a new one, or a field that is neither a text nor null
                found = groups.setdefault(_bound(key, len(groups)), [0, moment, moment])
            found[0] += 1
            if moment < found[1]:
                found[1] = moment
            elif moment > found[2]:
                found[2] = moment
        return cls({Group(*key): Count(*found) for key, found in groups.items()}, concerns)

    def total(self) -> Count | None:
        """Return the count of all events; None if there are none."""
        return self._by(lambda _: "").get("")

    def by_event(self) -> dict[str, Count]:
        """Return the counts by kind, the most frequent first."""
        return self._by(lambda group: group.event)

    def by_code(self) -> dict[str, Count]:
        """Return the counts by code, the most frequent first."""
        return self._by(lambda group: group.code)

    def by_index(self) -> dict[str, Count]:
        """Return the counts by index asked, the most frequent first."""
        return self._by(lambda group: group.asked)

    def by_name(self) -> dict[str, NameCount]:
        """Return the counts by name: shadowed names first, then those that were refused most."""
        found: dict[str, NameCount] = {}
        for group, count in self.groups.items():
            if group.name is None:
                continue
            own = found.setdefault(group.name, NameCount(0, count.first, count.last))
            own.add(count)
            own.shadowed += count.events if group.code == SHADOWED_NAME and group.event != KNOWN else 0
            own.selected += count.events if group.event == SELECTED else 0
            if group.asked is not None:
                own.indexes.add(group.asked)
        for name, own in found.items():
            own.refused = self.concerns.refusals[name]
        order = sorted(found.items(), key=lambda item: (-item[1].shadowed, -item[1].refused, -item[1].events, item[0]))
        return dict(order)

    def _by(self, key: Any) -> dict[str, Count]:
        found: dict[str, Count] = {}
        for group, count in self.groups.items():
            value = key(group)
            if value is None:
                continue
            found.setdefault(value, Count(0, count.first, count.last)).add(count)
        return dict(sorted(found.items(), key=lambda item: (-item[1].events, item[0])))


def _bound(key: tuple[Any, ...], groups: int) -> tuple[Any, ...]:
    """Return the key of a group that is counted: of texts only, and without the name when there are too many."""
    event, *rest = key
    code, name, index = (value if isinstance(value, str) else None for value in rest)
    index = None if index is None else without_temporary(index)
    return (event, code, name, index) if groups < MAX_GROUPS else (event, code, name and OTHERS, None)
