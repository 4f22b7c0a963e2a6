"""Which names an index may serve: the entries of ``packages`` and ``namespaces``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..patterns import Pattern, normalise_names, parse_pattern
from .rules import Rule, Rules
from .table import TableReader

if TYPE_CHECKING:
    from collections.abc import Sequence


class Entries(TableReader):
    """Reads lists of entries into the rules of the file."""

    def __init__(self) -> None:
        super().__init__()
        self.rules = Rules()

    def packages(self, key: str, value: object, indexes: tuple[str, ...]) -> None:
        """Read names, patterns, names with versions, and tables."""
        entries = self.items(key, value, "entries that is not empty")
        bare = normalise_names(entries)
        places: Sequence[int] = bare.others
        # Bare names, the many, go in at once; where one is a repetition, each is looked at to name both places.
        if not self.rules.add_names(bare.names, indexes, key, bare.places):
            places = range(len(entries))
        for place in places:
            self._entry(f"{key}[{place}]", entries[place], indexes)

    def _entry(self, key: str, entry: object, indexes: tuple[str, ...]) -> None:
        pattern = _find_pattern(entry) if isinstance(entry, str) else None
        if pattern is not None:
            self._add(Rule(pattern, indexes, key), str(entry))
            return
        from .narrow import read_entry  # noqa: PLC0415  # few entries are more than a pattern

        rule, found = read_entry(self, key, entry, indexes)
        if rule is not None:
            self._add(rule, found)

    def namespaces(self, key: str, value: object, indexes: tuple[str, ...]) -> None:
        """Read names that stand for themselves and all names that continue them with a dash."""
        for place, text in enumerate(self.items(key, value, "names that is not empty")):
            self._namespace(f"{key}[{place}]", text, indexes)

    def _namespace(self, key: str, text: object, indexes: tuple[str, ...]) -> None:
        pattern = _find_pattern(text) if isinstance(text, str) else None
        if pattern is None or not pattern.exact:
            close = (
                _find_pattern(text[: -1 if text.endswith("*") else None].rstrip("-_."))
                if isinstance(text, str)
                else None
            )
            expected = "a name without `*`: `acme` stands for `acme` and `acme-*`"
            self.unexpected(key, text, expected, str(close) if close and close.exact else None)
            return
        # One fault is enough where both patterns of a namespace are there already.
        if self._add(Rule(pattern, indexes, key), str(text)):
            self._add(Rule(Pattern(f"{pattern.stem}-", exact=False), indexes, key), str(text))

    def _add(self, rule: Rule, found: str) -> bool:
        first = self.rules.add(rule)
        if first is not None:
            twice = set(first.indexes) == set(rule.indexes)
            remedy = "one of the two is enough" if twice else "a name from several indexes needs a [[merge]]"
            self.found(rule.key, found, f", but the pattern `{rule.pattern}` stands in {first.key} already; {remedy}")
        return first is None


def _find_pattern(text: str) -> Pattern | None:
    try:
        return parse_pattern(text)
    except ValueError:
        return None
