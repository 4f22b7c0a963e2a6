"""A reference that goes round every index, and where its download is led to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

from ...decision.authority import Authority
from ...decision.verdict import Verdict
from ...patterns import Name
from ...policy.identity import find_reference
from ...policy.model import Layer

if TYPE_CHECKING:
    from ..objects import Requirement, Response

Hook = Callable[..., None]


class Reference(NamedTuple):
    """A reference that passed, and whose download is watched."""

    requirement: Requirement
    name: Name
    """Empty while it is not known."""
    requested: bool
    hops: list[str]
    """Where its download was led to, so far."""
    holders: tuple[Layer, ...] = ()
    """Layers in which one of the name's own indexes holds the file that a lock names: where it leads to is its matter."""

    def judge(self, authority: Authority, url: str) -> Verdict:
        """Say whether a URL may be used for a name as this reference's own was.

        :param authority: what the layers say of the name.
        """
        verdict = authority.direct(find_reference(url), requested=self.requested)
        return Verdict(tuple(finding for finding in verdict.findings if finding.layer not in self.holders))


def response_hook(check: Callable[[Reference, str], None], reference: Reference) -> Hook:
    """Return what pip's session calls with every response, before it follows a redirect.

    :param check: is given each place that the download is led to, and raises where that is not allowed.
    """

    def look(response: Response, *_args: object, **_kwargs: object) -> None:
        for url in _target(response):
            reference.hops.append(url)
            check(reference, url)

    return look


def _target(response: Response) -> Iterator[str]:
    if response.is_redirect:
        # As requests reads it: bytes of UTF-8, which http.client took for Latin-1.
        location = response.headers["location"].encode("latin1").decode("utf-8", "replace")
        yield urljoin(response.url, location)
