"""Watches for names that are nearly others, for one policy: quick where a name is not, and then nothing else is loaded."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from .names import Claims, Names
from .popular import popular_names

if TYPE_CHECKING:
    from typing import Protocol

    from .likeness import Likeness

    class Settings(Protocol):
        """What a policy says of such names."""

        @property
        def protect(self) -> Collection[str]:
            """Names that are protected as the claimed ones are, normalised."""

        @property
        def names(self) -> tuple[str, ...]:
            """The policy's own list of popular names, the most popular first; none: that of the guard."""


class Watch:
    """The names that one policy has watched.

    :param names: those of single projects that it claims, normalised.
    :param stems: what the names of every other rule begin with.
    """

    def __init__(self, names: Collection[str], stems: Collection[str], settings: Settings | None = None) -> None:
        own = () if settings is None else settings.names
        self._claims = Claims(names if settings is None else {*names, *settings.protect}, stems)
        self._popular = _prepare(own) if own else popular_names()

    def find_meant(self, name: str) -> Likeness | None:
        """Return what name was probably meant; None where this one is popular or claimed itself, or like no other."""
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
