"""The counts and the newest findings of a log, taken while it streams past, in bounded memory."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..audit.kinds import GROUPS
from ..errors import SHADOWED_NAME, cut
from ..logs.concerns import Concerns
from ..logs.record import items, table
from .entry import MAX_LINE, Entry, Event, find_group, find_offering_index, read_entry, read_text, read_time
from .timeline import Timeline

DEFAULT_ROWS = 2000
MAX_DISTINCT = 100_000
"""How many different names, indexes, machines, users or runs are told apart; the findings of others still count."""
MAX_SHADOWS = 10_000
"""How many shadowed names are told apart."""
MAX_SHADOW_HOSTS = 100
MAX_EXAMPLES = 5

PLACES = {group: place for place, group in enumerate(GROUPS)}
"""Of each group, where it stands among them."""


class Tally:
    """Counts how often each of many things was met.

    :param limit: how many are told apart; what comes after so many others is not counted.
    """

    def __init__(self, limit: int = MAX_DISTINCT) -> None:
        self.limit = limit
        self.counts: Counter[str] = Counter()
        self.is_full = False

    def add(self, key: str, number: int = 1) -> None:
        """Count so many of one; an empty text is nothing."""
        if key in self.counts or len(self.counts) < self.limit:
            if key:
                self.counts[key] += number
        else:
            self.is_full = True

    def __len__(self) -> int:
        return len(self.counts)

    def top(self, number: int) -> list[tuple[str, int]]:
        """Return the most frequent, with their counts; those that are as frequent, in the order of their texts."""
        return heapq.nsmallest(number, self.counts.items(), key=lambda item: (-item[1], item[0]))


@dataclass
class Shadow:
    """A name that a public index offers although it belongs to another one."""

    name: str
    events: int = 0
    observed: int = 0
    """How many of the events are of a layer in audit mode, so that nothing was dropped."""
    owners: set[str] = field(default_factory=set)
    """What the policies call the indexes that the name belongs to; at most ``MAX_EXAMPLES``, as the others."""
    offered_by: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    """The newest of each event."""
    hosts: Tally = field(default_factory=lambda: Tally(MAX_SHADOW_HOSTS))
    first: str = ""
    last: str = ""

    def add(self, event: Event, number: int, observed: int, span: tuple[str, str]) -> None:
        """Take in so many events that tell the same as this one.

        :param observed: how many of them are of a layer in audit mode.
        :param span: the time of the first and of the last of them; empty if they have none.
        """
        self.events += number
        self.observed += observed
        _add_some(self.offered_by, [find_offering_index(event)])
        _add_some(self.owners, items(table(event, "rule"), "indexes"))
        _add_some(self.versions, items(event, "versions")[:1])
        self.first, self.last = _joined((self.first, self.last), span)


class Summary:
    """What the page tells.

    :param rows: how many findings the table holds at most, the newest.
    """

    def __init__(self, rows: int = DEFAULT_ROWS) -> None:
        self.rows = rows
        self.events = 0
        self.findings = 0
        self.undated = 0
        """Findings without a time that can be understood."""
        self.first = ""
        self.last = ""
        self.groups: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.codes = Tally()
        self.names = Tally()
        self.indexes = Tally()
        self.hosts = Tally()
        self.users = Tally()
        self.runs = Tally()
        self.runs_with_findings = Tally()
        self.machines = Tally()
        """Findings by machine; ``hosts`` counts all events."""
        self.shadows: dict[str, Shadow] = {}
        self.more_shadows = False
        """There are more than ``MAX_SHADOWS``."""
        self.concerns = Concerns()
        self.timeline = Timeline(len(GROUPS))
        self._newest: list[tuple[str, int, Entry]] = []
        self._met = 0

    def add_all(self, events: Iterable[Event]) -> None:
        """Take in events, in any order."""
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Take in one event."""
        self.events += 1
        self.concerns.add(event)
        time = read_time(event)
        self.first, self.last = _joined((self.first, self.last), (time, time))
        self.hosts.add(read_text(event, "host"))
        self.users.add(read_text(event, "user"))
        self.runs.add(read_text(event, "run"))
        group = find_group(event)
        if group is None:
            self.kinds[read_text(event, "event")] += 1
        else:
            self._add_finding(event, group, time)

    def _add_finding(self, event: Event, group: str, time: str) -> None:
        self.findings += 1
        self.groups[group] += 1
        self.codes.add(read_text(event, "code"))
        self.names.add(read_text(event, "name"))
        self.indexes.add(read_text(event, "index_asked", MAX_LINE))
        self.machines.add(read_text(event, "host"))
        self.runs_with_findings.add(read_text(event, "run"))
        if not (time and self.timeline.add(time, PLACES[group])):
            self.undated += 1
        if read_text(event, "code") == SHADOWED_NAME and read_text(event, "name"):
            self._add_shadow(event, group, time)
        self.keep(event, group, time)

    def _add_shadow(self, event: Event, group: str, time: str) -> None:
        shadow = self.shadow_of(read_text(event, "name"))
        if shadow is not None:
            shadow.add(event, 1, group == "observed", (time, time))
            shadow.hosts.add(read_text(event, "host"))

    def shadow_of(self, name: str) -> Shadow | None:
        """Return what is known of a shadowed name; None for a new one when there are too many."""
        if name not in self.shadows and len(self.shadows) >= MAX_SHADOWS:
            self.more_shadows = True
            return None
        return self.shadows.setdefault(name, Shadow(name))

    def keep(self, event: Event, group: str, time: str) -> None:
        """Keep a finding for the table if it is among the newest so far."""
        self._met += 1
        place = (time, self._met)
        if len(self._newest) < self.rows:
            heapq.heappush(self._newest, (*place, read_entry(event, group)))
        elif self.rows and place > self._newest[0][:2]:
            heapq.heapreplace(self._newest, (*place, read_entry(event, group)))

    def newest(self) -> list[Entry]:
        """Return the newest findings, the newest first."""
        return [entry for _time, _number, entry in sorted(self._newest, key=lambda kept: kept[:2], reverse=True)]

    def shadowed(self, number: int) -> list[Shadow]:
        """Return the shadowed names, the one seen last first."""
        return heapq.nlargest(
            number, self.shadows.values(), key=lambda shadow: (shadow.last, shadow.events, shadow.name)
        )


def _joined(one: tuple[str, str], other: tuple[str, str]) -> tuple[str, str]:
    """Return first and last time of both; what is empty does not count."""
    times = [time for time in (*one, *other) if time]
    return (min(times), max(times)) if times else ("", "")


def _add_some(found: set[str], values: Iterable[object]) -> None:
    """Add texts to a set that stays small."""
    for value in values:
        if isinstance(value, str) and len(found) < MAX_EXAMPLES:
            found.add(cut(value, MAX_LINE))
