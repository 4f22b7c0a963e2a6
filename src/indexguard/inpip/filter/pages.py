"""The filter, page by page: which indexes pip's finder asks for a name, which answers count, and which files remain.

One name travels so: pip asks an index -> may it be asked? -> the page arrives -> may it be used? -> its files. What
follows, with the whole list of files, is in ``finder``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from ...decision import outcome
from ...decision.verdict import Verdict
from ...patterns import is_distribution, normalise_name
from ...policy.identity import Location, find_location, find_reference, is_remote_page, is_trusted
from ..gate.references import redirect_hook
from ..gate.requests import Requests
from ..run import Run
from ..seams import pip_module
from ..search.page import Page
from ..search.search import Search
from ..search.searches import Searches

if TYPE_CHECKING:
    from ..certificates import Certificates
    from ..objects import Call, Candidate, Evaluator, Finder, Link, Scope, Session
    from ..serving.files import FileSifter
    from .typos import TypoFilter


_ACTIVE = rb'project-status"(?:\s*:\s*{\s*"status"\s*:|\s+content=)\s*"active"'
"""Not compiled yet: no page of most indexes tells a status."""


class PageFilter:
    """Stands for the methods of pip that ask for pages and read them.

    :param make_sifter: makes ``sifter`` where there is none, and a page needs one.
    :param sifter: judges what a policy asks of files beside their place.
    :param typos: looks whether a name is nearly another one.
    :param certificates: verifies the connections of the indexes that have some of their own.
    :param check_redirect: is given each place that a watched download is led to, and raises where that is not allowed
        (``Gate.check_redirect``).
    """

    def __init__(  # noqa: PLR0917  # all that a run has
        self,
        run: Run,
        searches: Searches,
        requests: Requests,
        check_redirect: Callable[..., None],
        make_sifter: Callable[[], FileSifter],
        certificates: Certificates | None = None,
        sifter: FileSifter | None = None,
        typos: TypoFilter | None = None,
    ) -> None:
        self._run = run
        self._searches = searches
        self._requests = requests
        self._check_redirect = check_redirect
        self._certificates = certificates
        self._make_sifter = make_sifter
        self._sifter = sifter
        self._typos = typos
        self._pip_error: type[Exception] = pip_module(run.root, "_internal.exceptions").PipError

    def request(self, call: Call, session: Session, method: str, url: str) -> object:
        """Note what became of each request for a page: pip tells 404, 503 and a broken connection alike: no page.

        :raises Exception: pip's own.
        """
        del method
        page = self._searches.page
        if self._certificates is not None:
            self._certificates.secure(session)
        if page is None:
            try:
                return self._download(call, session, url)
            except Exception as error:
                refusal = None if self._certificates is None else self._certificates.refuse(error, url)
                if refusal is None:
                    raise
                raise refusal from error
        hooks = {} if page.check_hop is None else {"hooks": {"response": redirect_hook(page.check_hop)}}
        try:
            if page.probing:
                # One probe at a time: pip <= 21.3 has a thread pool (`list --outdated`), and the adapter is shared.
                with self._searches.probing, _once(session, url):
                    response = call(**hooks)
            else:
                response = call(**hooks)
        except Exception as error:
            page.exchanges.append(error)
            raise
        page.exchanges.append(response)
        return response

    def _download(self, call: Call, session: Session, url: str) -> object:
        reference = self._requests.watched(url)
        if reference is None:
            return call()

        def check(came_from: str, led_to: str) -> None:
            self._check_redirect(reference, came_from, led_to, session.pip_trusted_origins)

        return call(hooks={"response": redirect_hook(check)})

    def process_project_url(
        self, call: Call, finder: Finder, project_url: Link, link_evaluator: Evaluator
    ) -> Sequence[Candidate]:
        """Ask an index for a name only where every layer allows it; a public one perhaps for squatters.

        :raises Exception: pip's own, or one made from a ``GuardError``: the page breaks pip where no failure counts.
        """
        search = self._searches.of(finder, normalise_name(link_evaluator.project_name))
        index = index_pages(finder, search, link_evaluator.project_name).get(project_url.url)
        url = project_url.url if index is None else index
        page = Page(url, project_url.url, self._run.locate(url), is_index=index is not None)
        if not page.is_index and is_distribution(project_url.filename):
            return []  # pip >= 21.1 tries a file that --find-links names as a page, too
        with self._searches.lock:
            search.pages.append(page)
        if not page.is_local and not self._may_ask(finder, search, page):
            return []
        try:
            with self._searches.fetching(page):
                candidates: Sequence[Candidate] = call()
        except Exception as error:
            from ..search.asking import is_of_login  # few requests end so

            # A page can break pip's own parser (JSON of another shape, a broken declaration). A probe changes nothing.
            if not page.probing and (isinstance(error, self._pip_error) or is_of_login(self._run.root, error)):
                raise
            if not page.probing and not counts_failures(self._run, finder, search):
                if not self._run.layers:
                    raise
                from .odd_pages import explain_unreadable  # few pages break pip

                raise explain_unreadable(self._run, search, page, error) from error
            page.exchanges.append(error)
            page.links = None
            candidates = []
        page.failure = page.find_failure(search.name)
        if page.failure is not None and page.status is not None and page.links is None:
            self._look_at_status(finder, search, page)
        if not page.is_index and not page.is_local and (self._run.built_in or self._run.audits_built_in):
            page.ignore_if_idle()
        if self._certificates is not None and page.failure is not None and page.exchanges and not page.probing:
            findings = self._certificates.find_findings(page.exchanges[-1], page.page_url)
            page.verdict = Verdict((*findings, *page.verdict.findings))
        page.close()
        return candidates

    def evaluate_links(
        self, call: Call, finder: Finder, link_evaluator: Evaluator, links: Iterable[Link]
    ) -> Sequence[Candidate]:
        """Judge a page by its final URL before pip looks at its files, then its files one by one."""
        page = self._searches.page
        if page is None:  # files that no page lists; judged with the whole list
            return call()  # type: ignore[no-any-return]  # pip's own
        links = list(links)
        page.take_links(links, self._searches.listing_of(page, links))
        search = self._searches.of(finder, normalise_name(link_evaluator.project_name))
        if page.answered_url is not None:
            page.answered = self._run.locate(page.answered_url)
        if page.probing:
            offered = page.offered(search.name)
            for finding in outcome.find_squatters(page.verdict) if offered else ():
                search.drop(finding, page, offered)
                self._note_times(search, page)
            return []
        if not page.is_local:
            unverified = is_trusted(page.answered_url or "", trusted_hosts(finder))
            verdict = outcome.answer(search.authority, page.verdict, page.answered, unverified=unverified)
            for finding in verdict.findings:
                search.drop(finding, page, page.offered(search.name))
            if verdict.refusal is not None:
                return []
        search.use(page)
        candidates: Sequence[Candidate] = call(links=links)
        return candidates if page.is_local else self._sift(search, page, candidates)

    def _sift(self, search: Search, page: Page, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        sifted: Sequence[Candidate] = _sift_files(search, page, candidates)
        if self._typos is not None:
            sifted = self._typos.sift(search, page, sifted)
        if self._sifter is None and search.authority.rules and not self._searches.settled and _tells_status(page):
            self._sifter = self._make_sifter()
        if self._sifter is None:
            return sifted
        if search.asks_own:
            from ..search.locks import find_unjudged  # few runs have one

            self._sifter.sift(search, page, find_unjudged(page, search.name, candidates))
        return self._sifter.sift(search, page, sifted)

    def _note_times(self, search: Search, page: Page) -> None:
        if not self._searches.settled:  # pip's self-check may load nothing more
            from ..serving.body import note_times  # few names are squatted

            note_times(page, search.name)
        if self._sifter is not None:
            self._sifter.note_squat(search, page)

    def _may_ask(self, finder: Finder, search: Search, page: Page) -> bool:
        """Tell whether a remote index is asked, be it for squatters only."""
        unverified = is_trusted(page.url, trusted_hosts(finder))
        page.verdict = outcome.ask(search.authority, page.asked, unverified=unverified)
        if self._typos is not None:
            page.verdict = self._typos.judge(search, page.verdict)
        page.probing = page.verdict.refusal is not None and page.verdict.probes and not search.asks_own
        if search.authority.rules:
            page.check_hop = partial(self._check_hop, finder, search, page)
        if search.asks_own:
            return not page.verdict.findings
        return page.verdict.refusal is None or page.probing

    def _look_at_status(self, finder: Finder, search: Search, page: Page) -> None:
        """Find out whether the status of a failed index says that it does not have the name, beside 404 and 410."""
        from ..search.absence import is_not_here  # few answer so

        counts = counts_failures(self._run, finder, search)
        alone = (self._run.built_in and counts) or (self._run.audits_built_in and search.several)
        names = self._requests.names
        if is_not_here(self._run, finder, self._searches, page, search.authority, names=names, alone=alone):
            page.is_not_here, page.failure = True, None

    def _check_hop(self, finder: Finder, search: Search, page: Page, came_from: str, led_to: str) -> None:
        from .redirects import check_page  # few indexes redirect

        check_page(self._run, search, page, (came_from, led_to), trusted_hosts(finder))


def _tells_status(page: Page) -> bool:
    """Tell whether a page may call its project something else than active (PEP 792): one search of its bytes."""
    content = getattr(page.exchanges[-1], "content", b"") if page.exchanges else b""
    place = content.find(b"project-status")
    return place >= 0 and re.match(_ACTIVE, content[place : place + 99]) is None


def trusted_hosts(finder: Finder) -> Iterable[tuple[str, int | None]]:
    """Return the hosts that pip was told to trust without TLS, each with its port or None for all of them."""
    return finder._link_collector.session.pip_trusted_origins  # noqa: SLF001  # as pip's own commands do, in every version


def counts_failures(run: Run, finder: Finder, search: Search) -> bool:
    """Tell whether an index that fails refuses the name; ``search.several`` then says whether there is more than one.

    An index whose URL nobody can read counts as one more; what --find-links names counts if pip takes it for a page.
    """
    idle = {page.url for page in search.pages if page.idle}
    if idle or not search.several:  # nothing else that is met later takes one away
        urls = {url for url in finder.search_scope.find_links if is_remote_page(url)}
        urls.update(page.url for page in search.pages)
        urls.difference_update(idle)
        # What --find-links names can be an index, too.
        urls.update(index_pages(finder, search, search.name).values())
        places = [run.locate(url) or url for url in urls]
        search.several = outcome.is_one_of_several(it for it in places if isinstance(it, str) or not it.is_local)
    return outcome.counts_failures(search.authority, built_in=run.built_in, several=search.several)


def configured_places(run: Run, finder: Finder, search: Search) -> frozenset[Location]:
    """Return the identities of the indexes, pages and files that pip is configured with: found out once."""
    if search.places is None:
        scope = finder.search_scope
        places = map(run.locate, (*scope.index_urls, *scope.find_links))
        search.places = frozenset(place for place in places if place is not None)
    return search.places


def is_local_file(search: Search, candidate: Candidate) -> bool:
    """Tell whether a candidate is a file of this machine, which no remote page names."""
    page = search.page_of(candidate.link)
    place = find_reference(candidate.link.url)
    return (page is None or page.is_local) and place is not None and place.is_local


def index_pages(finder: Finder, search: Search, project_name: str) -> dict[str, str]:
    """Return the indexes of a search by the page that pip asks each for: found out once."""
    if search.index_pages is None:
        search.index_pages = find_index_pages(finder.search_scope, project_name)
    return search.index_pages


def find_index_pages(scope: Scope, project_name: str) -> dict[str, str]:
    """Return the index by the page that pip asks it for; not all of the indexes, nor in their order, under pipenv.

    pipenv's own scope has it ask only the index that the Pipfile names for the project.
    """
    pages: dict[str, str] = {}
    told: dict[str, dict[str, str]] = {}
    for page_url in scope.get_index_urls_locations(project_name):
        # The last segment is the name as this pip quotes it; what stands before it is an index as pip was told of it.
        base, _, name = page_url[:-1].rpartition("/")
        if name not in told:  # of two that make one page, the first
            told[name] = {posixpath.join(url, name) + "/": url for url in reversed(scope.index_urls)}
        pages[page_url] = told[name].get(page_url, base + "/")
    return pages


def _sift_files(search: Search, page: Page, candidates: Sequence[Candidate]) -> list[Candidate]:
    # A layer in audit mode has every index asked: what it would have kept from pip is noted here.
    offered = page.offered(search.name) if page.verdict.findings else []
    for finding in outcome.find_observed(page.verdict, offers=bool(offered)):
        search.drop(finding, page, offered)
    if page.asked is not None and candidates:
        for finding in search.authority.unclaimed(page.asked).findings:
            search.drop(finding, page, page.offered(search.name))
    # pip's `is_vcs` makes a list of all schemes each time; most of thousands of files need no such look.
    if any(candidate.link.url[:4] != "http" and candidate.link.is_vcs for candidate in candidates):
        from .odd_pages import without_repositories  # few pages list one

        candidates = without_repositories(search, page, candidates)
    check = outcome.file_check(search.authority, page.verdict, page.answered)
    if check is None or page.answered is None:
        return list(candidates)
    has_places = search.authority.looks_at_files(page.answered)
    kept = []
    for candidate in candidates:
        version = str(candidate.version)
        # The URL itself, not what it stands for: `files-from` has no token for the public index.
        locate = find_location if candidate.link.url[:4] == "http" else find_reference
        verdict = check(version, locate(candidate.link.url) if has_places else None)
        for finding in verdict.findings:
            search.drop(finding, page, [(version, candidate.link)])
        if verdict.refusal is None:
            kept.append(candidate)
    return kept


@contextmanager
def _once(session: Session, url: str) -> Iterator[None]:
    """Have one request sent without retries and without a prompt for a password: a probe must cost little."""
    adapter = session.get_adapter(url)
    auth = session.auth
    retries, prompting = adapter.max_retries, getattr(auth, "prompting", False)
    adapter.max_retries = retries.new(total=0, connect=0, read=0, redirect=None, status=0)
    auth.prompting = False
    try:
        yield
    finally:
        adapter.max_retries, auth.prompting = retries, prompting
