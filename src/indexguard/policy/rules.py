"""The rules of a policy, and how the most specific one for a name is found."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Union

from ..patterns import Name, Pattern
from ..tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import date

    from ..ranges import Range
    from .serving.terms import Terms


class Rule(NamedTuple):
    """One pattern, and the indexes that its names belong to."""

    pattern: Pattern
    indexes: tuple[str, ...]
    """Names of indexes, private to the file; more than one only for a ``[[merge]]``."""
    key: str
    """Where it stands in the file: ``indexes.corp.packages[3]``, ``merge[0].packages[1]``."""
    versions: Range | None = None
    """The versions that the entry allows; None allows all."""
    reason: str | None = None
    expires: date | None = None
    """The last day on which the entry is valid, UTC."""
    terms: Terms | None = None
    """What the entry asks of files, where that is not what its index asks."""

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

    def stems(self) -> tuple[Collection[str], Collection[str]]:
        """Return all names that have a rule of their own, and what the names of every other rule begin with."""
        return self._exact.keys(), self._prefixes.keys()

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
