"""What is told to the audit log of one name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from ...audit.event import MAX_VERSIONS, Offer
from ...audit.kinds import EventKind
from ...decision.verdict import Finding
from ...patterns import newest_first
from ..run import Run
from ..search.page import Drop
from ..search.search import Search

_EVENTS: dict[str, EventKind] = {
    "shadowed-name": "shadowed",
    "redirected": "redirected",
    "claimed-elsewhere": "not-asked",
}


def record_search(run: Run, search: Search) -> None:
    """Write the events of one name: what was not asked, what was kept from pip, which index failed."""
    # A page may list thousands of files: their versions are told only where something is.
    kept = sorted({str(candidate.version) for candidate in search.kept}) if search.drops or search.failed else []
    for page in search.pages:
        shadowed = any(drop.page is page and drop.finding.code == "shadowed-name" for drop in search.drops)
        for finding in page.verdict.findings:
            if shadowed and finding.probe:
                continue
            # A layer in audit mode has the index asked; unless the page offered files, there was nothing to refuse.
            if finding.enforced or finding.code == "unknown-index":
                event = _EVENTS.get(finding.code, "refused")
                run.record_finding(finding, event, name=search.name, index_asked=page.shown, message=page.outcome)
        if page.failure is not None and not page.probing:
            for failed in _failures(run, search):
                run.record_finding(
                    failed, "refused", name=search.name, index_asked=page.shown, kept=kept, message=page.outcome
                )
    record_drops(run, search, search.drops)


def record_drops(run: Run, search: Search, drops: Sequence[Drop]) -> None:
    """Write the events of what was kept from pip."""
    kept = sorted({str(candidate.version) for candidate in search.kept}) if drops else []
    for drop in drops:
        if drop.page is not None and drop.finding.code == "unknown-index":
            continue
        if not drop.files and drop.finding.code != "redirected":
            continue
        event = _EVENTS.get(drop.finding.code, "dropped")
        run.record_finding(
            drop.finding,
            event,
            name=search.name,
            versions=drop.newest,
            files=drop.files,
            **offers(drop.offered),
            index_asked=drop.page.shown if drop.page else None,
            index_answered=drop.page.shown_answer if drop.page else None,
            kept=kept,
        )


def offers(files: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of an event that say which files were there, those of the newest versions first.

    :param files: version and link of each.
    """
    by_version: dict[str, list[Any]] = {}
    for version, link in files:
        by_version.setdefault(version, []).append(link)
    newest = ((version, link) for version in newest_first(set(by_version)) for link in by_version[version])
    told = [as_offer(version, link) for version, link in islice(newest, MAX_VERSIONS)]
    return {"offered": told, "more_offered": len(files) - len(told)}


def as_offer(version: str, link: Any) -> Offer:
    """Return what an event says of a file."""
    # A JSON page may give any value as a hash (pip >= 22.2 takes it as it is).
    digest = f"{link.hash_name}:{link.hash}" if link.hash_name and isinstance(link.hash, str) else None
    return Offer(version, link.filename, digest, link.url_without_fragment)


def _failures(run: Run, search: Search) -> list[Finding]:
    built_in = [Finding("index-failed", None)] if run.built_in and search.failures_count else []
    return built_in + [Finding("index-failed", layer, rule) for layer, rule in search.authority.rules]
