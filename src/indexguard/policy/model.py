"""The values that a policy file means. Frozen once read; nothing here reads a file, a clock or the environment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..errors import Fault, PolicyError
from ..tuples import NamedTuple
from .identity import PYPI, Location
from .log import USUAL_LOG, LogSettings
from .rules import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from ..patterns import Name
    from .serving.advisories import AdvisorySettings
    from .serving.denied import Denials
    from .serving.ledger import LedgerSettings
    from .serving.terms import Serving
    from .serving.typosquat import TyposquatSettings

NEVER_ABSENT = (401, 407, 408, 429)
"""Statuses that never mean "no such name here": a login is missing, or the server is busy."""
MAY_MEAN_ABSENT = frozenset(range(400, 500)).difference(NEVER_ABSENT)
"""What an index may answer for names that it does not have, if the policy says so."""


class FilesFrom(NamedTuple):
    """One place that an index's files may come from: a host, or a URL prefix by segment."""

    host: str | None
    prefix: Location | None

    def covers(self, location: Location) -> bool:
        """Tell whether a file at ``location`` comes from this place."""
        if self.prefix is not None:
            return location.is_at_or_under(self.prefix)
        return location.scheme in ("https", "http") and location.host == self.host


class Index(NamedTuple):
    """One ``[indexes.N]`` of a policy file."""

    name: str
    urls: tuple[Location, ...]
    """All serve the same content: one identity."""
    public: bool = False
    """Whether anyone can register a name there."""
    files_from: tuple[FilesFrom, ...] | None = None
    """Where its files may come from; None allows any place."""
    not_found: frozenset[int] = frozenset()
    """Statuses that mean "no such name here" beside 404 and 410."""
    says_public: bool = False
    """Whether the file says that it is public, or that it is not; otherwise ``public`` is the default."""
    ca: str | None = None
    """The PEM file of the certificates by which its connections are verified, as it is written; None: pip's own trust."""
    has_credentials: bool = False
    """Whether one of its URLs was written with a user name or a password."""
    has_token: bool = False
    """Whether a segment of one of its URLs is ``{token}``."""

    def serves(self, place: Location) -> bool:
        """Tell whether one of its URLs is a place."""
        return any(map(place.is_at, self.urls))


class Known(NamedTuple):
    """One ``[[shadow.known]]``: public projects of claimed names that nobody need be told of."""

    key: str
    """Where it stands in the file: ``shadow.known[0]``."""
    names: frozenset[Name]
    reason: str | None = None
    expires: date | None = None
    """The last day on which it is valid, UTC."""

    def covers(self, name: Name, today: date) -> bool:
        """Tell whether a public project of this name is known of (``today``: UTC)."""
        return name in self.names and not (self.expires is not None and today > self.expires)


class DirectUrls(NamedTuple):
    """What ``[direct-urls]`` says of references that go round every index."""

    requested: str = "allow"
    """``allow`` or ``block``: those that the user gave, of names that nothing or only ``*`` claims."""
    transitive: str = "block"
    """The same for those that a distribution brings."""
    allow: tuple[Location, ...] = ()
    """Prefixes, by segment: what lies at or under one of them passes for every name, whoever gave it."""
    redirects: tuple[Location, ...] = ()
    """Prefixes that the download of what ``allow`` covers may be led to; they cover nothing by themselves."""

    def covers(self, place: Location) -> bool:
        """Tell whether a reference to ``place`` passes by a prefix."""
        return any(place.is_at_or_under(prefix) for prefix in self.allow)


_NOTHING_SAID = DirectUrls()


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
    same_file: str = "warn"
    """``warn`` or ``drop``: a file of a claimed name that its own index and a public one list with one sha256."""
    known: tuple[Known, ...] = ()
    local: str = "allow"
    """``allow`` or ``block``."""
    when_nothing_left: str = "refuse"
    """``refuse`` or ``backtrack``."""
    direct_urls: DirectUrls = _NOTHING_SAID
    log: LogSettings = USUAL_LOG
    log_failure: str = "warn"
    """``warn`` or ``block``: whether pip goes on when an event cannot be written. Counts in a layer that enforces."""
    serving: Serving | None = field(default=None, compare=False)
    """What it asks of files beside their place; None where no key is about that."""
    ledger: LedgerSettings | None = None
    """The memory that it asks; None where it asks none."""
    deny: Denials | None = field(default=None, compare=False)
    """What is never let in."""
    advisories: AdvisorySettings | None = None
    """Which advisory records it goes by."""
    typo_action: str = "warn"
    """``warn``, ``block`` or ``off``: what becomes of a name that is nearly a claimed or popular one."""
    typosquat: TyposquatSettings | None = None
    """What else it says of such names; None where it says nothing."""
    path: str = ""
    """The file, as it is shown in messages."""

    def find_index(self, asked: Location) -> Index | None:
        """Return the index one of whose URLs *equals* ``asked``."""
        for index in self.indexes:
            if asked in index.urls or (index.has_token and index.serves(asked)):
                return index
        return None

    def find_known(self, name: Name, today: date) -> Known | None:
        """Return what the file knows of a public project of a claimed name, if it does (``today``: UTC)."""
        return next((known for known in self.known if known.covers(name, today)), None)

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
    return index._replace(urls=tuple(dict.fromkeys(urls)), public=index.public if index.says_public else True)


@dataclass(frozen=True)
class Layer:
    """A policy with the place that it was found in."""

    kind: str
    """``machine``, ``interpreter``, ``user`` or ``environment``."""
    path: str
    sha256: str
    """Of the file's bytes, hexadecimal."""
    policy: Policy
    certificates: Mapping[str, str] = field(default_factory=dict, compare=False)
    """By index, the PEM text of its ``ca``."""

    @property
    def enforces(self) -> bool:
        """Whether the layer refuses; otherwise it only logs."""
        return self.policy.mode == "enforce"
