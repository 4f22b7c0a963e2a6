"""A file that a lock names, and that only the page of one of the name's own indexes can vouch for: it lists the very file.

Loaded where a lock names a file at a place that the policy does not tell to be the index's. pip >= 26.1 reads locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...decision import outcome
from ...errors import LOCKED_LINK
from ...patterns import Name, normalise_name
from ...policy.identity import find_location, find_reference
from ..run import Run
from .page import Page
from .search import Search
from .searches import Searches

if TYPE_CHECKING:
    from ..objects import Call, Candidate, Finder, Link, Requirement


def look_up(
    run: Run, finder: Finder, search: Search, candidate: Candidate, call: Call, *, roots: Iterable[Requirement]
) -> None:
    """Ask the name's own indexes for a file that a lock names, if the policy would refuse it as it is (pip >= 26.2).

    Where one lists it, the file counts as that page's.

    :param candidate: that file, which is all that pip's list holds.
    :param call: has pip make its list anew.
    :param roots: the requirements of the run: those of the lock have its hashes.
    """
    link = candidate.link
    place = find_reference(link.url)
    verdict = search.authority.locked(run.locate_locked(link.url), str(candidate.version), place)
    if all(finding.code != LOCKED_LINK for finding in verdict.findings):
        return
    owner: Any = finder
    locked, lists = owner._locked_links, owner._all_candidates  # noqa: SLF001  # pip has nothing else for it
    names = [name for name in lists if normalise_name(name) == search.name]
    search.asks_own = True
    kept_lists = {name: lists.pop(name) for name in names}
    kept_link = locked.pop(search.name)
    try:
        call()
    finally:
        locked[search.name] = kept_link
        lists.update(kept_lists)
    page = find_page(search, link, roots)
    if page is not None:
        search.forget_drops()
        source = link.comes_from
        if isinstance(source, str):
            search.by_answer[source] = page
    elif not any(finding.enforced for finding in verdict.findings if finding.code == LOCKED_LINK):
        # Only an audit had the page asked, to log what it would decide: what came of that refuses nobody.
        search.forget_drops()
        search.asks_own = False
        for asked in search.pages:
            asked.failure = None


def is_listed(searches: Searches, finder: Any, name: Name, requirement: Requirement, link: Link) -> bool:
    """Tell whether an index of the name's own lists the very file of a lock (pip 26.1, whose finder knows of no lock)."""
    search = searches.of(finder, name)
    search.asks_own = True
    finder.find_all_candidates(name)
    return find_page(search, link, [requirement]) is not None


def find_page(search: Search, link: Link, roots: Iterable[Requirement]) -> Page | None:
    """Return the page of the name's own index that lists the very file of a lock, and lets it pass.

    The same URL, or the same file name and sha256: then pip is left no hash but those that the page gives.
    """
    requirements = [it for it in roots if it.name is not None and normalise_name(it.name) == search.name]
    for page, version, listed in _files_of(search):
        check = outcome.file_check(search.authority, page.verdict, page.answered)
        if check is not None and check(version, find_location(listed.url)).refusal is not None:
            continue
        if _url_of(link) is not None and _url_of(link) == _url_of(listed):
            return page
        if link.filename == listed.filename and _have_hashes_of(listed, link, requirements):
            return page
    return None


def _files_of(search: Search) -> Iterator[tuple[Page, str, Link]]:
    for page in dict.fromkeys(search.by_answer.values()):
        if not page.is_local:
            for version, link in page.offered(search.name):
                yield page, version, link
    for candidate in search.kept:  # where the page itself is forgotten
        page_of = search.page_of(candidate.link)
        if page_of is not None and not page_of.is_local:
            yield page_of, str(candidate.version), candidate.link


def _url_of(link: Link) -> object:
    """Return what makes a file's URL the same; None where it has no single reading. A query may choose the file."""
    place = find_location(link.url)
    return None if place is None else (place, urlsplit(link.url).query)


def _have_hashes_of(listed: Link, link: Link, requirements: Sequence[Requirement]) -> bool:
    """Tell whether the lock's sha256 is the page's; if so, take all others from it that the page does not give.

    pip takes a file that matches any hash of the lock: one of them may be another file's.
    """
    told = {listed.hash_name: listed.hash, **(getattr(listed, "_hashes", None) or {})}
    digests = {name: value.lower() for name, value in told.items() if isinstance(value, str)}
    digest = digests.get("sha256")
    if digest is None or not requirements:
        return False
    options = [requirement.hash_options for requirement in requirements]
    if any(digest not in map(str.lower, each.get("sha256", ())) for each in options):
        return False
    # A hash in the URL itself is one more to pip, and cannot be taken from it.
    if link.hash is not None and digests.get(link.hash_name or "") != str(link.hash).lower():
        return False
    for each in options:
        for name in list(each):
            each[name] = [value for value in each[name] if value.lower() == digests.get(name)]
            if not each[name]:
                del each[name]
    return True
