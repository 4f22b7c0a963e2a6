"""What an event says more of dropped files: why, and how those of a squatter compare with the name's own index."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ...audit.event import EventFields
from ...versions import newest_first, parse_version
from ..search.page import Drop, Page
from ..search.search import Search


def with_details(fields: EventFields, search: Search, drop: Drop) -> EventFields:
    """Return the fields of the event of dropped files, with what is known of these beside their names."""
    if not drop.objections:
        return fields._replace(squat=describe_squat(search, drop))
    from .files import detail_of

    return fields._replace(message=detail_of(drop))


def describe_squat(search: Search, drop: Drop) -> dict[str, Any]:
    """Return how what was offered compares with the name's own indexes: versions, files and times."""
    own = {
        version
        for page in search.pages
        if not page.is_local and page is not drop.page and _is_own(page, drop)
        for version, _ in page.offered(search.name)
    }
    own_newest = next(iter(newest_first(own, 1)), None)
    newest = next(iter(newest_first(drop.versions, 1)), None)
    highest = None if own_newest is None else parse_version(own_newest)
    theirs = [parsed for version in drop.versions if (parsed := parse_version(version)) is not None]
    first_seen = None if drop.page is None else drop.page.first_seen
    oldest_upload, newest_upload = (None, None) if drop.page is None else drop.page.times or (None, None)
    return {
        "own_newest": own_newest,
        "newest": newest,
        "above": sum(highest is None or version > highest for version in theirs),
        "jump": None if highest is None or not theirs else max(theirs).release[0] - highest.release[0],
        "oldest_upload": _show(oldest_upload),
        "newest_upload": _show(newest_upload),
        **({} if first_seen is None else {"first_seen": _show(first_seen)}),
    }


def _is_own(page: Page, drop: Drop) -> bool:
    """Tell whether a page is that of an index that may serve the name, to the layer that objects to the squatter."""
    objecting = [finding.layer for finding in page.verdict.findings]
    return page.verdict.refusal is None and drop.finding.layer not in objecting


def _show(time: datetime | None) -> str | None:
    return None if time is None else f"{time.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
