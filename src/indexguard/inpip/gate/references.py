"""A download that is watched, of a reference or of a file of an index: where it is led to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...patterns import Name
from ...policy.identity import Location
from ...policy.model import Layer
from ...tuples import NamedTuple

if TYPE_CHECKING:
    from ..objects import Requirement, Response

Hook = Callable[..., None]


class Reference(NamedTuple):
    """A reference that passed, or a file of an index, whose download is watched."""

    requirement: Requirement
    name: Name
    """Empty while it is not known."""
    requested: bool
    hops: list[tuple[str, bool]]
    """Where its download was led to, so far; and whether that left https or led to a host that is trusted without."""
    place: Location | None
    """What it is a reference to."""
    holders: tuple[Layer, ...] = ()
    """Layers to which it is a file of one of the name's own indexes: of one that a lock names, and that is not allowed
    as a reference, or of all where an index lists it."""
    locked: bool = False
    """Whether a lock file names it."""


def redirect_hook(check: Callable[[str, str], None]) -> Hook:
    """Return what pip's session calls with every response, before it follows a redirect.

    :param check: is given each redirect, from where and where to, and raises where it is not to be followed.
    """

    def look(response: Response, *_args: object, **_kwargs: object) -> None:
        if response.is_redirect:
            from .hops import find_targets  # few do

            for url in find_targets(response):
                check(response.url, url)

    return look
