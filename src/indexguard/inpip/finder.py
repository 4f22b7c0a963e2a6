"""The filter: which indexes pip's finder asks for a name, which pages count, and which files remain.

One name travels so: pip asks an index -> may it be asked? -> the page arrives -> may it be used? -> its files -> pip's
own selection -> is nothing left that satisfies the requirement? Every function here is a wrapper in wrapt's form:
(wrapped, instance, args, kwargs).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Callable

from ..decision import Finding, Verdict, sift_ambiguous
from ..patterns import is_in_range, normalise_name, parse_range
from ..policy.identity import Location, redact
from . import story
from .run import Run
from .search import Page, Search

Wrapper = Callable[[Any, Any, Any, Any], Any]

_SHA256 = re.compile(r"[#&]sha256=([0-9a-fA-F]{64})")


def wrap_request(run: Run) -> Wrapper:
    """Note what became of each request for a page: pip tells 404, 503 and a broken connection alike: no page."""

    def request(wrapped: Any, session: Any, args: Any, kwargs: Any) -> Any:
        page = run.page
        if page is None:
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

    def process_project_url(wrapped: Any, finder: Any, args: Any, kwargs: Any) -> Any:
        project_url, link_evaluator = _page_arguments(*args, **kwargs)
        search = run.search(finder, normalise_name(link_evaluator.project_name))
        page = _open_page(run, finder, project_url, link_evaluator.project_name)
        with run.lock:
            search.pages.append(page)
        if not page.is_local:
            page.verdict = _may_ask(finder, search, page)
            if page.verdict.refusal is not None:
                if not page.verdict.probes:
                    return []
                page.probing = True
        with run.fetching(page):
            candidates = wrapped(*args, **kwargs)
        page.failure = page.find_failure(alone=run.built_in)
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
            with run.lock:
                search.by_answer[page.answered_url] = page
        if page.probing:
            _note_squatters(search, page)
            return []
        if page.is_local:
            return wrapped(link_evaluator, links)
        verdict = search.authority.page(page.answered)
        for finding in verdict.findings:
            _drop_page(search, page, finding)
        if verdict.refusal is not None:
            return []
        return _sift_files(run, search, page, wrapped(link_evaluator, links))

    return evaluate_links


def wrap_find_all_candidates(run: Run) -> Wrapper:
    """Sift the whole list: local files, files that no page lists, failed indexes, and names that several offer."""

    def find_all_candidates(wrapped: Any, finder: Any, args: Any, kwargs: Any) -> Any:
        found = wrapped(*args, **kwargs)
        name = _name_argument(*args, **kwargs)
        search = run.search(finder, normalise_name(name))
        kept = _sift(run, finder, search, found)
        with run.lock:
            search.kept = kept
            first, search.told = not search.told, True
        if first:
            story.record_search(run, search)
            story.warn_of_drops(run, search)
        return list(kept)

    return find_all_candidates


def wrap_find_best_candidate(run: Run) -> Wrapper:
    """Refuse the run when nothing that satisfies the requirement is left; only here are specifier and hashes known."""

    def find_best_candidate(wrapped: Any, finder: Any, args: Any, kwargs: Any) -> Any:
        name, specifier, hashes = _best_arguments(*args, **kwargs)
        with run.looking_up(hashed=bool(hashes)):
            result = wrapped(*args, **kwargs)
        # Commands that only look (`list --outdated`, `index versions`, the self-check) have no resolver: never refused.
        if run.resolving:
            search = run.search(finder, normalise_name(name))
            cause = _find_cause(run, search, specifier, nothing_left=result.best_candidate is None)
            if cause is not None:
                raise run.refuse(story.explain(search, cause), **story.refusal_fields(search, cause))
        return result

    return find_best_candidate


def _open_page(run: Run, finder: Any, project_url: Any, project_name: str) -> Page:
    scope = finder.search_scope
    # pip joins index URL and name itself: asking it for the same list tells which index this page belongs to.
    indexes = dict(zip(scope.get_index_urls_locations(project_name), scope.index_urls))
    index = indexes.get(project_url.url)
    url = project_url.url if index is None else index
    return Page(url, run.locate(url), is_index=index is not None)


def _may_ask(finder: Any, search: Search, page: Page) -> Verdict:
    verdict = search.authority.ask(page.asked)
    asked = page.asked
    if asked is None or asked.scheme not in ("https", "pypi") or verdict.refusal is not None:
        return verdict
    session = finder._link_collector.session  # noqa: SLF001  # as pip's own commands do, in every version
    trusted = {host.lower() for host, _ in session.pip_trusted_origins}
    host = asked.host or _host_of(page.url)
    if host not in trusted:
        return verdict
    unverified = tuple(Finding("unverified-index", layer, rule) for layer, rule in search.authority.rules)
    return Verdict((*unverified, *verdict.findings))


def _host_of(url: str) -> str:
    return redact(url).partition("://")[2].partition("/")[0].partition(":")[0].lower()


def _note_squatters(search: Search, page: Page) -> None:
    offered = page.offered(search.name)
    if not offered:
        return
    for finding in page.verdict.findings:
        if finding.probe:
            shadowed = Finding("shadowed-name", finding.layer, finding.rule)
            for version, _, _ in offered:
                search.drop(shadowed, page, version)


def _drop_page(search: Search, page: Page, finding: Finding) -> None:
    offered = page.offered(search.name)
    search.drop(finding, page, None, 0)
    for version, _, _ in offered:
        search.drop(finding, page, version)


def _sift_files(run: Run, search: Search, page: Page, candidates: Sequence[Any]) -> list[Any]:
    # A layer in audit mode has every index asked: what it would have kept from pip is noted here.
    for finding in page.verdict.observed:
        _note_observed(search, page, finding)
    if page.asked is not None and candidates:
        for finding in search.authority.unclaimed(page.asked).findings:
            _drop_page(search, page, finding)
    check = None if page.answered is None else search.authority.file_check(page.answered)
    if check is None:
        return list(candidates)
    kept = []
    for candidate in candidates:
        verdict = check(str(candidate.version), run.locate(candidate.link.url))
        for finding in verdict.findings:
            search.drop(finding, page, str(candidate.version))
        if verdict.refusal is None:
            kept.append(candidate)
    return kept


def _note_observed(search: Search, page: Page, finding: Finding) -> None:
    shadowed = finding.probe and bool(page.offered(search.name))
    _drop_page(search, page, Finding("shadowed-name", finding.layer, finding.rule) if shadowed else finding)


def _sift(run: Run, finder: Any, search: Search, found: Sequence[Any]) -> list[Any]:
    _complete_pages(run, finder, search)
    search.not_configured = search.authority.configured(_configured(run, finder))
    several = len({page.asked or page.url for page in search.pages if not page.is_local}) > 1
    if run.built_in and not several:  # with a single index nothing changes for the user
        for only in search.pages:
            only.failure = None
    failed = search.failed
    locked = getattr(finder, "_locked_links", {}).get(search.name)  # pip >= 26.2
    kept = []
    for candidate in found:
        page = search.page_of(candidate.link)
        if page is not None and not page.is_local:
            if not failed:
                kept.append(candidate)
        elif failed and not _is_local_file(run, search, candidate):
            continue  # no other remote source may stand in for an index that failed
        elif _may_use_file(run, search, candidate, is_locked=locked is candidate.link):
            kept.append(candidate)
    # A requirement with hashes is not ambiguous: pip installs nothing that does not match them.
    if run.built_in and several and not failed and not run.hashed:
        return _sift_ambiguous(run, finder, search, kept)
    return kept


def _complete_pages(run: Run, finder: Any, search: Search) -> None:
    """Note the indexes that pip was configured with and did not even ask (not https, and not a trusted host)."""
    if getattr(finder, "_locked_links", {}).get(search.name) is not None:
        return
    met = {page.url for page in search.pages}
    for url in finder.search_scope.index_urls:
        asked = run.locate(url)
        if url in met or (asked is not None and asked.is_local):
            continue
        page = Page(url, asked, is_index=True, verdict=search.authority.ask(asked))
        if page.verdict.refusal is None:
            page.failure = page.find_failure(alone=run.built_in)
        search.pages.append(page)


def _configured(run: Run, finder: Any) -> list[Location]:
    scope = finder.search_scope
    return [place for url in (*scope.index_urls, *scope.find_links) if (place := run.locate(url)) is not None]


def _may_use_file(run: Run, search: Search, candidate: Any, *, is_locked: bool) -> bool:
    location = run.locate(candidate.link.url)
    is_local = location is not None and location.is_local
    if is_locked:
        verdict = search.authority.locked(location, local=is_local)
    elif is_local:
        verdict = search.authority.local_file()
    else:
        # A remote file that a --find-links option or a local page names is a requested direct URL.
        direct = search.authority.direct(requested=True, local=False)
        verdict = Verdict(tuple(Finding("find-links", finding.layer, finding.rule) for finding in direct.findings))
    page = search.page_of(candidate.link)
    for finding in verdict.findings:
        search.drop(finding, page, str(candidate.version))
    return verdict.refusal is None


def _sift_ambiguous(run: Run, finder: Any, search: Search, found: Sequence[Any]) -> list[Any]:
    offered = [(page, page.offered(search.name)) for page in search.pages if not page.is_local]
    offers: dict[Location, dict[str, str | None]] = {}
    for page, files in offered:
        if files:
            answered = offers.setdefault(_identity(run, finder, page), {})
            answered.update((filename, _sha256(link)) for _, filename, link in files)
    alike = sift_ambiguous(offers)
    if alike is None:
        return list(found)
    if not search.told:
        for page, files in offered:
            for version, filename, _ in files:
                if filename not in alike:
                    search.drop(Finding("ambiguous-name", None), page, version)
    return [
        candidate
        for candidate in found
        if candidate.link.filename in alike or _is_local_file(run, search, candidate)
    ]


def _is_local_file(run: Run, search: Search, candidate: Any) -> bool:
    page = search.page_of(candidate.link)
    location = run.locate(candidate.link.url)
    return (page is None or page.is_local) and location is not None and location.is_local


def _identity(run: Run, finder: Any, page: Page) -> Location:
    """Return the index that answered: the configured one that its final URL lies under, else the URL without the name."""
    answered = page.answered
    if answered is None:
        return Location("unknown", page.shown, 0)
    for place in _configured(run, finder):
        if answered.is_at_or_under(place):
            return place
    return answered.parent if page.is_index else answered


def _sha256(link: Any) -> str | None:
    hashes = getattr(link, "_hashes", None)  # pip >= 22.2
    if hashes and "sha256" in hashes:
        return str(hashes["sha256"]).lower()
    found = _SHA256.search(link.url)
    return found[1].lower() if found else None


def _find_cause(run: Run, search: Search, specifier: Any, *, nothing_left: bool) -> Finding | None:
    """Return why the run is refused, or None where pip may go on."""
    shadowed = [drop for drop in search.drops if drop.finding.enforced and drop.finding.code == "shadowed-name"]
    if shadowed and run.settings.abort_on_shadow:
        return shadowed[0].finding
    if not nothing_left:
        return None
    failed = search.failed
    if failed:
        rules = [Finding("index-failed", layer, rule) for layer, rule in search.authority.rules if layer.enforces]
        return rules[0] if rules else Finding("index-failed", None)
    causes = [
        page.verdict.refusal
        for page in search.pages
        if page.verdict.refusal is not None and page.verdict.refusal.code in ("entry-expired", "unverified-index")
    ]
    if search.not_configured.refusal is not None:
        causes.append(search.not_configured.refusal)
    causes += [
        drop.finding
        for drop in search.drops
        if drop.finding.enforced and any(_satisfies(specifier, version) for version in drop.versions)
    ]
    causes += [
        page.verdict.refusal
        for page in search.pages
        if page.verdict.refusal is not None and page.verdict.refusal.code == "unmatched-name"
    ]
    if not causes or run.settings.backtrack:
        return None
    return causes[0]


def _satisfies(specifier: Any, version: str) -> bool:
    if specifier is None or not str(specifier):
        return True
    try:
        # pip's specifier is of pip's own copy of packaging: read again, so that all pips compare alike.
        return is_in_range(parse_range(str(specifier)), version)
    except ValueError:  # a legacy specifier of pip < 24.1: whether the file fits is not known, so it counts
        return True


@contextmanager
def _once(session: Any, url: str, run: Run) -> Iterator[None]:
    """Have one request sent without retries and without a prompt for a password: a probe must cost little."""
    adapter = session.get_adapter(url)
    auth = session.auth
    with run.lock:
        retries, prompting = adapter.max_retries, getattr(auth, "prompting", False)
        adapter.max_retries = retries.new(total=0, connect=0, read=0, redirect=None, status=0)
        auth.prompting = False
    try:
        yield
    finally:
        with run.lock:
            adapter.max_retries, auth.prompting = retries, prompting


def _url_of(method: str, url: str, *_args: Any, **_kwargs: Any) -> str:
    del method
    return url


def _page_arguments(project_url: Any, link_evaluator: Any) -> tuple[Any, Any]:
    return project_url, link_evaluator


def _links_arguments(link_evaluator: Any, links: Any) -> tuple[Any, Any]:
    return link_evaluator, links


def _name_argument(project_name: str) -> str:
    return project_name


def _best_arguments(project_name: str, specifier: Any = None, hashes: Any = None) -> tuple[str, Any, Any]:
    return project_name, specifier, hashes

