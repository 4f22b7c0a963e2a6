"""What of a pip run was requested, and by whom; what is being prepared; and whose downloads are watched.

A reference is *requested* if the user gave it, or a local project that was itself requested lists it, in its metadata
or its build requirements. Everything else that a distribution brings is *transitive*.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from ...patterns import Name, normalise_name
from ...policy.identity import Location, find_reference
from ..run import Run
from .references import Reference

if TYPE_CHECKING:
    from ..objects import Link, Requirement


class Requests:
    """The requirements of one pip run.

    :param takes_requests: whether the root requirements are the user's; a pip that another started for the build
        requirements of a distribution has none.
    """

    def __init__(self, run: Run, *, takes_requests: bool) -> None:
        self._run = run
        self._takes_requests = takes_requests
        self.names: set[Name] = set()
        """Requested by name, by the user or for a build: known before any of them is looked for."""
        self._urls: set[str] = set()
        """Given by the user: on the command line, in requirements and constraints files."""
        self._locked: set[str] = set()
        """Named by a lock file (pip >= 26.1)."""
        self._built_from: dict[str, Link] = {}
        """By the URL of a wheel in pip's cache, the link that it was built from."""
        self._references: dict[str, Reference] = {}
        """Those whose download is watched, by URL without fragment."""
        self._by_requirement: dict[int, Reference] = {}
        """The same by the identity of the requirement, which they keep alive."""
        self._building: list[bool] = []
        """For each set of build requirements that is being installed in this process, the innermost last: whether it is
        that of a local project that was itself requested."""
        self._preparing: list[Requirement] = []
        """The innermost last."""

    @property
    def takes_requests(self) -> bool:
        """Whether what pip is asked to resolve now is the user's: build requirements are the distribution's."""
        return self._building[-1] if self._building else self._takes_requests

    @property
    def innermost(self) -> Requirement | None:
        """The requirement that is being prepared or built, if any."""
        return self._preparing[-1] if self._preparing else None

    @property
    def is_building(self) -> bool:
        """Whether build requirements are being installed in this process."""
        return bool(self._building)

    @contextmanager
    def preparing(self, requirement: Requirement) -> Iterator[None]:
        """Mark a requirement as the one that is being prepared, or built."""
        self._preparing.append(requirement)
        try:
            yield
        finally:
            self._preparing.pop()

    def is_preparing(self, requirement: Requirement) -> bool:
        """Tell whether a requirement is being prepared."""
        return requirement in self._preparing

    @contextmanager
    def building(self) -> Iterator[None]:
        """Mark that the build requirements of what is being prepared are installed."""
        self._building.append(bool(self._preparing) and self.is_requested_project(self._preparing[-1]))
        try:
            yield
        finally:
            self._building.pop()

    def note_roots(self, requirements: Iterable[Requirement]) -> None:
        """Note the references among the root requirements, if they are the user's and not a distribution's."""
        requirements = list(requirements)
        self.names.update(normalise_name(it.name) for it in requirements if it.name and not (it.link or it.constraint))
        if not self.takes_requests:
            return
        for requirement in requirements:
            locked: Link | None = getattr(requirement, "locked_link", None)  # pip 26.1
            if locked is not None:
                self._locked.add(locked.url)
            elif requirement.link is not None:
                self._urls.add(requirement.link.url)

    def note_local(self, link: Link, place: Location | None) -> None:
        """Note a requested reference that passed: what a requested local project brings is requested, and so on."""
        if place is not None and place.is_local:
            self._urls.add(link.url)

    def is_requested(self, requirement: Requirement, link: Link) -> bool:
        """Tell whether the user gave a reference, or a requested local project brings it."""
        if link.url in self._urls:
            return True
        parent = requirement.comes_from
        return parent is not None and not isinstance(parent, str) and self.is_requested_project(parent)

    def is_requested_project(self, requirement: Requirement) -> bool:
        """Tell whether a requirement is a local project that was itself requested."""
        link = requirement.original_link or requirement.link
        if link is None or link.url not in self._urls:
            return False
        place = find_reference(link.url)
        return place is not None and place.is_local and os.path.isdir(link.file_path)

    def is_locked(self, link: Link) -> bool:
        """Tell whether a lock file names the link."""
        return link.url in self._locked

    def note_built(self, wheel: Link, link: Link) -> None:
        """Note which link a cached wheel was built from."""
        self._built_from[wheel.url] = link

    def source_of(self, link: Link) -> Link:
        """Return the link that a requirement's link comes from; pip replaces it by that of a wheel built from it before."""
        return self._built_from.get(link.url, link)

    def watch(
        self, requirement: Requirement, link: Link, name: Name, *, requested: bool, locked: bool
    ) -> Reference | None:
        """Have every redirect of a reference's download judged like the reference; None where pip downloads nothing.

        Each layer by itself: to one that refuses the reference as such it has passed as a file of the name's own index.
        """
        place = find_reference(link.url)
        objections = self._run.authority(name).direct(place, requested=requested).findings
        holders = tuple(finding.layer for finding in objections if finding.layer is not None and finding.enforced)
        return self._watch(link, Reference(requirement, name, requested, [], place, holders, locked))

    def watch_file(self, requirement: Requirement, link: Link, name: Name) -> None:
        """Have every redirect of the download of a file judged that an index lists."""
        place = find_reference(link.url)
        self._watch(link, Reference(requirement, name, True, [], place, self._run.layers))

    def _watch(self, link: Link, reference: Reference) -> Reference | None:
        url = link.url.partition("#")[0]
        if not url.lower().startswith(("http:", "https:")):
            return None
        self._references[_spelt(url)] = self._by_requirement[id(reference.requirement)] = reference
        return reference

    def watched(self, url: str) -> Reference | None:
        """Return the reference whose download a request for ``url`` is.

        pip asks while it prepares the requirement, or later, for several at once (``fast-deps``, metadata beside a file).
        What it prepares for another one's build, in this process (pip >= 26.0), is judged as itself: the innermost counts.
        """
        if self._preparing:
            reference = self._by_requirement.get(id(self._preparing[-1]))
            if reference is not None:
                return reference
        return self._references.get(_spelt(url))


def _spelt(url: str) -> str:
    """Return a URL without fragment, in the spelling that pip >= 25.1 asks for; earlier pips ask for it as it is."""
    try:
        return urlunsplit((*urlsplit(url)[:4], ""))
    except ValueError:
        return url.partition("#")[0]
