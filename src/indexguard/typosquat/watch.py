"""Watches for names that are nearly others, for one policy: quick where a name is not, and then nothing else is loaded."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from .names import Claims, Names, popular_names

if TYPE_CHECKING:
    from .likeness import Likeness


class Watch:
    """The names that one policy has watched.

    :param names: the claimed and protected names of single projects, normalised.
    :param stems: what the names of every other rule begin with.
    :param popular: the policy's own list of popular names, the most popular first; none for the one of the guard.
    """

    def __init__(self, names: Collection[str], stems: Collection[str], popular: tuple[str, ...] = ()) -> None:
        self._claims = Claims(names, stems)
        self._popular = popular_names() if not popular else _prepare(popular)

    def find_meant(self, name: str) -> Likeness | None:
        """Return what name was probably meant; None where this one is popular itself, or like no other."""
        if name in self._popular or name in self._claims.names:
            return None
        near = self._popular.find_near(name)
        if not near and not self._claims.may_be_meant(name):
            return None
        from .nearest import find_meant  # noqa: PLC0415  # few names are like another

        return find_meant(name, near, self._claims, self._popular)


def _prepare(names: tuple[str, ...]) -> Names:
    from .preparation import prepare  # noqa: PLC0415  # few policies have a list of their own

    return Names(prepare(names))
