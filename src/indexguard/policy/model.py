"""The values that a policy file means. Frozen once read; nothing here reads a file, a clock or the environment."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Union

from ..errors import Fault, PolicyError, escape
from ..patterns import Name, Pattern
from .identity import PYPI, Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, timedelta

    from ..patterns import SpecifierSet

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Rule(NamedTuple):
    """One pattern, and the indexes that its names belong to."""

    pattern: Pattern
    indexes: tuple[str, ...]
    """Names of indexes, private to the file; more than one only for a ``[[merge]]``."""
    key: str
    """Where it stands in the file: ``indexes.corp.packages[3]``, ``merge[0].packages[1]``."""
    versions: SpecifierSet | None = None
    """The versions that the entry allows; None allows all."""
    reason: str | None = None
    expires: date | None = None
    """The last day on which the entry is valid, UTC."""

    def is_expired(self, today: date) -> bool:
        """Tell whether the entry still claims its names but allows none (``today``: UTC)."""
        return self.expires is not None and today > self.expires


Slot = Union[Rule, int]
"""A rule, or the running number of a bare name of which no ``Rule`` has been made yet."""


class Rules:
    """All rules of one file, found by name.

    Most entries of a large policy are bare names: they are kept as a number, and their ``Rule`` is made when a name
    is looked up. That keeps the load of 100,000 names near the cost of the TOML parser alone.
    """

    def __init__(self) -> None:
        self._exact: dict[str, Slot] = {}
        self._prefixes: dict[str, Rule] = {}
        self._stems: list[str] = []
        self._parents: dict[str, str | None] = {}
        self._starts: list[int] = []
        self._lists: list[tuple[tuple[str, ...], str, Sequence[int]]] = []
        self._count = 0

    def add(self, rule: Rule) -> Rule | None:
        """Add a rule; return the one that already has its pattern, in which case nothing is added."""
        present = self.with_pattern(rule.pattern)
        if present is not None:
            return present
        stem = rule.pattern.stem
        if rule.pattern.exact:
            self._exact[stem] = rule
        else:
            self._prefixes[stem] = rule
            self._stems = []
        return None

    def add_names(
        self, names: Sequence[str], indexes: tuple[str, ...], key: str, places: Sequence[int] | None = None
    ) -> bool:
        """Add a list of bare, normalised names at once; False, and nothing added, if one of them is there already.

        ``key`` is that of the list: a rule's own key is ``key[place]``. ``places`` says where each name stands in the
        list, if it holds other entries too.
        """
        numbered: dict[str, Slot] = dict(zip(names, range(self._count, self._count + len(names))))
        if len(numbered) != len(names) or not self._exact.keys().isdisjoint(numbered):
            return False
        self._starts.append(self._count)
        self._lists.append((indexes, key, range(len(names)) if places is None else places))
        if self._exact:
            self._exact.update(numbered)
        else:
            self._exact = numbered
        self._count += len(names)
        return True

    def find(self, name: Name) -> Rule | None:
        """Return the most specific rule that matches a normalised name."""
        slot = self._exact.get(name)
        if slot is not None:
            return self._make(name, slot) if isinstance(slot, int) else slot
        # In sorted order, the longest stem that the name starts with is the one before the name, or a stem of that one.
        stems = self._stems or self._sort_prefixes()
        place = bisect_right(stems, name)
        stem = stems[place - 1] if place else None
        while stem is not None:
            if name.startswith(stem):
                return self._prefixes[stem]
            stem = self._parents[stem]
        return None

    def with_pattern(self, pattern: Pattern) -> Rule | None:
        """Return the rule that has exactly this pattern."""
        if not pattern.exact:
            return self._prefixes.get(pattern.stem)
        slot = self._exact.get(pattern.stem)
        return self._make(pattern.stem, slot) if isinstance(slot, int) else slot

    def __iter__(self) -> Iterator[Rule]:
        for stem, slot in self._exact.items():
            yield self._make(stem, slot) if isinstance(slot, int) else slot
        yield from self._prefixes.values()

    def __len__(self) -> int:
        return len(self._exact) + len(self._prefixes)

    def _sort_prefixes(self) -> list[str]:
        """Sort the stems, and note for each the longest other stem that it starts with."""
        self._stems = sorted(self._prefixes)
        above: list[str] = []
        for stem in self._stems:
            while above and not stem.startswith(above[-1]):
                above.pop()
            self._parents[stem] = above[-1] if above else None
            above.append(stem)
        return self._stems

    def _make(self, stem: str, number: int) -> Rule:
        place = bisect_right(self._starts, number) - 1
        indexes, key, places = self._lists[place]
        rule = Rule(Pattern(stem, exact=True), indexes, f"{key}[{places[number - self._starts[place]]}]")
        self._exact[stem] = rule
        return rule


@dataclass(frozen=True)
class FilesFrom:
    """One place that an index's files may come from: a host, or a URL prefix by segment."""

    host: str | None
    prefix: Location | None

    def covers(self, location: Location) -> bool:
        """Tell whether a file at ``location`` comes from this place."""
        if self.prefix is not None:
            return location.is_at_or_under(self.prefix)
        return location.scheme in ("https", "http") and location.host == self.host


@dataclass(frozen=True)
class Index:
    """One ``[indexes.N]`` of a policy file."""

    name: str
    urls: tuple[Location, ...]
    """All serve the same content: one identity."""
    public: bool = False
    """Whether anyone can register a name there."""
    files_from: tuple[FilesFrom, ...] | None = None
    """Where its files may come from; None allows any place."""
    says_public: bool = False
    """Whether the file says that it is public, or that it is not; otherwise ``public`` is the default."""
    has_credentials: bool = False
    """Whether one of its URLs was written with a user name or a password."""


