"""The filter, name by name: pip's whole list of files, and whether the run goes on when nothing is left.

The pages have been judged one by one (``pages``); here come local files, files that no page lists, failed indexes, and
names that several indexes offer. Every wrapper is in wrapt's form: (wrapped, instance, args, kwargs).
"""

from __future__ import annotations

import filecmp
import importlib.util
import os
from collections.abc import Sequence
from typing import Any, Callable

from ...decision.outcome import sift_ambiguous
from ...decision.verdict import PASS, Finding, Verdict
from ...patterns import is_in_range, normalise_name, parse_range
from ...policy.identity import Location, find_reference
from ..run import Run
from ..search.page import Page
from ..search.search import Search
from ..speech import events, words
from .pages import find_index_pages

Wrapper = Callable[[Any, Any, Any, Any], Any]


def wrap_find_all_candidates(run: Run) -> Wrapper:
    """Sift the whole list: local files, files that no page lists, failed indexes, and names that several offer."""

    def find_all_candidates(wrapped: Any, finder: Any, args: Any, kwargs: Any) -> Any:
        found = wrapped(*args, **kwargs)
        name = _name_argument(*args, **kwargs)
        search = run.search(finder, normalise_name(name))
        kept = _sift(run, finder, search, found)
        with run.lock:
            search.kept = kept
            told, search.told = search.told, len(search.drops)
        if told is None:
            events.record_search(run, search)
        elif told < len(search.drops):
            events.record_drops(run, search, search.drops[told:])
        if told != len(search.drops):
            words.warn_of_drops(run, search)
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
            nothing_left = result.best_candidate is None
            cause = _find_cause(run, search, specifier, nothing_left=nothing_left, hashed=bool(hashes))
            if cause is not None:
                raise run.refuse(words.explain(search, cause), **words.refusal_fields(search, cause))
        return result

    return find_best_candidate


def _sift(run: Run, finder: Any, search: Search, found: Sequence[Any]) -> list[Any]:
    _complete_pages(run, finder, search)
    several = len({page.asked or page.url for page in search.pages if not page.is_local}) > 1
    if run.built_in and not several:  # with a single index nothing changes for the user
        for only in search.pages:
            only.failure = None
    enforced = any(layer.enforces for layer, _ in search.authority.rules)
    search.failures_count = enforced or (run.built_in and several)
    failed = search.failed
    locked = getattr(finder, "_locked_links", {}).get(search.name)  # pip >= 26.2
    kept = []
    for candidate in found:
        page = search.page_of(candidate.link)
        # Local is a property of the file: one that a remote page names is judged as a file, too.
        if page is not None and not page.is_local and candidate.link.url[:5].lower() != "file:":
            if not failed:
                kept.append(candidate)
        elif failed and not _is_local_file(search, candidate):
            continue  # no other remote source may stand in for an index that failed
        elif _may_use_file(run, search, candidate, is_locked=locked is candidate.link):
            kept.append(candidate)
    if run.built_in and several and not failed:
        _forget_metadata(search, kept)
        # A requirement with hashes is not ambiguous: pip installs nothing that does not match them.
        if not run.hashed:
            return _sift_ambiguous(run, finder, search, kept)
    return kept


def _forget_metadata(search: Search, kept: Sequence[Any]) -> None:
    """Have pip read the metadata in a file, where several indexes offer the file and not one metadata file (PEP 658).

    The hash of a file says nothing of the metadata that an index serves beside it, and that brings requirements.
    """
    beside: dict[str, list[str]] = {}
    for page in search.pages:
        for _, link in () if page.is_local else page.offered(search.name):
            beside.setdefault(link.filename, []).append(_metadata_digest(link))
    for candidate in kept:
        digests = beside.get(candidate.link.filename, [])
        if len(digests) > 1 and (len(set(digests)) > 1 or "sha256" not in digests[0]):
            for attribute in ("metadata_file_data", "dist_info_metadata"):  # pip >= 23.2; 22.3 to 23.1
                if getattr(candidate.link, attribute, None) is not None:
                    setattr(candidate.link, attribute, None)


def _metadata_digest(link: Any) -> str:
    """Return what a page says of the hash of a file's metadata file; empty where it lists none."""
    data = getattr(link, "metadata_file_data", None)  # pip >= 23.2
    if data is not None:
        return repr(data.hashes)
    return getattr(link, "dist_info_metadata", None) or ""  # pip 22.3 to 23.1


def _complete_pages(run: Run, finder: Any, search: Search) -> None:
    """Note the indexes that pip was configured with and did not even ask (not https, and not a trusted host)."""
    if getattr(finder, "_locked_links", {}).get(search.name) is not None:
        return  # a lock file names the file itself: no index is missing
    search.not_configured = search.authority.configured(_configured(run, finder))
    met = {page.page_url for page in search.pages}
    for page_url, url in find_index_pages(finder.search_scope, search.name).items():
        asked = run.locate(url)
        if page_url in met or (asked is not None and asked.is_local):
            continue
        page = Page(url, page_url, asked, is_index=True, verdict=search.authority.ask(asked))
        if page.verdict.refusal is None:
            page.failure = page.find_failure(search.name, alone=run.built_in)
        search.pages.append(page)


