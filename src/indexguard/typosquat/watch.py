"""Watches for names that are nearly others, for one policy; and the list of popular names that comes with the guard.

Quick where a name is like no other: then nothing else is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING

from .names import MAX_LETTERS, Claims, Names

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


LIST = os.path.join(os.path.dirname(__file__), "popular-names.txt")
"""The most downloaded project names of the public index; its first line says where it is from."""
PREPARED = os.path.join(os.path.dirname(__file__), "popular-names.bin")
"""What the build of the wheel makes of it (``preparation``); the source tree has none."""


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
        if len(name) > MAX_LETTERS or name in self._popular or name in self._claims.names:
            return None
        near = self._popular.find_near(name)
        if not near and not self._claims.may_be_meant(name):
            return None
        from .nearest import find_meant  # noqa: PLC0415  # few names are like another

        return find_meant(name, near, self._claims, self._popular)


@lru_cache(maxsize=1)
def popular_names() -> Names:
    """Return it, prepared."""
    try:
        with open(PREPARED, "rb") as file:
            return Names(file.read())
    except (OSError, ValueError):
        from .preparation import prepare, read_list  # noqa: PLC0415  # a source tree has nothing prepared

        return Names(prepare(read_list(LIST)))


def _prepare(names: tuple[str, ...]) -> Names:
    from .preparation import prepare  # noqa: PLC0415  # few policies have a list of their own

    return Names(prepare(names))
