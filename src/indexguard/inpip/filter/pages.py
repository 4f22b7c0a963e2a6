"""The filter, page by page: which indexes pip's finder asks for a name, which answers count, and which files remain.

One name travels so: pip asks an index -> may it be asked? -> the page arrives -> may it be used? -> its files. What
follows, with the whole list of files, is in ``finder``. Every wrapper is in wrapt's form: (wrapped, instance, args,
kwargs).
"""

from __future__ import annotations

import importlib
import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Callable
from urllib.parse import urlsplit

from ...decision.verdict import Finding, Verdict
from ...errors import GuardError, clean
from ...patterns import is_distribution, normalise_name
from ...policy.identity import Location, find_location
from ..gate.references import Reference, response_hook, watched
from ..run import Run
from ..search.page import Page
from ..search.search import Search
from ..speech import pip_errors

Wrapper = Callable[[Any, Any, Any, Any], Any]


def wrap_request(run: Run, check_redirect: Callable[[Reference, str], None]) -> Wrapper:
    """Note what became of each request for a page: pip tells 404, 503 and a broken connection alike: no page.

    :param check_redirect: is given each place that the download of a reference is led to, and raises where that is not
        allowed.
    """

    def request(wrapped: Any, session: Any, args: Any, kwargs: Any) -> Any:
        page = run.page
        if page is None:
            reference = watched(run, _url_of(*args, **kwargs))
            if reference is not None:
                kwargs = {**kwargs, "hooks": {"response": response_hook(check_redirect, reference)}}
            return wrapped(*args, **kwargs)
        try:
            if page.probing:
                with _once(session, _url_of(*args, **kwargs), run):
                    response = wrapped(*args, **kwargs)
            else:
                response = wrapped(*args, **kwargs)
        except Exception as error:
            page.exchanges.append(error)
            raise
        page.exchanges.append(response)
        return response

    return request


def wrap_process_project_url(run: Run) -> Wrapper:
    """Ask an index for a name only where every layer allows it; a public one perhaps for squatters."""
    pip_error = importlib.import_module(f"{run.root}._internal.exceptions").PipError

    def process_project_url(wrapped: Any, finder: Any, args: Any, kwargs: Any) -> Any:
        project_url, link_evaluator = _page_arguments(*args, **kwargs)
        search = run.search(finder, normalise_name(link_evaluator.project_name))
        page = _open_page(run, finder, project_url, link_evaluator.project_name)
        if not page.is_index and is_distribution(project_url.filename):
            return []  # pip >= 21.1 tries a file that --find-links names as a page, too
        with run.lock:
            search.pages.append(page)
        if not page.is_local:
            page.verdict = _may_ask(finder, search, page)
            if page.verdict.refusal is not None:
                if not page.verdict.probes:
                    return []
                page.probing = True
        try:
            with run.fetching(page):
                candidates = wrapped(*args, **kwargs)
        except Exception as error:
            # A page can break pip's own parser (JSON of another shape, a broken declaration). A probe changes nothing.
            if not page.probing and isinstance(error, pip_error):
                raise
            if not page.probing and not _counts_failures(run, finder, search):
                if not run.layers:
                    raise
                raise _unreadable(run, search, page, error) from error
            page.exchanges.append(error)
            page.links = None
            candidates = []
        page.failure = page.find_failure(search.name, alone=run.built_in)
        return candidates

    return process_project_url


def wrap_evaluate_links(run: Run) -> Wrapper:
    """Judge a page by its final URL before pip looks at its files, then its files one by one."""

    def evaluate_links(wrapped: Any, finder: Any, args: Any, kwargs: Any) -> Any:
        page = run.page
        if page is None:  # files that no page lists; judged with the whole list
            return wrapped(*args, **kwargs)
        link_evaluator, links = _links_arguments(*args, **kwargs)
        links = list(links)
        page.take_links(links)
        search = run.search(finder, normalise_name(link_evaluator.project_name))
        if page.answered_url is not None:
            page.answered = run.locate(page.answered_url)
        if page.probing:
            _note_squatters(search, page)
            return []
        if page.is_local:
            search.use(page)
            return wrapped(link_evaluator, links)
        verdict = search.authority.page(page.answered).without(page.verdict)
        unverified = tuple(_unverified(finder, search, page.answered, page.answered_url or ""))
        verdict = Verdict((*verdict.findings, *unverified)).without(page.verdict)
        for finding in verdict.findings:
            _drop_page(search, page, finding)
        if verdict.refusal is not None:
            return []
        search.use(page)
        return _sift_files(search, page, wrapped(link_evaluator, links))

    return evaluate_links


def _counts_failures(run: Run, finder: Any, search: Search) -> bool:
    """Tell whether an index that fails refuses the name: to a layer that enforces, or without one beside another index."""
    if any(layer.enforces for layer, _ in search.authority.rules):
        return True
    scope = finder.search_scope
    urls = [*scope.index_urls, *(url for url in scope.find_links if not is_distribution(url))]
    remote = {run.locate(url) or url for url in urls if url.lower().startswith(("http:", "https:"))}
    return run.built_in and len(remote) > 1


def _unreadable(run: Run, search: Search, page: Page, error: Exception) -> Exception:
    """Return pip's error for a page that breaks pip, where no failure counts.

    Without the guard pip ends there, with a traceback; to go on to another index would be the guard's doing.
    """
    facts = [("asked", page.shown), ("cause", clean(f"{type(error).__name__}: {error}"))]
    refused = f"pip cannot read the page of `{search.name}`"
    return pip_errors.as_pip_error(run.root, GuardError("index-failed", refused, facts))


