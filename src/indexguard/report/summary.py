"""The counts and the newest findings of a log, taken while it streams past, in bounded memory."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from .entry import GROUPS, Entry, Event, find_group, find_offering_index, read_entry, read_text, read_time
from .timeline import Timeline

DEFAULT_ROWS = 2000
MAX_DISTINCT = 100_000
"""How many different names, indexes, machines, users or runs are told apart; the findings of others still count."""
MAX_SHADOWS = 10_000
"""How many shadowed names are told apart."""
MAX_SHADOW_HOSTS = 100
MAX_EXAMPLES = 5

_PLACE = {group: place for place, group in enumerate(GROUPS)}


class Tally:
    """Counts how often each of many things was met.

    :param limit: how many are told apart; what comes after so many others is not counted.
    """

    def __init__(self, limit: int = MAX_DISTINCT) -> None:
        self.limit = limit
        self.counts: Counter[str] = Counter()
        self.is_full = False

    def add(self, key: str) -> None:
        """Count one; an empty text is nothing."""
        if key in self.counts or len(self.counts) < self.limit:
            if key:
                self.counts[key] += 1
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
        self.timeline = Timeline(len(GROUPS))
        self._newest: list[tuple[str, int, Entry]] = []

    def add_all(self, events: Iterable[Event]) -> None:
        """Take in events, in any order."""
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Take in one event."""
        self.events += 1
        time = read_time(event)
        if time:
            self.first = min(self.first, time) if self.first else time
            self.last = max(self.last, time)
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
        self.indexes.add(read_text(event, "index_asked", 500))
        self.machines.add(read_text(event, "host"))
        self.runs_with_findings.add(read_text(event, "run"))
        if not (time and self.timeline.add(time, _PLACE[group])):
            self.undated += 1
        if read_text(event, "code") == "shadowed-name" and read_text(event, "name"):
            self._add_shadow(event, group, time)
        self._keep(event, group, time)

    def _add_shadow(self, event: Event, group: str, time: str) -> None:
        name = read_text(event, "name")
        shadow = self.shadows.get(name)
        if shadow is None:
            if len(self.shadows) >= MAX_SHADOWS:
                self.more_shadows = True
                return
            shadow = self.shadows[name] = Shadow(name)
        shadow.events += 1
        shadow.observed += group == "observed"
        shadow.hosts.add(read_text(event, "host"))
        _add_some(shadow.offered_by, [find_offering_index(event)])
        rule = event.get("rule")
        _add_some(shadow.owners, rule.get("indexes") if isinstance(rule, dict) else None)
        versions = event.get("versions")
        _add_some(shadow.versions, versions[:1] if isinstance(versions, list) else None)
        if time:
            shadow.first = min(shadow.first, time) if shadow.first else time
            shadow.last = max(shadow.last, time)

    def _keep(self, event: Event, group: str, time: str) -> None:
        """Keep the finding if it is among the newest so far."""
        place = (time, self.findings)
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


def _add_some(found: set[str], values: object) -> None:
    """Add texts to a set that stays small."""
    for value in values if isinstance(values, list) else ():
        if isinstance(value, str) and len(found) < MAX_EXAMPLES:
            found.add(value[:500])
