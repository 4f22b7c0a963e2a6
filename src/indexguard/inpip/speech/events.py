"""What is told to the audit log of one name."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from typing import TYPE_CHECKING

from ...audit.event import MAX_VERSIONS, EventFields, Offer
from ...audit.kinds import DROPPED, KIND_OF_CODE, REFUSED
from ...decision.outcome import find_failures
from ...decision.verdict import Finding
from ...errors import REDIRECTED, SHADOWED_NAME, UNKNOWN_INDEX
from ...patterns import newest_first
from ..search.links import newest_files
from ..search.page import Drop, Page
from ..search.search import Search
from .speaker import Speaker

if TYPE_CHECKING:
    from ..objects import Link


def record_search(speaker: Speaker, search: Search, *, built_in: bool) -> None:
    """Write the events of one name: what was not asked, what was kept from pip, which index failed.

    :param built_in: whether the rule that holds without a policy is in force.
    """
    failures = find_failures(search.authority, built_in=built_in and search.failures_count)
    shadowed = {id(drop.page) for drop in search.drops if drop.finding.code == SHADOWED_NAME}
    for page in search.pages:
        for finding in _objections(page, shadowed=id(page) in shadowed):
            fields = EventFields(name=search.name, index_asked=page.shown, message=page.outcome)
            speaker.record_finding(finding, KIND_OF_CODE.get(finding.code, REFUSED), fields)
        for finding in failures if page.failure is not None and not page.probing else ():
            fields = EventFields(name=search.name, index_asked=page.shown, message=page.outcome, kept=kept_by(search))
            speaker.record_finding(finding, REFUSED, fields)
    record_drops(speaker, search, search.drops)


def _objections(page: Page, *, shadowed: bool) -> list[Finding]:
    # A layer in audit mode has the index asked; unless the page offered files, there was nothing to refuse.
    return [
        finding
        for finding in page.verdict.findings
        if not (shadowed and finding.probe) and (finding.enforced or finding.code == UNKNOWN_INDEX)
    ]


def record_drops(speaker: Speaker, search: Search, drops: Sequence[Drop]) -> None:
    """Write the events of what was kept from pip."""
    for drop in drops:
        page, code = drop.page, drop.finding.code
        if (page is not None and code == UNKNOWN_INDEX) or not (drop.files or code == REDIRECTED):
            continue
        fields = EventFields(
            name=search.name,
            versions=newest_first(drop.versions, MAX_VERSIONS),
            more_versions=max(0, len(drop.versions) - MAX_VERSIONS),
            files=drop.files,
            index_asked=page.shown if page else None,
            index_answered=page.shown_answer if page else None,
            kept=kept_by(search),
        )
        speaker.record_finding(drop.finding, KIND_OF_CODE.get(code, DROPPED), with_offers(fields, drop.offered, drop.files))


def with_offers(fields: EventFields, files: Sequence[tuple[str, Link]], total: int) -> EventFields:
    """Return the fields of an event with those that say which files were there, those of the newest versions first.

    :param files: version and link of each, or of those of the newest versions.
    :param total: how many there are.
    """
    told = [as_offer(version, link) for version, link in newest_files(files, MAX_VERSIONS)]
    return fields._replace(offered=told, more_offered=total - len(told))


def as_offer(version: str, link: Link) -> Offer:
    """Return what an event says of a file."""
    # A JSON page may give any value as a hash (pip >= 22.2 takes it as it is).
    digest = f"{link.hash_name}:{link.hash}" if link.hash_name and isinstance(link.hash, str) else None
    return Offer(version, link.filename, digest, link.url_without_fragment)


def kept_by(search: Search) -> list[str]:
    """Return the versions that pip was left, in the order of their texts: as many as an event tells."""
    return nsmallest(MAX_VERSIONS, set().union(*search.kept_versions.values()))
