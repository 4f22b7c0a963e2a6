"""All searches of one pip run, and what each thread of it is looking for now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...patterns import Name
from ..run import Run
from .page import Page
from .search import Search

if TYPE_CHECKING:
    from ..objects import Candidate, Finder, Link, Requirement
    from .listing import Listing

_SEARCHES = "_indexguard_searches"


class Searches:
    """The searches of one pip run.

    pip <= 21.3 asks the finder from a thread pool (``pip list --outdated``): what threads share is behind the lock.
    """

    def __init__(self, run: Run) -> None:
        self.lock = threading.RLock()
        self.probing = threading.Lock()
        """One probe at a time."""
        self.settled = False
        """Whether all that was looked for has been found: pip installs."""
        self.resolving = 0
        """How many resolvers are at work; commands that only look have none."""
        self.absences: dict[tuple[str, object], bool] = {}
        """What has been found out of an index, by what and by its place (``absence``)."""
        self.roots: list[Requirement] = []
        """What pip was asked to resolve."""
        self._run = run
        self._local = threading.local()
        self._by_name: dict[Name, list[Search]] = {}
        self._listings: dict[str, Listing] = {}
        """By the URL of a --find-links page."""

    def of(self, finder: Finder, name: Name) -> Search:
        """Return the search of this finder for this name; pip's own caches live as long as the finder, so does this."""
        with self.lock:
            searches: dict[Name, Search] = vars(finder).setdefault(_SEARCHES, {})
            if name not in searches:
                searches[name] = Search(name, self._run.authority(name))
                if name == "pip" and not self.resolving:
                    from .asking import is_self_check  # few runs ask for it

                    searches[name].is_self_check = is_self_check(self._run.root)
                self._by_name.setdefault(name, []).append(searches[name])
            return searches[name]

    def all(self, name: Name | None = None) -> list[Search]:
        """Return the searches for one name, or all of them, in the order in which they began."""
        with self.lock:
            if name is not None:
                return list(self._by_name.get(name, ()))
            return [search for searches in self._by_name.values() for search in searches]

    def find_approval(self, name: Name, link: Link) -> tuple[Candidate, Page | None] | None:
        """Return the candidate that a finder approved with this link, and the page that lists it, if any."""
        for search in self.all(name):
            candidate = search.find_candidate(link)
            if candidate is not None:
                return candidate, search.page_of(candidate.link)
        return None

    def listing_of(self, page: Page, links: list[Link]) -> Listing | None:
        """Return the links of a --find-links page by project; None for an index's, which is asked for one name each."""
        if page.is_index or page.is_local:
            return None
        from .listing import Listing  # few runs have one

        with self.lock:
            listing = self._listings.get(page.page_url)
            if listing is None or not listing.is_of(links):
                listing = self._listings[page.page_url] = Listing(links)
            return listing

    def must_be_whole(self, link: Link) -> bool:
        """Tell whether no part of a file may be read before the hash of the whole is checked."""
        return any(search.is_whole and search.page_of(link) is not None for search in self.all())

    @property
    def page(self) -> Page | None:
        """The page that this thread is fetching."""
        return getattr(self._local, "page", None)

    @contextmanager
    def fetching(self, page: Page) -> Iterator[None]:
        """Mark a page as the one that this thread is fetching."""
        self._local.page = page
        try:
            yield
        finally:
            self._local.page = None

    @property
    def hashed(self) -> bool:
        """Whether the requirement that this thread is looking up carries hashes."""
        return getattr(self._local, "hashed", False)

    @contextmanager
    def looking_up(self, *, hashed: bool) -> Iterator[None]:
        """Mark what this thread is looking up: a requirement, with or without hashes."""
        before = self.hashed
        self._local.hashed = hashed
        try:
            yield
        finally:
            self._local.hashed = before


def find_locked(finder: object, name: Name) -> Link | None:
    """Return the file that a lock names for a project (pip >= 26.2, whose finder knows)."""
    links: dict[str, Link] = getattr(finder, "_locked_links", {})
    return links.get(name)
