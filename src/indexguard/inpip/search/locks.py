"""A file that a lock names, and that only the page of one of the name's own indexes can vouch for: it lists the very file.

Loaded where a lock names a file at a place that the policy does not tell to be the index's. pip >= 26.1 reads locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...audit.event import MAX_VERSIONS
from ...decision import outcome
from ...decision.authority import Authority
from ...decision.verdict import PASS, Verdict
from ...errors import LOCKED_LINK
from ...patterns import Name, normalise_name
from ...policy.identity import Location, find_location, find_reference
from ..run import Run
from .page import Drop, Page
from .search import Search
from .searches import Searches

if TYPE_CHECKING:
    from ..objects import Call, Candidate, Finder, Link, Requirement


@dataclass(eq=False, repr=False)
class Listed:
    """A file that a page lists, as far as pip's own candidates are looked at."""

    version: object
    link: Link


def look_up(
    run: Run, finder: Finder, search: Search, candidate: Candidate, call: Call, *, roots: Iterable[Requirement]
) -> None:
    """Ask the name's own indexes for a file that a lock names, if the policy would refuse it as it is (pip >= 26.2).

    Also where it asks something of the index's files: then the page's entry is judged, not the lock's. Where one lists it,
    the file counts as that page's.

    :param candidate: that file, which is all that pip's list holds.
    :param call: has pip make its list anew.
    :param roots: the requirements of the run: those of the lock have its hashes.
    """
    link = candidate.link
    place = find_reference(link.url)
    verdict = search.authority.locked(run.locate_locked(link.url), str(candidate.version), place)
    if not _needs_page(search.authority, verdict, place):
        return
    owner: Any = finder
    locked = owner._locked_links  # noqa: SLF001  # pip has nothing else for it
    search.asks_own = True
    kept_link = locked.pop(search.name)
    try:
        with _without_lists(finder, search):
            call()
    finally:
        locked[search.name] = kept_link
    page = find_page(search, link, roots)
    drops = [] if page is not None else find_drops(search, link)
    if drops or (page is None and goes_by_page(search.authority)):
        # Then no layer takes it for a file of its index, whatever another one, or an audit, says of the link.
        search.lock_drops = drops
    if search.lock_drops:
        search.forget_drops()
        search.drops = search.lock_drops
    if page is not None:
        search.forget_drops()
        source = link.comes_from
        if isinstance(source, str):
            search.by_answer[source] = page
    elif search.lock_drops is None and not any(it.enforced for it in verdict.findings if it.code == LOCKED_LINK):
        # Only an audit had the page asked, to log what it would decide: what came of that refuses nobody.
        search.forget_drops()
        search.asks_own = False
        for asked in search.pages:
            asked.failure = None


def judge_listed(
    searches: Searches, finder: Any, name: Name, requirement: Requirement, link: Link, *, verdict: Verdict
) -> Verdict:
    """Judge a file that a lock names by the page of the name's own index (pip 26.1, whose finder knows of no lock).

    :param verdict: what the layers say of it as it is.
    """
    search = searches.of(finder, name)
    place = find_reference(link.url)
    if not _needs_page(search.authority, verdict, place):
        return verdict
    search.asks_own = True
    asks = goes_by_page(search.authority)
    anew = _without_lists(finder, search) if asks else nullcontext()
    with anew, searches.looking_up(hashed=bool(requirement.hash_options)):
        finder.find_all_candidates(name)
    page = find_page(search, link, [requirement])
    dropped = tuple(drop.finding for drop in find_drops(search, link))
    if asks:
        search.settle(MAX_VERSIONS)
    if page is not None:
        return PASS
    if dropped or not asks:
        return Verdict(dropped) if dropped else verdict
    if search.failed:
        return Verdict(tuple(outcome.find_failures(search.authority, built_in=False)))
    return search.authority.locked(None, "", place)


@contextmanager
def _without_lists(finder: Any, search: Search) -> Iterator[None]:
    """Have pip ask for the pages of a name, whatever it has found before: then no file of them is forgotten yet."""
    lists = finder._all_candidates  # noqa: SLF001  # pip has nothing else for it
    kept = {name: lists.pop(name) for name in list(lists) if normalise_name(name) == search.name}
    try:
        yield
    finally:
        lists.update(kept)


def find_unjudged(page: Page, name: Name, judged: Iterable[Candidate]) -> list[Listed]:
    """Return the files of a page that pip itself passes over, such as those for another Python: a lock may name one.

    :param judged: what pip made of the others.
    """
    known = {id(candidate.link) for candidate in judged}
    return [Listed(version, link) for version, link in page.offered(name) if id(link) not in known]


def find_drops(search: Search, link: Link) -> list[Drop]:
    """Return what of a page was kept from pip that is the very file of a lock, by what a policy asks of files."""
    return [
        drop
        for drop in search.drops
        if drop.objections and any(listed.filename == link.filename for _, listed in drop.offered)
    ]


def _needs_page(authority: Authority, verdict: Verdict, place: Location | None) -> bool:
    if any(finding.code == LOCKED_LINK for finding in verdict.findings):
        return True
    return goes_by_page(authority) and not (place is not None and place.is_local)


def goes_by_page(authority: Authority) -> bool:
    """Tell whether a layer asks something of files: then the page is asked about the file that a lock names."""
    if all(layer.policy.serving is None for layer, _ in authority.rules):
        return False
    from ...decision.serving import asks_of_files

    return asks_of_files(authority)


def find_page(search: Search, link: Link, roots: Iterable[Requirement]) -> Page | None:
    """Return the page of the name's own index that lists the very file of a lock, and lets it pass.

    The same URL, or the same file name and sha256: then pip is left no hash but those that the page gives.
    """
    refused = {id(it) for drop in search.drops if drop.objections and drop.finding.enforced for _, it in drop.offered}
    requirements = [it for it in roots if it.name is not None and normalise_name(it.name) == search.name]
    judged = (search.facts or {}) if goes_by_page(search.authority) else None
    for page, version, listed in _files_of(search):
        if id(listed) in refused or (judged is not None and listed.url not in judged):
            continue
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
