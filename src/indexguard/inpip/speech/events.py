"""What is told to the audit log of one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nsmallest
from typing import TYPE_CHECKING, Optional

from ...audit.event import MAX_VERSIONS, EventFields, Offer
from ...audit.kinds import DROPPED, KIND_OF_CODE, KNOWN, NOT_ASKED, PROBED, REFUSED, EventKind
from ...decision.outcome import find_failures, find_probed
from ...decision.verdict import Finding
from ...errors import REDIRECTED, SHADOWED_NAME, UNKNOWN_INDEX
from ..run import Run
from ..search.links import newest_files
from ..search.page import Drop, Page
from ..search.search import Search
from .speaker import Speaker

if TYPE_CHECKING:
    from ...decision.serving import FileFacts
    from ..objects import Link

    Facts = Optional[Mapping[str, FileFacts]]


def record_search(speaker: Speaker, run: Run, search: Search) -> None:
    """Write the events of one name: what was not asked, what was kept from pip, which index failed."""
    built_in = search.several if run.audits_built_in else run.built_in and search.failures_count
    failures = find_failures(search.authority, built_in=built_in, audited=run.audits_built_in)
    shadowed = {id(drop.page) for drop in search.drops if drop.finding.code == SHADOWED_NAME}
    for page in search.pages:
        for finding, kind in _objections(page, shadowed=id(page) in shadowed):
            if search.is_self_check and kind == REFUSED:
                kind = NOT_ASKED  # noqa: PLW2901  # nobody was refused anything
            message = f"{page.outcome}; did you mean {finding.meant}?" if finding.meant else page.outcome
            fields = EventFields(name=search.name, index_asked=page.shown, message=message)
            speaker.record_finding(finding, kind, fields)
        has_failed = page.failure is not None and not page.probing and page.verdict.refusal is None
        for finding in failures if has_failed and not search.is_self_check else ():
            fields = EventFields(name=search.name, index_asked=page.shown, message=page.outcome, kept=kept_by(search))
            speaker.record_finding(finding, REFUSED, fields)
    record_drops(speaker, search, search.drops)


def _objections(page: Page, *, shadowed: bool) -> list[tuple[Finding, EventKind]]:
    if page.probing and page.was_asked:
        found = () if shadowed else find_probed(page.verdict, unfinished=page.is_unfinished)
        return [(finding, PROBED) for finding in found]
    # A layer in audit mode has the index asked; unless the page offered files, there was nothing to refuse.
    return [
        (finding, KIND_OF_CODE.get(finding.code, REFUSED))
        for finding in page.verdict.findings
        if finding.enforced or finding.code == UNKNOWN_INDEX
    ]


def record_drops(speaker: Speaker, search: Search, drops: Sequence[Drop]) -> None:
    """Write the events of what was kept from pip."""
    for drop in drops:
        page, code = drop.page, drop.finding.code
        if (page is not None and code == UNKNOWN_INDEX) or not (drop.files or code == REDIRECTED or drop.is_unseen):
            continue
        from ...versions import newest_first  # most runs keep nothing

        same = search.same_names
        fields = EventFields(
            name=search.name,
            same_file=[link.filename for _, link in drop.offered if link.filename in same],
            versions=newest_first(drop.versions, MAX_VERSIONS),
            more_versions=max(0, len(drop.versions) - MAX_VERSIONS),
            files=drop.files,
            index_asked=page.shown if page else None,
            index_answered=page.shown_answer if page else None,
            kept=kept_by(search),
        )
        fields = with_offers(fields, drop.offered, drop.files, search.facts)
        if drop.objections or code == SHADOWED_NAME:
            from .details import with_details

            fields = with_details(fields, search, drop)
        if drop.finding.is_known:
            # Routine, in whatever mode its layer is.
            message = _explain_known(search, drop.finding)
            speaker.record(KNOWN, code, fields._replace(finding=drop.finding, message=message))
        else:
            speaker.record_finding(drop.finding, KIND_OF_CODE.get(code, DROPPED), fields)


def _explain_known(search: Search, finding: Finding) -> str:
    known = None if finding.layer is None else search.authority.find_known(finding.layer)
    return "" if known is None else f"{known.key}: {known.reason}" if known.reason else known.key


def with_offers(fields: EventFields, files: Sequence[tuple[str, Link]], total: int, facts: Facts = None) -> EventFields:
    """Return the fields of an event with those that say which files were there, those of the newest versions first.

    :param files: version and link of each, or of those of the newest versions.
    :param total: how many there are.
    :param facts: by URL, what pages tell of their files.
    """
    told = [as_offer(version, link, facts) for version, link in newest_files(files, MAX_VERSIONS)]
    return fields._replace(offered=told, more_offered=total - len(told))


def as_offer(version: str, link: Link, facts: Facts = None) -> Offer:
    """Return what an event says of a file (``facts``: as above)."""
    # A JSON page may give any value as a hash (pip >= 22.2 takes it as it is).
    digest = f"{link.hash_name}:{link.hash}" if link.hash_name and isinstance(link.hash, str) else None
    offer = Offer(version, link.filename, digest, link.url_without_fragment)
    file = None if facts is None else facts.get(link.url)
    return offer if file is None else offer._replace(uploaded=file.uploaded, attested=file.attested)


def kept_by(search: Search) -> list[str]:
    """Return the versions that pip was left, in the order of their texts: as many as an event tells."""
    return nsmallest(MAX_VERSIONS, set().union(*search.kept_versions.values()))