def _configured(run: Run, finder: Any) -> list[Location]:
    scope = finder.search_scope
    return [place for url in (*scope.index_urls, *scope.find_links) if (place := run.locate(url)) is not None]


def _may_use_file(run: Run, search: Search, candidate: Any, *, is_locked: bool) -> bool:
    place = find_reference(candidate.link.url)
    is_local = place is not None and place.is_local
    if is_locked:
        url = candidate.link.url
        verdict = search.authority.locked(run.locate_locked(url), str(candidate.version), find_reference(url))
    elif is_local:
        verdict = PASS if _is_bundled(candidate.link) else search.authority.local_file()
    else:
        # A remote file that a --find-links option or a local page names is a requested direct URL.
        direct = search.authority.direct(place, requested=True)
        verdict = Verdict(tuple(finding._replace(code="find-links") for finding in direct.findings))
    page = search.page_of(candidate.link)
    for finding in verdict.findings:
        search.drop(finding, page, [(str(candidate.version), candidate.link)])
    return verdict.refusal is None


def _is_bundled(link: Any) -> bool:
    """Tell whether a local file is one of the wheels bundled in ``ensurepip``, which are always allowed."""
    spec = importlib.util.find_spec("ensurepip")
    if spec is None or spec.origin is None:
        return False
    bundled = os.path.join(os.path.dirname(spec.origin), "_bundled", link.filename)
    return os.path.isfile(bundled) and filecmp.cmp(bundled, link.file_path, shallow=False)


def _sift_ambiguous(run: Run, finder: Any, search: Search, found: Sequence[Any]) -> list[Any]:
    offered = [(page, page.offered(search.name)) for page in search.pages if not page.is_local]
    offers: dict[Location, dict[str, str | None]] = {}
    for page, files in offered:
        if files:
            answered = offers.setdefault(_identity(run, finder, page), {})
            for _, link in files:
                digest = _sha256(link)
                # A name that a page lists with two digests, or once without, is like no other.
                answered[link.filename] = digest if answered.get(link.filename, digest) == digest else None
    alike = sift_ambiguous(offers)
    if alike is None:
        return list(found)
    digests = {name: digest for files in offers.values() for name, digest in files.items() if name in alike}
    kept = [candidate for candidate in found if _is_local_file(search, candidate) or _is_among(digests, candidate.link)]
    if not any(drop.finding.code == "ambiguous-name" for drop in search.drops):
        for page, files in offered:
            for version, link in files:
                if link.filename not in alike:
                    search.drop(Finding("ambiguous-name", None), page, [(version, link)])
        _drop_pageless(search, [candidate for candidate in found if candidate not in kept])
    return kept


def _is_among(digests: dict[str, str | None], link: Any) -> bool:
    """Tell whether a link is to the very file that all indexes offer: no index lists a --find-links file."""
    digest = _sha256(link)
    return digest is not None and digests.get(link.filename) == digest


def _drop_pageless(search: Search, candidates: Sequence[Any]) -> None:
    """Note the remote files that a --find-links option or a local page names: the name is refused, wherever it is."""
    for candidate in candidates:
        page = search.page_of(candidate.link)
        if page is None or page.is_local:
            search.drop(Finding("ambiguous-name", None), page, [(str(candidate.version), candidate.link)])


def _is_local_file(search: Search, candidate: Any) -> bool:
    page = search.page_of(candidate.link)
    place = find_reference(candidate.link.url)
    return (page is None or page.is_local) and place is not None and place.is_local


def _identity(run: Run, finder: Any, page: Page) -> Location:
    """Return the index that answered: the configured one that its final URL lies under, else the URL without the name."""
    answered = page.answered
    if answered is None:
        return Location("unknown", page.shown, 0)
    places = [place for place in _configured(run, finder) if answered.is_at_or_under(place)]
    if places:
        return max(places, key=lambda place: len(place.segments))
    return answered.parent if page.is_index else answered


def _sha256(link: Any) -> str | None:
    """Return the sha256 that pip will check the file against; None where it checks another hash, or none."""
    # A JSON page may give any value as a hash (pip >= 22.2 takes it as it is).
    return link.hash.lower() if link.hash_name == "sha256" and isinstance(link.hash, str) and link.hash else None


def _find_cause(
    run: Run, search: Search, specifier: Any, *, nothing_left: bool, hashed: bool = False
) -> Finding | None:
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
        if drop.finding.enforced
        # Dropped for a requirement without hashes; with them the name is not ambiguous.
        and not (hashed and drop.finding.code == "ambiguous-name")
        and any(_satisfies(specifier, version) for version in drop.versions)
    ]
    causes += [
        Finding("unmatched-name", layer) for layer, rule in search.authority.rules if layer.enforces and rule is None
    ]
    remote = [page.verdict.refusal for page in search.pages if not page.is_local]
    if all(remote):  # no permitted index is configured; a local page is none
        causes += [refusal for refusal in remote if refusal is not None]
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


def _name_argument(project_name: str) -> str:
    return project_name


def _best_arguments(project_name: str, specifier: Any = None, hashes: Any = None) -> tuple[str, Any, Any]:
    return project_name, specifier, hashes
