"""References that go round every index: who gave them, and where their downloads are led to.

A reference is *requested* if the user gave it, or a local project that was itself requested lists it, in its metadata
or its build requirements. Everything else that a distribution brings is *transitive*.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from ...decision.verdict import Verdict
from ...policy.identity import find_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...patterns import Name
    from ...policy.model import Layer
    from ..run import Run

Hook = Callable[..., None]


class Reference(NamedTuple):
    """A reference that passed, and whose download is watched."""

    requirement: Any
    name: Name
    """Empty while it is not known."""
    requested: bool
    hops: list[str]
    """Where its download was led to, so far."""
    holders: tuple[Layer, ...] = ()
    """Layers in which one of the name's own indexes holds the file that a lock names: where it leads to is its matter."""

    def judge(self, run: Run, url: str, name: Name) -> Verdict:
        """Say whether a URL may be used for a name as this reference's own was."""
        verdict = run.authority(name).direct(find_reference(url), requested=self.requested)
        return Verdict(tuple(finding for finding in verdict.findings if finding.layer not in self.holders))


def is_requested(run: Run, requirement: Any, link: Any) -> bool:
    """Tell whether the user gave a reference, or a requested local project brings it."""
    if link.url in run.requested:
        return True
    parent = requirement.comes_from
    return parent is not None and not isinstance(parent, str) and is_requested_project(run, parent)


def is_requested_project(run: Run, requirement: Any) -> bool:
    """Tell whether a requirement is a local project that was itself requested."""
    link = requirement.original_link or requirement.link
    if link is None or link.url not in run.requested:
        return False
    place = find_reference(link.url)
    return place is not None and place.is_local and os.path.isdir(link.file_path)


def note_requested(run: Run, root_requirements: Any) -> None:
    """Note the references among the root requirements, if they are the user's and not a distribution's."""
    if not run.takes_requests:
        return
    for requirement in root_requirements:
        locked = getattr(requirement, "locked_link", None)  # pip 26.1
        if locked is not None:
            run.locked.add(locked.url)
        elif requirement.link is not None:
            run.requested.add(requirement.link.url)


def watch(run: Run, requirement: Any, name: Name, *, requested: bool) -> Reference | None:
    """Have every redirect of a reference's download judged like the reference; None where nothing is downloaded by pip.

    Each layer by itself: one that refuses the reference as such has let it pass as a file of the name's own index, and
    where an index keeps its files is its own matter.
    """
    url = requirement.link.url.partition("#")[0]
    if not url.lower().startswith(("http:", "https:")):
        return None
    objections = run.authority(name).direct(find_reference(url), requested=requested).findings
    holders = tuple(finding.layer for finding in objections if finding.layer is not None and finding.enforced)
    reference = Reference(requirement, name, requested, [], holders)
    run.references[_spelt(url)] = reference
    return reference


def watched(run: Run, url: str) -> Reference | None:
    """Return the reference whose download a request for ``url`` is.

    pip asks while it prepares the requirement, or later, for several at once (``fast-deps``, metadata beside a file).
    What it prepares for another one's build, in this process (pip >= 26.0), is judged as itself: the innermost counts.
    """
    for reference in run.references.values():
        if run.preparing and reference.requirement is run.preparing[-1]:
            return reference
    return run.references.get(_spelt(url))


def _spelt(url: str) -> str:
    """Return a URL without fragment, in the spelling that pip >= 25.1 asks for; earlier pips ask for it as it is."""
    try:
        return urlunsplit((*urlsplit(url)[:4], ""))
    except ValueError:
        return url.partition("#")[0]


def response_hook(refuse: Callable[[Reference, str], None], reference: Reference) -> Hook:
    """Return what pip's session calls with every response, before it follows a redirect.

    :param refuse: is given each place that the download is led to, and raises where that is not allowed.
    """

    def look(response: Any, *_args: Any, **_kwargs: Any) -> None:
        for url in _target(response):
            reference.hops.append(url)
            refuse(reference, url)

    return look


def _target(response: Any) -> Iterator[str]:
    if response.is_redirect:
        # As requests reads it: bytes of UTF-8, which http.client took for Latin-1.
        location = response.headers["location"].encode("latin1").decode("utf-8", "replace")
        yield urljoin(response.url, location)
