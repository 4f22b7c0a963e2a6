"""A download that is watched, of a reference or of a file of an index: where it is led to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

from ...decision.authority import Authority
from ...decision.outcome import judge_hop_of_file
from ...decision.verdict import Verdict
from ...patterns import Name
from ...policy.identity import Location, find_reference
from ...policy.model import Layer

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

    def judge(self, authority: Authority, url: str, listed: Location | None, *, unverified: bool) -> Verdict:
        """Say whether the download may be led to a URL.

        :param authority: what the layers say of the name.
        :param listed: the identity of the URL, the public index's hosts taken for the public index.
        """
        of_file = judge_hop_of_file(authority, listed, unverified=unverified).findings if self.holders else ()
        of_reference = authority.led_to(self.place, find_reference(url), requested=self.requested).findings
        found = [finding for finding in of_file if finding.layer in self.holders]
        return Verdict((*found, *(finding for finding in of_reference if finding.layer not in self.holders)))


def redirect_hook(check: Callable[[str, str], None]) -> Hook:
    """Return what pip's session calls with every response, before it follows a redirect.

    :param check: is given each redirect, from where and where to, and raises where it is not to be followed.
    """

    def look(response: Response, *_args: object, **_kwargs: object) -> None:
        if response.is_redirect:
            check(response.url, _target(response))

    return look


def _target(response: Response) -> str:
    # As requests reads it: bytes of UTF-8, which http.client took for Latin-1.
    location = response.headers["location"].encode("latin1", "replace").decode("utf-8", "replace")
    try:
        return urljoin(response.url, location)
    except ValueError:  # no URL at all; requests will say so
        return location
