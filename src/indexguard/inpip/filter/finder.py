"""The filter, name by name: pip's whole list of files, and whether the run goes on when nothing is left.

The pages have been judged one by one (``pages``); here come local files, files that no page lists, failed indexes, and
names that several indexes offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...audit.event import MAX_VERSIONS
from ...decision import outcome
from ...decision.verdict import PASS
from ...errors import SHADOWED_NAME
from ...patterns import normalise_name
from ...policy.identity import find_reference, is_trusted
from ..run import Run
from ..search.page import Page
from ..search.search import Judged, Search
from ..search.searches import Searches, find_locked
from ..speech import events
from ..speech.speaker import Speaker
from .pages import configured_places, counts_failures, index_pages, is_local_file, trusted_hosts

if TYPE_CHECKING:
    from ..objects import BestCandidate, Call, Candidate, Finder
    from ..serving.files import FileSifter
    from .typos import TypoFilter


class NameFilter:
    """Stands for the methods of pip's finder that list the files of a name, and choose one."""

    def __init__(
        self,
        run: Run,
        searches: Searches,
        speaker: Speaker,
        sifter: FileSifter | None = None,
        typos: TypoFilter | None = None,
    ) -> None:
        self._run = run
        self._sifter = sifter
        self._typos = typos
        self._searches = searches
        self._speaker = speaker

    def find_all_candidates(self, call: Call, finder: Finder, project_name: str) -> list[Candidate]:
        """Sift the whole list: local files, files that no page lists, failed indexes, and names that several offer."""
        found: Sequence[Candidate] = call()
        search = self._searches.of(finder, normalise_name(project_name))
        if id(found) not in search.lists and find_locked(finder, search.name) is not None:
            from ..search.locks import look_up  # few runs have one

            look_up(self._run, finder, search, found[0], call, roots=self._searches.roots)
        kept = self._sift_pins(search, self._sift(finder, search, found))
        if kept is search.source:
            return list(search.kept)
        search.source = kept
        if any(drop.finding.code == SHADOWED_NAME for drop in search.drops):
            from .same_files import sift_same_files  # few names are squatted

            kept = sift_same_files(search, kept)
        with self._searches.lock:
            search.keep(kept)
            told, search.told = search.told, len(search.drops)
        if told is None:
            events.record_search(self._speaker, self._run, search)
        elif told < len(search.drops):
            events.record_drops(self._speaker, search, search.drops[told:])
        for page in search.pages:
            if page.idle is not None:
                self._speaker.warn(f"indexguard: --find-links {page.shown} does not count: {page.idle}")
        if told != len(search.drops) and search.has_news:
            from ..speech.words import warn_of_drops

            # Where nothing is left, the refusal says it all; what only looks, or may go on to another version, does not.
            refused_next = bool(self._searches.resolving) and not self._run.settings.backtrack
            warn_of_drops(self._speaker, search, refused_next=refused_next)
        if self._may_settle(finder, search):
            search.settle(MAX_VERSIONS)
        return list(kept)

    def find_best_candidate(
        self, call: Call, finder: Finder, project_name: str, specifier: object = None, hashes: object = None
    ) -> BestCandidate:
        """Refuse the run when nothing that satisfies the requirement is left; only here are specifier and hashes known.

        :raises Exception: pip's own error, made from a ``Refusal``.
        """
        if self._sifter is not None and not hashes:
            self._sifter.forget_other(finder, project_name, specifier, hashes)
        with self._searches.looking_up(hashed=bool(hashes)):
            result: BestCandidate = call()
        # Commands that only look (`list --outdated`, `index versions`, the self-check) have no resolver: never refused.
        if self._searches.resolving:
            search = self._searches.of(finder, normalise_name(project_name))
            cause = outcome.find_cause(
                search.met,
                self._run.settings,
                "" if specifier is None else str(specifier),
                nothing_left=result.best_candidate is None,
                failures_count=search.failures_count,
                hashed=bool(hashes),
            )
            if cause is not None:
                from ..speech.words import refusal_of

                raise self._speaker.refuse(refusal_of(search, cause))
        return result

    def _sift(self, finder: Finder, search: Search, found: Sequence[Candidate]) -> Sequence[Candidate]:
        judged = search.lists.get(id(found))
        if judged is None:
            sifted = self._sift_sources(finder, search, found)
            if len(search.by_answer) > 1 and search.authority.rules and not self._searches.settled:
                from .mismatches import sift_mismatched  # few names come from several pages

                sifted = sift_mismatched(search, sifted)
            judged = search.lists[id(found)] = Judged(found, sifted)
        # A requirement with hashes is not ambiguous: pip installs nothing that does not match them.
        if self._searches.hashed or not self._is_built_in(search):
            return judged.sifted
        if judged.alike is None:
            from .ambiguous import sift_ambiguous

            places = configured_places(self._run, finder, search)
            judged.alike = sift_ambiguous(search, places, judged.sifted, audited=self._run.audits_built_in)
        return judged.alike

    def _sift_pins(self, search: Search, kept: Sequence[Candidate]) -> Sequence[Candidate]:
        if self._sifter is None or self._searches.hashed or not self._searches.resolving:
            return kept
        return self._sifter.sift_unpinned(search, kept)

    def _may_settle(self, finder: Finder, search: Search) -> bool:
        if search.asks_own and find_locked(finder, search.name) is None:
            return False  # what was dropped is still to be looked through, for the file of a lock
        # A requirement with hashes says nothing of whether the name is ambiguous: then the pages are still to be asked.
        return not self._is_built_in(search) or all(judged.alike is not None for judged in search.lists.values())

    def _is_built_in(self, search: Search) -> bool:
        """Tell whether a name is judged by the rule that holds without a policy."""
        applies = self._run.built_in or self._run.audits_built_in
        return applies and search.several and not outcome.find_failed(search.pages)

    def _sift_sources(self, finder: Finder, search: Search, found: Sequence[Candidate]) -> list[Candidate]:
        run = self._run
        search.failures_count = counts_failures(run, finder, search)
        self._complete_pages(finder, search)
        if run.built_in and not search.several:  # with a single index nothing changes for the user
            for only in search.pages:
                only.failure = None
        failed = self._find_failed(search)
        locked = find_locked(finder, search.name)
        kept = []
        source: object = None
        is_listed = False
        """Whether a remote page lists what comes from ``source``."""
        for candidate in found:
            link = candidate.link
            if link.comes_from is not source or source is None:
                source, page = link.comes_from, search.page_of(link)
                is_listed = page is not None and not page.is_local
            # Local is a property of the file: one that a remote page names is judged as a file, too.
            if is_listed and link.url[:5].lower() != "file:":
                if not failed:
                    kept.append(candidate)
            elif failed and not is_local_file(search, candidate):
                continue  # no other remote source may stand in for an index that failed
            elif self._may_use_file(search, candidate, is_locked=locked is link):
                kept.append(candidate)
        if run.built_in and self._is_built_in(search):
            from .ambiguous import forget_metadata  # where a policy decides, this rule does not hold

            forget_metadata(search, kept)
        return kept

    def _find_failed(self, search: Search) -> list[Page]:
        """Return the pages that failed, but for those of which a mirror answered: a line says so."""
        if search.failed:
            from .mirrors import excuse_mirrors  # few indexes fail

            for text in excuse_mirrors(search):
                self._speaker.warn(f"indexguard: {text}")
        return search.failed

    def _complete_pages(self, finder: Finder, search: Search) -> None:
        """Note the indexes that pip was configured with and did not even ask (not https, and not a trusted host)."""
        if find_locked(finder, search.name) is not None and not search.asks_own:
            return  # a lock file names the file itself: no index is missing
        search.not_configured = search.authority.configured(configured_places(self._run, finder, search))
        met = {page.page_url for page in search.pages}
        for page_url, url in index_pages(finder, search, search.name).items():
            asked = self._run.locate(url)
            if page_url in met or (asked is not None and asked.is_local):
                continue
            unverified = is_trusted(url, trusted_hosts(finder))
            verdict = outcome.ask(search.authority, asked, unverified=unverified)
            if self._typos is not None:
                verdict = self._typos.judge(search, verdict)
            page = Page(url, page_url, asked, is_index=True, verdict=verdict)
            if verdict.refusal is None:
                page.failure = page.find_failure(search.name)
            search.pages.append(page)

    def _may_use_file(self, search: Search, candidate: Candidate, *, is_locked: bool) -> bool:
        url = candidate.link.url
        place = find_reference(url)
        if is_locked:
            if search.lock_drops:
                return False
            # What no page lists is a requested direct URL, wherever it lies.
            link = self._run.locate_locked(url) if search.lock_drops is None else None
            verdict = search.authority.locked(link, str(candidate.version), place)
        elif place is not None and place.is_local:
            from .local_files import is_bundled  # few runs meet one

            verdict = PASS if is_bundled(candidate.link) else search.authority.local_file()
        else:
            verdict = search.authority.find_links(place)
        page = search.page_of(candidate.link)
        for finding in verdict.findings:
            search.drop(finding, page, [(str(candidate.version), candidate.link)])
        return verdict.refusal is None
