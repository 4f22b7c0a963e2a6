"""What is said of files that a policy does not let anybody serve: loaded where one was met."""

from __future__ import annotations

from datetime import MAXYEAR, datetime, timedelta
from typing import TYPE_CHECKING

from ...errors import FORMAT_NOT_ALLOWED, HASH_CHANGED, HASH_MISSING, TOO_YOUNG, clean, cut
from ...versions import newest_first, parse_version
from ..search.page import Drop
from ..search.search import Search

if TYPE_CHECKING:
    from ...decision.serving import Objection
    from ...decision.verdict import Finding

_ROUTINE = (FORMAT_NOT_ALLOWED, HASH_MISSING, TOO_YOUNG)
"""Codes that old files of nearly every project meet."""
_LONG = 60
"""How many characters of a version are shown."""


def detail_of(drop: Drop) -> str:
    """Return what was found, of the newest version of which it is known."""
    if not drop.objections:
        return ""
    newest = newest_first(drop.objections, 1)[0]
    told = explain(drop.objections[newest])
    return told if len(drop.versions) == 1 else f"{_show(newest)}: {told}"


def is_passed_over(search: Search, drop: Drop) -> bool:
    """Tell whether pip, left alone, would choose a version that is kept: the dropped files are older, or others of it.

    A final version is what pip prefers to any pre-release. What may be an attack is never passed over.
    """
    if drop.finding.code not in _ROUTINE:
        return False
    kept = {version for versions in search.kept_versions.values() for version in versions}
    every = kept | drop.versions
    finals = {text for text in every if (version := parse_version(text)) is not None and not version.is_prerelease}
    return newest_first(finals or every, 1)[0] in kept


def explain(objection: Objection) -> str:
    """Return one objection in words."""
    # What is told may come from a page.
    return clean(objection.detail) or f"old enough from {show_time(objection.until)}"


def hint_of_age(search: Search) -> str | None:
    """Return what to do where all that would have done is too young: when it is not, and what is old enough now."""
    found: dict[str, Objection] = {}
    for drop in search.drops:
        if drop.finding.code == TOO_YOUNG and drop.finding.enforced:
            found.update(drop.objections or {})
    dated = {version: objection.until for version, objection in found.items() if objection.until is not None}
    undated = next((drop for drop in search.drops if _is_undated(drop)), None)
    kept = {version for page, versions in search.kept_versions.items() if page is not None for version in versions}
    parts = []
    if dated:
        newest = newest_first(dated, 1)[0]
        parts.append(f"wait until {show_time(dated[newest])}, when {search.name} {_show(newest)} is old enough")
    if kept:
        parts.append(f"ask for {_show(newest_first(kept, 1)[0])}, the newest version that is old enough")
    if undated is not None:
        parts.append(_say_unknown(undated.finding))
    if not parts:
        return None
    return (
        f"{'; or '.join(parts)}; if it cannot wait, waive the version with a [[waive]] that gives a reason and an end"
    )


def _is_undated(drop: Drop) -> bool:
    is_young = drop.finding.code == TOO_YOUNG and drop.finding.enforced
    return is_young and any(it.until is None for it in (drop.objections or {}).values())


def _say_unknown(finding: Finding) -> str:
    """Return what to do about files whose age nobody tells: no waiting makes them older."""
    key = finding.key or "min-age"
    serving = None if finding.layer is None else finding.layer.policy.serving
    span = None if serving is None else serving.find_written(key, None if finding.rule is None else finding.rule.terms)
    written = f'{{ for = {span or "..."}, unknown = "first-seen" }}'
    return (
        f"use pip >= 22.2 if the index tells ages to that (JSON pages); else write `{written}` at {key}, which goes by "
        'when this machine first saw a file, or `unknown = "allow"` there'
    )


def hint_of_content(search: Search) -> str | None:
    """Return what to do where a page gives no sha256 any more of a file that was seen with one; else None: the remedy."""
    facts = search.facts or {}
    found = [
        facts.get(link.url) for drop in search.drops if drop.finding.code == HASH_CHANGED for _, link in drop.offered
    ]
    if not found or any(file is None or "sha256" in file.hashes for file in found):
        return None
    return (
        "have the index give sha256 again, as it did (then a [[waive]] can name it); `require-hashes` asks for one of every "
        f"file; if the index cannot, have it forgotten: `indexguard ledger forget {search.name}`"
    )


def show_time(time: datetime | None) -> str:
    """Return a time in UTC, to the minute that begins with it or after it; what passes all calendars is never."""
    if time is None or time.year == MAXYEAR:
        return "never"
    return f"{time + timedelta(seconds=59, microseconds=999_999):%Y-%m-%d %H:%M} UTC"


def _show(version: str) -> str:
    # Versions come from file names, and those from whoever wrote the page.
    return cut(clean(version), _LONG)
