"""Which events of a log are wanted."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate

from ..patterns import normalise_name
from .files import Event
from .record import table, text

_IS_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Wanted:
    """Which events count: any of each list; an empty one takes all."""

    codes: Sequence[str] = ()
    kinds: Sequence[str] = ()
    names: Sequence[str] = ()
    """Normalised; ``*``, ``?`` and ``[`` as in a shell."""
    indexes: Sequence[str] = ()
    """Parts of the URL."""
    rules: Sequence[str] = ()
    """Parts of file and key."""
    runs: Sequence[str] = ()
    """Beginnings of the ids."""
    since: str | None = None
    until: str | None = None


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


def name_pattern(names: list[str]) -> re.Pattern[str]:
    """Return what matches any of some names, whatever their spelling; ``*``, ``?`` and ``[`` mean what they mean to a shell."""
    normalised = [str(normalise_name(name)) for name in names]
    return re.compile("|".join(translate(name) if _IS_GLOB.search(name) else re.escape(name) for name in normalised))
