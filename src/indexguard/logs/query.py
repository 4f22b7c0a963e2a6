"""Which events of a log are wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from functools import cached_property
from typing import Any

from ..patterns import normalise_name
from .files import Event
from .record import table, tables, text

_OPTIONS = {
    "codes": "code",
    "kinds": "event",
    "indexes": "index",
    "rules": "rule",
    "runs": "run_id",
    "hosts": "host",
    "users": "user",
}
"""The name of the option for each list."""
JOB = ("provider", "repository", "job", "run", "ref")
"""What an event may say of a build service's job."""
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
    hosts: Sequence[str] = ()
    users: Sequence[str] = ()
    ci: str | None = None
    """Part of what is known of a build service's job; empty for any job."""
    without_policy: bool = False
    """Only runs without a policy."""
    audit: bool = False
    """Only runs with a policy in audit mode."""
    no_drills: bool = False
    """Leave out canaries and demos."""
    since: str | None = None
    until: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Wanted:
        """Return what the options of a command ask for; one that is not there, or None, takes all."""
        given = {field: options.get(option) or () for field, option in _OPTIONS.items()}
        if isinstance(given["hosts"], str):  # an option that is given once
            given["hosts"] = [given["hosts"]]
        names = [normalise_name(name) for name in options.get("name") or ()]
        return cls(
            **given,
            names=names,
            ci=options.get("ci"),
            without_policy=bool(options.get("without_policy")),
            audit=bool(options.get("audit")),
            no_drills=options.get("drills") is False,
            since=options.get("since"),
            until=options.get("until"),
        )

    @cached_property
    def takes_all(self) -> bool:
        """Whether every event counts."""
        return self.ci is None and not any(vars(self).values())

    @property
    def is_filter(self) -> bool:
        """Whether some events do not count, drills aside."""
        return not replace(self, no_drills=False).takes_all

    @cached_property
    def _asks_for_runs(self) -> bool:
        """Whether it depends on the run that an event is of."""
        return bool(self.hosts or self.users or self.without_policy or self.audit or self.ci is not None)

    @cached_property
    def _name(self) -> re.Pattern[str]:
        return name_pattern(self.names)

    def matches(self, event: Event) -> bool:
        """Tell whether an event counts."""
        if self.takes_all:
            return True
        if self.no_drills and event.get("drill") is True:
            return False
        if self._asks_for_runs and not self._matches_run(event):
            return False
        moment: str = event["time"]
        if (self.since is not None and moment < self.since) or (self.until is not None and moment >= self.until):
            return False
        if self.codes and event.get("code") not in self.codes:
            return False
        if self.kinds and event["event"] not in self.kinds:
            return False
        if self.names and not self._name.fullmatch(text(event, "name")):
            return False
        return self._matches_texts(event)

    def _matches_run(self, event: Event) -> bool:
        """Tell whether an event is of a run that counts: by machine, user, job and policy."""
        if self.hosts and text(event, "host") not in self.hosts:
            return False
        if self.users and text(event, "user") not in self.users:
            return False
        job = table(event, "ci")
        if self.ci is not None and not (job and self.ci in " ".join(text(job, key) for key in JOB)):
            return False
        if self.without_policy and event.get("policy") != []:
            return False
        return not self.audit or any(text(layer, "mode") == "audit" for layer in tables(event, "policy"))

    def _matches_texts(self, event: Event) -> bool:
        if self.indexes:
            urls = (text(event, "index_asked"), text(event, "index_answered"))
            if not any(part in url for part in self.indexes for url in urls):
                return False
        if self.rules:
            rule = table(event, "rule")
            shown = f"{text(rule, 'file')} {text(rule, 'key')}"
            if not any(part in shown for part in self.rules):
                return False
        ids = (text(event, "run"), text(event, "parent_run"))
        return not self.runs or any(id_.startswith(tuple(self.runs)) for id_ in ids)


def name_pattern(names: Sequence[str]) -> re.Pattern[str]:
    """Return what matches any of some names, whatever their spelling; ``*``, ``?`` and ``[`` mean what they mean to a shell."""
    normalised = [str(normalise_name(name)) for name in names]
    return re.compile("|".join(translate(name) if _IS_GLOB.search(name) else re.escape(name) for name in normalised))