class DirectUrls(NamedTuple):
    """What ``[direct-urls]`` says of references that go round every index."""

    requested: str = "allow"
    """``allow`` or ``block``: those that the user gave, of names that nothing or only ``*`` claims."""
    transitive: str = "block"
    """The same for those that a distribution brings."""
    allow: tuple[Location, ...] = ()
    """Prefixes, by segment: what lies at or under one of them passes for every name, whoever gave it."""

    def covers(self, place: Location) -> bool:
        """Tell whether a reference to ``place`` passes by a prefix."""
        return any(place.is_at_or_under(prefix) for prefix in self.allow)


class SyslogAddress(NamedTuple):
    """Where a syslog daemon listens."""

    transport: str
    """``unix`` (a datagram socket), ``udp`` or ``tcp``."""
    place: str
    """The path of the socket, or the host."""
    port: int = 0

    def __str__(self) -> str:
        if self.transport == "unix":
            return f"unix:{self.place}"
        host = f"[{self.place}]" if ":" in self.place else self.place
        return f"{self.transport}://{host}:{self.port}"


class LogSettings(NamedTuple):
    """Where ``[log]`` sends events, and when a log file is full."""

    sinks: tuple[str, ...] = ("file",)
    """``file``, ``stderr``, ``syslog``, ``journald``."""
    syslog: tuple[SyslogAddress, ...] = ()
    """Where syslog listens, if it is among the sinks."""
    max_size: int | None = None
    """Bytes of a log file; None for no limit."""
    max_age: timedelta | None = None
    """Of its first line; None for no limit."""

    @classmethod
    def combine(cls, settings: Iterable[LogSettings]) -> LogSettings:
        """Combine those of several layers, whatever their mode: no layer takes a sink away; the smallest limits count."""
        found = list(settings) or [cls()]
        return cls(
            sinks=tuple(dict.fromkeys(sink for each in found for sink in each.sinks)),
            syslog=tuple(dict.fromkeys(address for each in found for address in each.syslog)),
            max_size=min((each.max_size for each in found if each.max_size is not None), default=None),
            max_age=min((each.max_age for each in found if each.max_age is not None), default=None),
        )


_NOTHING_SAID = DirectUrls()
_USUAL_LOG = LogSettings()


@dataclass(frozen=True)
class Policy:
    """One policy file, read."""

    mode: str = "enforce"
    """``enforce`` or ``audit``."""
    indexes: tuple[Index, ...] = ()
    rules: Rules = field(default_factory=Rules, compare=False)
    probe: str = "always"
    """``always`` or ``never``."""
    shadow_action: str = "drop"
    """``drop`` or ``abort``."""
    local: str = "allow"
    """``allow`` or ``block``."""
    when_nothing_left: str = "refuse"
    """``refuse`` or ``backtrack``."""
    direct_urls: DirectUrls = _NOTHING_SAID
    log: LogSettings = _USUAL_LOG
    log_failure: str = "warn"
    """``warn`` or ``block``: whether pip goes on when an event cannot be written. Counts in a layer that enforces."""
    path: str = ""
    """The file, as it is shown in messages."""

    def find_index(self, asked: Location) -> Index | None:
        """Return the index one of whose URLs *equals* ``asked``."""
        for index in self.indexes:
            if asked in index.urls:
                return index
        return None

    def find_owner(self, answered: Location) -> Index | None:
        """Return the index with the longest URL that is a prefix of ``answered``, by segment."""
        best: Index | None = None
        depth = -1
        for index in self.indexes:
            for url in index.urls:
                if len(url.segments) > depth and answered.is_at_or_under(url):
                    best, depth = index, len(url.segments)
        return best

    def index(self, name: str) -> Index:
        """Return the index of that name.

        :raises KeyError: the file has no such index.
        """
        for index in self.indexes:
            if index.name == name:
                return index
        raise KeyError(name)

    def resolve_pypi(self, simple: Location) -> Policy:
        """Return this policy with the running pip's own address of the public index replaced by the token ``pypi``.

        :raises PolicyError: that makes two indexes of the file one.
        """
        if all(simple not in index.urls for index in self.indexes):
            return self
        indexes = tuple(_resolve(index, simple) if simple in index.urls else index for index in self.indexes)
        same = [index.name for index in indexes if PYPI in index.urls]
        if len(same) > 1:
            fault = (
                f"this is the index that this pip calls `pypi`, as indexes.{same[0]} is; two indexes need two places"
            )
            raise PolicyError(self.path, [Fault(f"indexes.{same[1]}.url", fault)])
        return replace(self, indexes=indexes)


def _resolve(index: Index, simple: Location) -> Index:
    urls = (PYPI if url == simple else url for url in index.urls)
    return replace(index, urls=tuple(dict.fromkeys(urls)), public=index.public if index.says_public else True)


@dataclass(frozen=True)
class Layer:
    """A policy with the place that it was found in."""

    kind: str
    """``machine``, ``interpreter``, ``user`` or ``environment``."""
    path: str
    sha256: str
    """Of the file's bytes, hexadecimal."""
    policy: Policy

    @property
    def enforces(self) -> bool:
        """Whether the layer refuses; otherwise it only logs."""
        return self.policy.mode == "enforce"


def join_key(key: str, name: str) -> str:
    """Return the path of key ``name`` in the table at ``key``, quoted where TOML would quote it."""
    part = name if _BARE_KEY.fullmatch(name) else f'"{escape(name)}"'
    return f"{key}.{part}" if key else part
