"""Judges what a denial or an advisory record says something of; loaded with the first, or before pip forbids imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...advisories.advising import advise
from ...advisories.advisories import Advisories
from ...advisories.records import Affected as _  # noqa: F401  # what an index makes of its lines
from ...audit.event import EventFields
from ...audit.kinds import DROPPED, WAIVED
from ...decision.denied import Subject, judge_denied
from ...decision.serving import NO_OBJECTION, FileFacts, Judged
from ...errors import clean, escape
from ...patterns import Name
from ...policy.identity import Location, redact
from ..run import Run
from ..search.page import Page
from ..search.search import Search
from ..speech.refusal import Refusal
from ..speech.speaker import Speaker
from .notes import Notes

if TYPE_CHECKING:
    from ..objects import Candidate, Link, Requirement


class Judging:
    """Judges files and references by what never comes in.

    :param advisories: for each layer, the records that it goes by.
    """

    def __init__(self, run: Run, speaker: Speaker, advisories: Sequence[Advisories | None]) -> None:
        self._run = run
        self._speaker = speaker
        self._advisories = advisories

    def sift(
        self,
        search: Search,
        page: Page | None,
        files: Sequence[tuple[Candidate, str, Location | None]],
        *,
        is_listed: bool,
    ) -> list[Candidate]:
        """Return the candidates that may be used, and note why the others may not.

        :param files: each with its sha256, empty where it is not known, and the place that decides.
        :param is_listed: whether the page is a remote one.
        """
        kept = []
        notes = None if page is None else Notes(search, page)
        for candidate, sha256, place in files:
            version = str(candidate.version)
            judged = self._judge(search.name, Subject(version, sha256, place, is_listed=is_listed), page)
            if judged is not NO_OBJECTION:
                self._note(search, notes, candidate, FileFacts("", version, "", {"sha256": sha256}), judged)
            if judged.verdict.refusal is None:
                kept.append(candidate)
        if notes is not None:
            notes.tell(self._speaker)
        return kept

    def check(
        self,
        requirement: Requirement,
        source: Link,
        name: Name,
        known: tuple[str | None, str, Location | None],
        *,
        page: Page | None,
        note: str,
    ) -> None:
        """Refuse what is prepared, if it may not come in.

        :param source: the link that it comes from.
        :param known: its version, its sha256, and the place that decides.
        :param page: that which lists it, if it is a remote one.
        :param note: what has happened before this was known.
        :raises Exception: pip's own error, made from a ``Refusal``.
        """
        version, sha256, place = known
        judged = self._judge(name, Subject(version, sha256, place, is_listed=page is not None), page)
        if judged is NO_OBJECTION:
            return
        versions = [version] if version else []
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
        subject = escape(name) or redact(source.url)
        raise self._speaker.refuse(Refusal(refusal, subject, facts, fields, note=note))

    def _judge(self, name: Name, subject: Subject, page: Page | None) -> Judged:
        advised = [advise(it, name, subject.version, subject.sha256) for it in self._advisories]
        asked = None if page is None else page.verdict
        authority = self._run.authority(name)
        return judge_denied(self._run.layers, authority, subject, advised, today=self._run.today, asked=asked)

    def _note(self, search: Search, notes: Notes | None, candidate: Candidate, file: FileFacts, judged: Judged) -> None:
        if notes is not None:
            notes.take(candidate.link, file, judged)
            return
        for finding, objection in zip(judged.verdict.findings, judged.objections):
            drop = search.drop(finding, None, [(file.version, candidate.link)])
            drop.objections = {**(drop.objections or {}), file.version: objection}
        self._tell_waived(judged, EventFields(search.name, [file.version], index_asked=redact(candidate.link.url)))

    def _tell_waived(self, judged: Judged, fields: EventFields) -> None:
        for finding, waiver in judged.waived:
            message = f"{waiver.reason} (until {waiver.expires.isoformat()})"
            self._speaker.record(WAIVED, finding.code, fields._replace(finding=finding, message=message))
