"""What never comes in, wherever it comes from: files of pages, of this machine, of locks; URLs; repositories.

It stands around the filter and the gate, and is there only where a policy denies something or goes by advisories. A file
is judged where it is listed; before it is fetched, by its URL; before code of its build runs, by its content; and when
it has been prepared, by what its metadata says.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...advisories.opening import advise, open_advisories
from ...audit.event import EventFields
from ...audit.kinds import DROPPED, WAIVED
from ...decision.denied import Subject, judge_denied
from ...decision.serving import NO_OBJECTION, FileFacts, Judged
from ...errors import clean, escape
from ...patterns import Name, find_version, normalise_name
from ...policy.identity import Location, find_reference, redact
from .. import seams
from ..gate.distributions import name_of, names_in
from ..gate.requests import Requests
from ..run import Run
from ..search.page import Page
from ..search.search import Search
from ..search.searches import Searches
from ..speech.refusal import Refusal
from ..speech.speaker import Speaker
from .notes import Notes

if TYPE_CHECKING:
    from ..objects import Call, Candidate, Distribution, Evaluator, Finder, Link, Requirement
    from ..seams import Filter

_UNNAMED = Name("")
_LATE = "it was fetched, and code of its build may have run, before this was known"


class _Arrival(NamedTuple):
    """What is prepared."""

    requirement: Requirement
    source: Link
    page: Page | None = None
    """That which lists it, if it is a remote one."""
    note: str = ""
    """What has happened before it was judged."""


class Barrier:
    """Stands around what lists, prepares and builds.

    :raises PolicyError: the records that a layer goes by cannot be read.
    """

    def __init__(self, run: Run, searches: Searches, requests: Requests, speaker: Speaker) -> None:
        self._run = run
        self._searches = searches
        self._requests = requests
        self._speaker = speaker
        self._advisories = tuple(open_advisories(layer, self._tell) for layer in run.layers)
        self._digests: dict[str, str] = {}
        """Of files of this machine, by path."""
        self._checked: set[int] = set()
        """The identities of the requirements, which pip keeps, whose content was judged before a build."""

    def surround(self, functions: dict[str, Filter]) -> None:
        """Stand around what stands for the methods of pip.

        :param functions: by the key of a seam.
        """
        around = {
            seams.EVALUATE_LINKS: self.around_links,
            seams.PREPARE_LINKED: self.around_prepare,
            seams.PREPARE_EDITABLE: self.around_prepare,
            seams.PREPARE_WHOLE: self.around_prepare,
            **dict.fromkeys((*seams.BUILD_SEAMS, seams.SUBPROCESS), self.around_build),
        }
        for seam, wrap in around.items():
            functions[seam.key] = wrap(functions[seam.key])

    # What lists

    def around_links(self, inner: Filter) -> Filter:
        """Sift what pip makes of the links of a page, and of those that no page lists."""

        def evaluate_links(
            call: Call, finder: Finder, link_evaluator: Evaluator, links: Iterable[Link]
        ) -> Sequence[Candidate]:
            def call_and_sift(**changed: object) -> Sequence[Candidate]:
                return self._sift(self._searches.of(finder, normalise_name(link_evaluator.project_name)), call(**changed))

            found: Sequence[Candidate] = inner(call_and_sift, finder, link_evaluator, links)
            return found

        return evaluate_links

    def _sift(self, search: Search, found: Sequence[Candidate]) -> Sequence[Candidate]:
        page = self._searches.page
        listing = None if page is None or page.is_local else page
        if not found or not self._may_object(search.name):
            return found
        place = None if listing is None else listing.answered or listing.asked
        kept = []
        notes = None if page is None else Notes(search, page)
        for candidate in found:
            link, version = candidate.link, str(candidate.version)
            sha256 = self._sha256_of(link)
            subject = Subject(version, sha256, place or self._place_of(link), is_listed=listing is not None)
            judged = self._judge(search.name, subject, page)
            if judged is not NO_OBJECTION:
                self._note(search, notes, candidate, FileFacts("", version, "", {"sha256": sha256}), judged)
            if judged.verdict.refusal is None:
                kept.append(candidate)
        if notes is not None:
            notes.tell(self._speaker)
        return kept

    def _note(
        self, search: Search, notes: Notes | None, candidate: Candidate, file: FileFacts, judged: Judged
    ) -> None:
        if notes is not None:
            notes.take(candidate.link, file, judged)
            return
        for finding, objection in zip(judged.verdict.findings, judged.objections):
            drop = search.drop(finding, None, [(file.version, candidate.link)])
            drop.objections = {**(drop.objections or {}), file.version: objection}
        self._tell_waived(judged, EventFields(search.name, [file.version], index_asked=redact(candidate.link.url)))

    # What prepares, and builds

    def around_prepare(self, inner: Filter) -> Filter:
        """Judge a requirement before anything of it is fetched, and what arrived."""

        def prepare(call: Call, preparer: object, req: Requirement) -> Distribution:
            if req.link is not None and not self._requests.is_preparing(req):
                self._check_before(req, req.link)
            distribution: Distribution = inner(call, preparer, req)
            if req.link is not None and not self._requests.is_preparing(req):
                self._check_arrived(req, req.link, distribution)
            return distribution

        return prepare

    def around_build(self, inner: Filter) -> Filter:
        """Judge a file by its content before code of it runs."""

        def build(call: Call, instance: object, *given: object, **named: object) -> object:
            requirement = self._requests.innermost
            if requirement is not None and requirement.link is not None and id(requirement) not in self._checked:
                self._checked.add(id(requirement))
                self._check_content(requirement, requirement.link)
            return inner(call, instance, *given, **named)

        return build

    def _check_before(self, requirement: Requirement, link: Link) -> None:
        name, source = name_of(requirement), self._requests.source_of(link)
        if self._page_of(name, source) is not None:
            return  # judged where it is listed
        version = find_version(source.filename, name) if name is not None else None
        subject = Subject(version, self._sha256_of(source), self._place_of(source))
        self._refuse(_Arrival(requirement, source), name or _UNNAMED, subject)

    def _check_content(self, requirement: Requirement, link: Link) -> None:
        name, source = name_of(requirement), self._requests.source_of(link)
        page = self._page_of(name, source)
        version = None if name is None else find_version(source.filename, name)
        place = self._place_of(source) if page is None else page.answered or page.asked
        subject = Subject(version, self._digest_of(requirement, source), place, is_listed=page is not None)
        arrival = _Arrival(requirement, source, page, "it was fetched, and nothing of it has run")
        self._refuse(arrival, name or _UNNAMED, subject)

    def _check_arrived(self, requirement: Requirement, link: Link, distribution: Distribution) -> None:
        expected, source = name_of(requirement), self._requests.source_of(link)
        page = self._page_of(expected, source)
        place = self._place_of(source) if page is None else page.answered or page.asked
        digest, version = self._digest_of(requirement, source), str(distribution.version)
        arrival = _Arrival(requirement, source, page, "" if source.is_wheel else _LATE)
        for name in sorted({*names_in(distribution), *([] if expected is None else [expected])}):
            subject = Subject(version, digest, place, is_listed=page is not None)
            self._refuse(arrival, name, subject)

    def _refuse(self, arrival: _Arrival, name: Name, subject: Subject) -> None:
        """Refuse what may not come in.

        :raises Exception: pip's own error, made from a ``Refusal``.
        """
        requirement, source, page, note = arrival
        judged = self._judge(name, subject, page)
        if judged is NO_OBJECTION:
            return
        versions = [subject.version] if subject.version else []
        fields = EventFields(name or None, versions, index_asked=redact(source.url), files=1)
        if self._speaker.is_new(WAIVED, name, source.url):
            self._tell_waived(judged, fields)
        for finding, objection in zip(judged.verdict.findings, judged.objections):
            if not finding.enforced and self._speaker.is_new(finding.code, finding.key, name, source.url):
                self._speaker.record_finding(finding, DROPPED, fields._replace(message=objection.detail))
        refusal = judged.verdict.refusal
        if refusal is None:
            return
        facts = [("version", clean(version)) for version in versions] + [("file", redact(source.url))]
        parent = requirement.comes_from
        if parent is not None:
            facts.append(("asked for by", escape(str(getattr(parent, "name", None) or parent))))
        subject_text = escape(name) or redact(source.url)
        raise self._speaker.refuse(Refusal(refusal, subject_text, facts, fields, note=note))

    # What is known of a file

    def _judge(self, name: Name, subject: Subject, page: Page | None) -> Judged:
        advised = [advise(it, name, subject.version, subject.sha256) for it in self._advisories]
        asked = None if page is None else page.verdict
        authority = self._run.authority(name)
        return judge_denied(self._run.layers, authority, subject, advised, today=self._run.today, asked=asked)

    def _tell(self, text: str) -> None:
        self._speaker.warn(f"indexguard: {text}")

    def _may_object(self, name: Name) -> bool:
        """Tell whether anything is said of a name, or of the content of any file: most pages need no other look."""
        denials = [layer.policy.deny for layer in self._run.layers]
        return any(it is not None and it.find(name) for it in denials) or any(
            it is not None and (it.knows(name) or it.knows_files) for it in self._advisories
        )

    def _page_of(self, name: Name | None, source: Link) -> Page | None:
        """Return the remote page that lists a file which the finder approved."""
        approval = None if name is None else self._searches.find_approval(name, source)
        page = None if approval is None else approval[1]
        return None if page is None or page.is_local else page

    def _place_of(self, link: Link) -> Location | None:
        return self._run.locate_locked(link.url)

    def _sha256_of(self, link: Link) -> str:
        """Return the digest that is given of a file, or that of one of this machine."""
        told = {link.hash_name: link.hash, **(getattr(link, "_hashes", None) or {})}
        digest = told.get("sha256")
        if isinstance(digest, str):
            return digest.lower()
        place = find_reference(link.url)
        return self._digest(link.file_path) if place is not None and place.is_local else ""

    def _digest_of(self, requirement: Requirement, source: Link) -> str:
        """Return the digest of what arrived: pip has checked what a page gives, if the requirement carries no hash."""
        path: str | None = getattr(requirement, "local_file_path", None)
        is_checked = not requirement.hash_options and source.hash_name == "sha256" and isinstance(source.hash, str)
        if is_checked or path is None or requirement.link is not source:
            # What was built, now or before, is a file of its own, of which no record says anything.
            return self._sha256_of(source)
        return self._digest(path)

    def _digest(self, path: str) -> str:
        if not any(it is not None and it.knows_files for it in self._advisories) or not os.path.isfile(path):
            return ""
        found = self._digests.get(path)
        if found is None:
            whole = hashlib.sha256()
            with open(path, "rb") as file:
                while block := file.read(1024 * 1024):
                    whole.update(block)
            found = self._digests[path] = whole.hexdigest()
        return found

    def _tell_waived(self, judged: Judged, fields: EventFields) -> None:
        for finding, waiver in judged.waived:
            message = f"{waiver.reason} (until {waiver.expires.isoformat()})"
            self._speaker.record(WAIVED, finding.code, fields._replace(finding=finding, message=message))
