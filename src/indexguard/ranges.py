"""Version ranges (PEP 440): loaded by a policy that has some."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from .versions import is_release, parse_version, read_specifiers

if TYPE_CHECKING:
    from .versions import SpecifierSet

_MAX_LENGTH = 4000
"""Characters: a number of more is none that every Python converts."""
_MAX_PLAIN = 200
"""Characters of a version that is not looked at any closer."""


class Range:
    """A version range (PEP 440).

    What compares versions is loaded with the first question: most names that a policy holds are not met in a run.

    :raises ValueError: the text is not a specifier set.
    """

    __slots__ = ("_read", "_text")
    any_unread: ClassVar = False
    """Whether ``load_comparison`` has something to load."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._read: SpecifierSet | None = None
        if len(text) > _MAX_LENGTH or not (_is_plain_range(text) or self._is_read()):
            raise ValueError(f"{text[:_MAX_PLAIN]!r} is not a version range as PEP 440 defines it")
        Range.any_unread |= self._read is None

    def contains(self, version: str, *, unparsable: bool = False) -> bool:
        """Tell whether a version lies in it; pre-releases count.

        :param unparsable: what is told of a version that PEP 440 cannot parse.
        """
        parsed = parse_version(version)
        return unparsable if parsed is None else self._specifiers.contains(parsed, prereleases=True)

    @property
    def _specifiers(self) -> SpecifierSet:
        if self._read is None:
            self._read = read_specifiers(self._text)
        return self._read

    def _is_read(self) -> bool:
        try:
            return self._specifiers is not None
        except ValueError:  # InvalidSpecifier is one
            return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Range) and self._specifiers == other._specifiers

    def __hash__(self) -> int:
        return hash(self._specifiers)

    def __str__(self) -> str:
        return str(self._specifiers)

    def __repr__(self) -> str:
        return f"Range({self._text!r})"


def load_comparison(*, is_needed: bool = False) -> None:
    """Load what compares versions, where a range waits for it or it is needed anyway."""
    if Range.any_unread or is_needed:
        read_specifiers("")


def _is_plain_range(text: str) -> bool:
    """Tell whether a text is surely a range: comparisons with numbers and dots, as nearly all are."""
    for part in text.split(","):
        clause = part.strip(" ")
        is_long = clause[:2] in ("==", "!=", "<=", ">=")
        number = clause[2:] if is_long else clause[1:]
        if not (is_long or clause[:1] in ("<", ">")) or len(number) > _MAX_PLAIN:
            return False
        if not is_release(number.lstrip(" ")):
            return False
    return True


@lru_cache(maxsize=64)  # one requirement, and all the versions that are compared with it
def parse_range(text: str) -> Range:
    """Read a version range (PEP 440).

    :raises ValueError: the text is not a specifier set.
    """
    return Range(text)
