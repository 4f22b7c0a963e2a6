"""What deserves a look beside the findings: machines that nothing is enforced on, files of another index, refusals."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..audit.kinds import REFUSALS, SELECTED
from ..tuples import NamedTuple
from .files import Event
from .record import text

NO_POLICY, ONLY_AUDIT = "no policy", "only audit"
MAX_APART = 100_000
"""How many machines and files are told apart; further ones are not listed."""
_RECENT = 20_000
"""How many refusals are remembered twice over: the events of one run lie close together."""
_TEMPORARY = re.compile(r"(file:(?://)?(?:/[^/]+)*?/)tmp[a-z0-9_]{8}(?=/|$)")
TEMPORARY = "tmp..."


@dataclass
class Count:
    """How many events, and when."""

    events: int
    first: str
    last: str

    def add(self, other: Count) -> None:
        """Count the events of another one too."""
        self.events += other.events
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)


class Stray(NamedTuple):
    """A file that pip chose, and that did not come from its name's own index."""

    name: str
    version: str
    place: str
    """The index that it came from."""


@dataclass
class Concerns:
    """Taken in one pass, in bounded memory."""

    machines: dict[tuple[str, str], Count] = field(default_factory=dict)
    """Events by machine and ``NO_POLICY`` or ``ONLY_AUDIT``."""
    strays: dict[Stray, Count] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    """How many refusals of each name: one that several events of a run, or of the pip above it, tell counts once."""
    _recent: list[set[tuple[str, str, str]]] = field(default_factory=lambda: [set(), set()])

    def add(self, event: Event) -> None:
        """Take in one event."""
        policy, time = event.get("policy"), text(event, "time")
        if isinstance(policy, list):
            state = find_state(policy)
            if state is not None:
                self.add_machine(text(event, "host"), state, Count(1, time, time))
        kind = event.get("event")
        if kind == SELECTED:
            chosen = event.get("chosen")
            if isinstance(chosen, dict) and chosen.get("origin") == "other":
                stray = Stray(text(event, "name"), text(chosen, "version"), text(chosen, "index"))
                self.add_stray(stray, Count(1, time, time))
        elif kind in REFUSALS:
            self._add_refusal(event)

    def _add_refusal(self, event: Event) -> None:
        name = text(event, "name")
        # The pip above a build repeats what the pip of the build has refused.
        key = (text(event, "host"), text(event, "parent_run") or text(event, "run"), name)
        if any(key in known for known in self._recent):
            return
        self.refusals[name] += 1
        self._recent[0].add(key)
        if len(self._recent[0]) >= _RECENT:
            self._recent = [set(), self._recent[0]]

    def add_machine(self, host: str, state: str, count: Count) -> None:
        """Count the events of a machine."""
        _add(self.machines, (host, state), count)

    def add_stray(self, stray: Stray, count: Count) -> None:
        """Count a file."""
        _add(self.strays, stray, count)

    def by_machine(self) -> list[tuple[tuple[str, str], Count]]:
        """Return the machines, the one seen last first."""
        return sorted(self.machines.items(), key=lambda item: (item[1].last, item[0]), reverse=True)

    def by_stray(self) -> list[tuple[Stray, Count]]:
        """Return the files, the one seen last first."""
        return sorted(self.strays.items(), key=lambda item: (item[1].last, item[0]), reverse=True)


def find_state(policy: list[Any]) -> str | None:
    """Return what is missing on a machine whose run had these layers; None where one of them enforces."""
    if not policy:
        return NO_POLICY
    return None if any(isinstance(it, dict) and it.get("mode") == "enforce" for it in policy) else ONLY_AUDIT


def without_temporary(url: str) -> str:
    """Return a URL in which no folder has a name that is made anew for each run, as those of ensurepip have."""
    return _TEMPORARY.sub(rf"\g<1>{TEMPORARY}", url) if url.startswith("file:") else url


def _add(counts: dict[Any, Count], key: tuple[str, ...], count: Count) -> None:
    known = counts.get(key)
    if known is not None:
        known.add(count)
    elif len(counts) < MAX_APART:
        counts[key] = count
