"""What was found in the files of one page: what is dropped, what is only told, and what a ``[[waive]]`` has lifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...audit.event import MAX_VERSIONS, EventFields
from ...audit.kinds import NOTICED, WAIVED, EventKind
from ...decision.serving import FileFacts, Judged, Objection
from ...decision.verdict import Finding
from ...versions import newest_first
from ..search.page import Drop, Page
from ..search.search import Search
from ..speech.events import with_offers
from ..speech.files import detail_of
from ..speech.speaker import Speaker

if TYPE_CHECKING:
    from ..objects import Link

_MANY = 3
"""How many versions a line names."""


class Notes:
    """What was found in the files of one page."""

    def __init__(self, search: Search, page: Page) -> None:
        self._search = search
        self._page = page
        self._told: dict[tuple[EventKind, str, str, int], Drop] = {}
        self._warned: list[Drop] = []

    def take(self, link: Link, file: FileFacts, judged: Judged) -> None:
        """Note what was found in one file."""
        offered = [(file.version, link)]
        for finding, objection in zip(judged.verdict.findings, judged.objections):
            _add(self._search.drop(finding, self._page, offered), file.version, objection)
        for finding, objection in judged.told:
            note = self._note(NOTICED, finding, offered)
            _add(note, file.version, objection)
            if objection.action == "warn" and finding.enforced and note not in self._warned:
                self._warned.append(note)
        for finding, _ in judged.waived:
            self._note(WAIVED, finding, offered)

    def tell(self, speaker: Speaker) -> None:
        """Write the events of what was told and waived, and one line for each thing to warn of."""
        for (kind, code, _, _), note in self._told.items():
            fields = EventFields(
                name=self._search.name,
                versions=newest_first(note.versions, MAX_VERSIONS),
                more_versions=max(0, len(note.versions) - MAX_VERSIONS),
                files=note.files,
                index_asked=self._page.shown,
                index_answered=self._page.shown_answer,
                finding=note.finding,
                message=detail_of(note) if kind == NOTICED else _explain_waiver(note.finding),
            )
            speaker.record(kind, code, with_offers(fields, note.offered, note.files, self._search.facts))
        for note in self._warned:
            from ..speech.refusal import place_of_rule  # few policies warn of what they let pass

            newest = newest_first(note.versions, _MANY)
            more = "" if len(note.versions) <= _MANY else f" and {len(note.versions) - _MANY} more"
            speaker.warn(
                f"indexguard: {self._search.name}: {', '.join(newest)}{more} from {self._page.shown}"
                f" ({note.finding.code}: {detail_of(note)}); {place_of_rule(note.finding)}"
            )

    def _note(self, kind: EventKind, finding: Finding, offered: list[tuple[str, Link]]) -> Drop:
        key = (kind, finding.code, finding.key, id(finding.layer))
        note = self._told.setdefault(key, Drop(finding, self._page))
        note.offered += offered
        note.versions.update(version for version, _ in offered)
        return note


def _add(drop: Drop, version: str, objection: Objection) -> None:
    """Note an objection to a file of a version: of several the one that ends first, when the version can be had."""
    if drop.objections is None:
        drop.objections = {}
    first = drop.objections.get(version)
    ends_sooner = (
        first is not None and objection.until is not None and (first.until is None or objection.until < first.until)
    )
    if first is None or ends_sooner:
        drop.objections[version] = objection


def _explain_waiver(finding: Finding) -> str:
    serving = None if finding.layer is None else finding.layer.policy.serving
    waivers = () if serving is None else serving.waivers
    found = next((waiver for waiver in waivers if waiver.key == finding.key), None)
    return "" if found is None else f"{found.reason} (until {found.expires.isoformat()})"
