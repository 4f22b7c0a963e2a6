"""The gate for everything that goes round the finder: direct references, lock files, editable projects, cached wheels.

pip prepares each distribution through ``RequirementPreparer``, whichever way it came. A name that the policy claims is
prepared only if the finder approved that very link, or a direct reference is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...audit.event import EventFields
from ...audit.kinds import REFUSED, SELECTED
from ...decision.authority import Origin
from ...decision.outcome import find_guard_file, find_mismatch
from ...decision.verdict import Finding
from ...errors import clean, escape
from ...patterns import Name, find_version
from ...policy.identity import find_reference, redact
from .. import seams
from ..run import Run
from ..search.page import Page
from ..search.searches import Searches, find_locked
from ..speech.events import as_offer
from ..speech.speaker import Speaker
from .distributions import name_of, names_in, names_in_wheel, parents_of
from .references import Reference
from .requests import Requests

if TYPE_CHECKING:
    from ..objects import CacheEntry, Call, Distribution, Finder, Link, Options, Requirement, Resolved
    from .destinations import Destinations

_SETUP_HAS_RUN = "its setup.py has run and installed files; the metadata of the other project was taken away again"
_UNNAMED = Name("")
"""Stands for a name that is not yet known: no pattern but `*` matches it."""


class Gate:
    """Stands for the methods of pip that prepare, resolve and order requirements."""

    def __init__(self, run: Run, searches: Searches, requests: Requests, speaker: Speaker) -> None:
        self._run = run
        self._searches = searches
        self._requests = requests
        self._speaker = speaker
        self._options: Options | None = None
        self._finder: Finder | None = None

    def prepare(self, call: Call, preparer: object, req: Requirement) -> Distribution:
        """Judge a requirement before anything of it is fetched, and the name in its metadata afterwards.

        :raises Exception: pip's own error, made from a ``Refusal``; so do all methods here.
        """
        del preparer
        if req.link is None:
            return call()  # type: ignore[no-any-return]  # pip's own
        with self._requests.preparing(req):
            if self.is_approved(req, req.link):
                return self._prepare_approved(req, req.link, call)
            return self._prepare_reference(req, req.link, call)

    def prepare_whole(self, call: Call, preparer: object, req: Requirement) -> Distribution:
        """Check the name in a file that is fetched late, after its metadata alone (PEP 658, ``fast-deps``).

        The metadata beside a file is the index's word, and need not be what the file holds.
        """
        del preparer
        name = name_of(req)
        distribution: Distribution = call()
        if req.link is not None and not self._requests.is_preparing(req):
            self._check_names(req.link, name, names_in(distribution))
            self._check_version(req.link, name, distribution)
        return distribution

    def fetch_lazily(self, call: Call, preparer: object, link: Link) -> Distribution | None:
        """Have pip fetch the whole of a file, and check its hash, where a part of it (``fast-deps``) proves nothing."""
        del preparer
        return None if self._searches.must_be_whole(link) else call()

    def get_cache_entry(self, call: Call, cache: object, link: Link) -> CacheEntry | None:
        """Note which link a cached wheel was built from: pip itself keeps that from 26.3 on only."""
        del cache
        entry: CacheEntry | None = call()
        if entry is not None:
            self._requests.note_built(entry.link, link)
        return entry

    def get_requirements(self, call: Call, command: object, args: object, options: Options) -> object:
        """Note what the command was told: where it installs."""
        del command, args
        self._options = options
        return call()

    def resolve(self, call: Call, resolver: object, root_reqs: Iterable[Requirement]) -> Resolved:
        """Note what the user requested, have refusals end the run while pip resolves, and record what was selected."""
        self._finder = seams.finder_of(resolver)
        self._requests.note_roots(root_reqs)
        self._searches.roots += root_reqs
        self._searches.resolving += 1
        self._searches.settled = False
        try:
            resolved: Resolved = call()
        finally:
            self._searches.resolving -= 1
        for requirement in resolved.requirements.values():
            self._record_selected(requirement)
        return resolved

    def get_installation_order(self, call: Call, resolver: object, req_set: Resolved) -> list[Requirement]:
        """Check the wheels that are about to be installed, before the first one is: their names, and what they write.

        A wheel that was built here, or before, is a file of its own: its metadata need not be what its sdist said.
        """
        del resolver, req_set
        ordered: list[Requirement] = call()
        from .destinations import Destinations  # pip 26.3 refuses imports from here on

        destinations = Destinations(self._run, self._options, building=self._requests.is_building)
        for requirement in ordered:
            path: str | None = getattr(requirement, "local_file_path", None)
            if path is not None and path.endswith(".whl") and requirement.link is not None:
                names = names_in_wheel(path)
                self._check_names(requirement.link, name_of(requirement), names)
                self._check_places(requirement.link, name_of(requirement), path, names, destinations)
        return ordered

    def install(self, call: Call, requirement: Requirement, *given: object, **named: object) -> object:
        """Check what a setup.py of pip <= 23.0 has installed."""
        link, name = requirement.link, name_of(requirement)
        if link is None or name is None or (requirement.local_file_path or "").endswith(".whl"):
            return call()
        from .setup_py import Installed  # few packages have no wheel, and cannot be built into one

        installed = Installed(self._run.root, name, {**dict(zip(seams.INSTALL.parameters, given)), **named})
        result = call()
        foreign = installed.find_foreign()
        finding = self._mismatch(name) if foreign else None
        if finding is not None and finding.enforced:
            installed.remove(foreign)
        if foreign:
            self._check_names(link, name, set().union(*foreign.values()), _SETUP_HAS_RUN)
        return result

    def is_approved(self, requirement: Requirement, link: Link) -> bool:
        """Tell whether the finder approved the link of a requirement, or the link that its cached wheel was built from."""
        name = name_of(requirement)
        return name is not None and self._searches.find_approval(name, self._requests.source_of(link)) is not None

    def check_redirect(
        self, reference: Reference, came_from: str, url: str, hosts: Iterable[tuple[str, int | None]]
    ) -> None:
        """Judge a place that a download is led to, before it is asked.

        :param hosts: those that pip was told to trust without TLS.
        """
        from ...decision.redirects import is_unverified_hop  # few downloads are led elsewhere

        unverified = is_unverified_hop(came_from, url, hosts)
        reference.hops.append((url, unverified))
        self._check_hop(reference, url, reference.name, unverified=unverified)

    def _prepare_approved(self, requirement: Requirement, link: Link, call: Call) -> Distribution:
        name = name_of(requirement)
        approval = None if name is None else self._searches.find_approval(name, link)
        if name is not None and approval is not None and (approval[1] is None or approval[1].is_local):
            # A file that a lock, a --find-links option or a local page names: a requested direct URL.
            is_locked = find_locked(self._finder, name) == link
            self._requests.watch(requirement, link, name, requested=True, locked=is_locked)
        elif name is not None and self._run.layers:
            self._requests.watch_file(requirement, link, name)
        distribution: Distribution = call()
        link = requirement.link or link
        self._check_names(link, name, names_in(distribution))
        self._check_version(link, name, distribution)
        return distribution

    def _prepare_reference(self, requirement: Requirement, link: Link, call: Call) -> Distribution:
        name = name_of(requirement)
        # Without a name, what rules by URL or place alone can say comes before anything is fetched or run.
        reference = self._check_reference(requirement, link, name or _UNNAMED)
        distribution: Distribution = call()
        link = requirement.link or link
        if name is None:
            # An unnamed VCS URL or archive: only now is its name known, and its build backend may have run.
            for found in sorted(names_in(distribution)):
                self._check_reference(requirement, link, found, late=True)
                if reference is not None:
                    for url, unverified in reference.hops:
                        self._check_hop(reference, url, found, unverified=unverified, late=True)
        self._check_names(link, name or name_of(requirement), names_in(distribution))
        return distribution

    def _check_hop(self, reference: Reference, url: str, name: Name, *, unverified: bool, late: bool = False) -> None:
        from . import redirects  # as above

        requirement = reference.requirement
        verdict = redirects.judge(self._run, reference, name, url, unverified=unverified)
        link = None if requirement.link is None else self._requests.source_of(requirement.link)
        fields = redirects.describe(self._searches, link, name, url)
        self._speaker.record_observed(verdict, fields)
        if verdict.refusal is not None:
            facts = [("redirected", f"to {redact(url)}")]
            raise self._refuse_reference(requirement, verdict.refusal, fields, facts, late=late)

    def _check_reference(
        self, requirement: Requirement, link: Link, name: Name, *, late: bool = False
    ) -> Reference | None:
        """Judge a reference that no index gave; return it where its download is watched."""
        if not self._run.layers:
            return None
        source = self._requests.source_of(link)
        place = find_reference(source.url)
        requested = self._requests.is_requested(requirement, source)
        is_locked = self._requests.is_locked(source)
        authority = self._run.authority(name)
        if is_locked:
            version = find_version(source.filename, name) or ""
            verdict = authority.locked(self._run.locate_locked(source.url), version, place)
            if self._finder is not None:
                from ..search.locks import judge_listed  # few runs have one

                verdict = judge_listed(self._searches, self._finder, name, requirement, source, verdict=verdict)
        else:
            verdict = authority.direct(place, requested=requested)
        fields = EventFields(name=name or None, index_asked=redact(source.url))
        self._speaker.record_observed(verdict, fields)
        if verdict.refusal is not None:
            raise self._refuse_reference(requirement, verdict.refusal, fields, late=late)
        if requested:
            self._requests.note_local(source, place)
        return self._requests.watch(requirement, link, name, requested=requested or is_locked, locked=is_locked)

    def _refuse_reference(
        self,
        requirement: Requirement,
        finding: Finding,
        fields: EventFields,
        led_to: Iterable[tuple[str, str]] = (),
        *,
        late: bool,
    ) -> Exception:
        from .refusals import describe_reference  # only where there is something to say

        source = None if requirement.link is None else self._requests.source_of(requirement.link)
        return self._refuse(finding, *describe_reference(requirement, source, fields, led_to, late=late))

    def _check_names(self, link: Link, expected: Name | None, names: set[Name], note: str = "") -> None:
        """Check that the distribution's own metadata names the project that was authorised.

        :param expected: the name that was judged. With the legacy resolver pip gives a requirement the name in the
            metadata of what it prepared ("Fix your #egg= fragments"), so that afterwards the two are always alike.
        """
        others = sorted(names - {expected})
        if expected is None or not others:
            return
        finding = self._mismatch(expected)
        if finding is None:
            return
        fields = EventFields(name=expected, index_asked=redact(link.url), files=1)
        if not finding.enforced:
            self._speaker.record_finding(finding, REFUSED, fields)
            return
        told = ", ".join(map(escape, others))
        facts = [("asked for", escape(expected)), ("metadata", told), ("file", redact(link.url))]
        raise self._refuse(finding, escape(expected), facts, fields, note)

    def _mismatch(self, name: Name) -> Finding | None:
        run = self._run
        from ..search.asking import has_several  # few files name another project

        several = self._finder is None or has_several(run, self._finder)
        return find_mismatch(run.authority(name), built_in=run.built_in, audited=run.audits_built_in, several=several)

    def _check_places(
        self, link: Link, name: Name | None, path: str, names: set[Name], destinations: Destinations
    ) -> None:
        """Check that a wheel writes nothing that the guard lives from."""
        found = destinations.find_guarded(name or "", path, own=names == {name} == {"indexguard"})
        finding = find_guard_file(found, audited=self._run.audits_built_in)
        if finding is not None:
            from .refusals import describe_places  # as above

            subject, facts, fields, note = describe_places(link, name, found)
            if finding.enforced:
                raise self._refuse(finding, subject, facts, fields, note)
            self._speaker.record_finding(finding, REFUSED, fields)

    def _check_version(self, link: Link, name: Name | None, distribution: Distribution) -> None:
        """Check the version that the metadata tells: the legacy resolver does not compare it with the file's name.

        :param name: the name that was judged.
        """
        approval = None if name is None else self._searches.find_approval(name, self._requests.source_of(link))
        version = str(distribution.version)
        if name is None or approval is None or approval[1] is None or approval[1].is_local:
            return  # a version range is for the files of indexes
        if str(approval[0].version) == version:
            return
        fields = EventFields(name=name, versions=[version], index_asked=redact(link.url))
        verdict = self._run.authority(name).version(version)
        self._speaker.record_observed(verdict, fields)
        if verdict.refusal is not None:
            facts = [("metadata", clean(version)), ("file", redact(link.url))]
            raise self._refuse(verdict.refusal, name, facts, fields)

    def _refuse(
        self, finding: Finding, subject: str, facts: list[tuple[str, str]], fields: EventFields, note: str = ""
    ) -> Exception:
        from ..speech.refusal import Refusal

        return self._speaker.refuse(Refusal(finding, subject, facts, fields._replace(files=1), note=note))

    def _record_selected(self, requirement: Requirement) -> None:
        link, name = requirement.link, name_of(requirement)
        # The legacy resolver has what is installed already among its requirements.
        if link is None or name is None or requirement.constraint or requirement.satisfied_by is not None:
            return
        source = self._requests.source_of(link)
        approval = self._searches.find_approval(name, source)
        candidate, page = approval if approval is not None else (None, None)
        version = str(candidate.version) if candidate is not None else find_version(link.filename, name)
        digest = f" {source.hash_name}={source.hash}" if source.hash else ""
        fields = EventFields(
            name=name,
            versions=[version] if version else [],
            files=1,
            index_asked=page.shown if page is not None else redact(source.url),
            index_answered=page.shown_answer if page is not None else None,
            chosen=(as_offer(version or "", source), None if page is None else page.shown),
            origin=self._origin(name, source, page),
            requested_by=parents_of(requirement),
            message=f"{escape(source.filename)}{digest}",
        )
        searches = self._searches.all(name)
        if any(source.filename in search.same_names for search in searches):
            fields = fields._replace(same_file=[source.filename])
        search = next((search for search in searches if search.kept), None)
        if search is not None:
            # Counted, not listed: that would be most of the log. What was kept from pip is listed where it was.
            fields = fields._replace(more_offered=len(search.kept))
            if len(search.by_answer) > 1 or search.facts is not None:
                from .rivals import complete  # few names come from several indexes, few policies ask more of files

                fields = complete(fields, search, source, page)
        self._speaker.record(SELECTED, None, fields)

    def _origin(self, name: Name, source: Link, page: Page | None) -> Origin:
        authority = self._run.authority(name)
        if page is not None and not page.is_local:
            return authority.origin(page.answered or page.asked)
        if page is None and self._requests.is_locked(source):
            return authority.origin(None, self._run.locate_locked(source.url), find_reference(source.url))
        return authority.origin(None)