def _open_page(run: Run, finder: Any, project_url: Any, project_name: str) -> Page:
    index = find_index_pages(finder.search_scope, project_name).get(project_url.url)
    url = project_url.url if index is None else index
    return Page(url, project_url.url, run.locate(url), is_index=index is not None)


def find_index_pages(scope: Any, project_name: str) -> dict[str, str]:
    """Return the index by the page that pip asks it for; not all of the indexes, nor in their order, under pipenv.

    :param scope: pip's ``SearchScope``. pipenv's own has it ask only the index that the Pipfile names for the project.
    """
    pages: dict[str, str] = {}
    for page_url in scope.get_index_urls_locations(project_name):
        # The last segment is the name as this pip quotes it; what stands before it is an index as pip was told of it.
        base, _, name = page_url[:-1].rpartition("/")
        told = (url for url in scope.index_urls if posixpath.join(url, name) + "/" == page_url)
        pages[page_url] = next(told, base + "/")
    return pages


def _may_ask(finder: Any, search: Search, page: Page) -> Verdict:
    verdict = search.authority.ask(page.asked)
    if verdict.refusal is not None and not verdict.probes:
        return verdict
    # Not even for squatters: the name would travel unprotected, and anybody on the way could answer.
    unverified = tuple(_unverified(finder, search, page.asked, page.url))
    return Verdict((*verdict.findings, *unverified) if verdict.probes else (*unverified, *verdict.findings))


def _unverified(finder: Any, search: Search, place: Location | None, url: str) -> Iterator[Finding]:
    """Yield the objections to a host that pip was told to trust without TLS: it is not the policy's https index."""
    if place is None or place.scheme not in ("https", "pypi"):
        return
    session = finder._link_collector.session  # noqa: SLF001  # as pip's own commands do, in every version
    # pip keeps its hosts as urlsplit gives them: an IPv6 address without its brackets.
    trusted = {host.strip("[]").lower() for host, _ in session.pip_trusted_origins}
    if (urlsplit(url).hostname or "").lower() in trusted:
        yield from (Finding("unverified-index", layer, rule) for layer, rule in search.authority.rules)


def _note_squatters(search: Search, page: Page) -> None:
    offered = page.offered(search.name)
    if not offered:
        return
    for finding in page.verdict.findings:
        if finding.probe:
            shadowed = Finding("shadowed-name", finding.layer, finding.rule)
            search.drop(shadowed, page, offered)


def _drop_page(search: Search, page: Page, finding: Finding) -> None:
    search.drop(finding, page, page.offered(search.name))


def _sift_files(search: Search, page: Page, candidates: Sequence[Any]) -> list[Any]:
    # A layer in audit mode has every index asked: what it would have kept from pip is noted here.
    for finding in page.verdict.observed:
        _note_observed(search, page, finding)
    if page.asked is not None and candidates:
        for finding in search.authority.unclaimed(page.asked).findings:
            _drop_page(search, page, finding)
    answered = page.answered
    candidates = _without_repositories(search, page, candidates)
    check = None if answered is None else search.authority.file_check(answered)
    if check is None or answered is None:
        return list(candidates)
    has_places = search.authority.looks_at_files(answered)
    kept = []
    for candidate in candidates:
        version = str(candidate.version)
        # The URL itself, not what it stands for: `files-from` has no token for the public index.
        location = find_location(candidate.link.url) if has_places else None
        verdict = check(version, location).without(page.verdict)
        for finding in verdict.findings:
            search.drop(finding, page, [(version, candidate.link)])
        if verdict.refusal is None:
            kept.append(candidate)
    return kept


def _without_repositories(search: Search, page: Page, candidates: Sequence[Any]) -> list[Any]:
    """Drop the VCS URLs that a page lists: pip would check them out like files (20.3 to 26.3); an index holds files."""
    # pip's `is_vcs` makes a list of all schemes each time; most of thousands of files need no such look.
    found = [candidate for candidate in candidates if candidate.link.url[:4] != "http" and candidate.link.is_vcs]
    findings = [Finding("file-elsewhere", layer, rule) for layer, rule in search.authority.rules] if found else []
    verdict = Verdict(tuple(findings)).without(page.verdict)
    for finding in verdict.findings:
        search.drop(finding, page, [(str(candidate.version), candidate.link) for candidate in found])
    return [candidate for candidate in candidates if verdict.refusal is None or candidate not in found]


def _note_observed(search: Search, page: Page, finding: Finding) -> None:
    shadowed = finding.probe and bool(page.offered(search.name))
    _drop_page(search, page, Finding("shadowed-name", finding.layer, finding.rule) if shadowed else finding)


@contextmanager
def _once(session: Any, url: str, run: Run) -> Iterator[None]:
    """Have one request sent without retries and without a prompt for a password: a probe must cost little."""
    adapter = session.get_adapter(url)
    auth = session.auth
    # One probe at a time: pip <= 21.3 has a thread pool (`list --outdated`), and the adapter is shared.
    with run.probing:
        retries, prompting = adapter.max_retries, getattr(auth, "prompting", False)
        adapter.max_retries = retries.new(total=0, connect=0, read=0, redirect=None, status=0)
        auth.prompting = False
        try:
            yield
        finally:
            adapter.max_retries, auth.prompting = retries, prompting


def _url_of(method: str, url: str, *_args: Any, **_kwargs: Any) -> str:
    del method
    return url


def _page_arguments(project_url: Any, link_evaluator: Any) -> tuple[Any, Any]:
    return project_url, link_evaluator


def _links_arguments(link_evaluator: Any, links: Any) -> tuple[Any, Any]:
    return link_evaluator, links
