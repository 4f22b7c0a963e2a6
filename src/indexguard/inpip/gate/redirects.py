"""Where the download of a reference, or of a file of an index, is led to; loaded with the first redirect."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...audit.event import EventFields
from ...decision.redirects import UNREAD, find_holding, judge_hop_of_file, judge_hop_of_reference
from ...decision.verdict import Finding, Verdict
from ...patterns import Name
from ...policy.identity import Location, find_reference, redact
from ..run import Run
from ..search.locks import goes_by_page
from ..search.searches import Searches
from ..speech.events import with_offers
from .references import Reference

if TYPE_CHECKING:
    from ..objects import Link


def judge(run: Run, reference: Reference, name: Name, url: str, *, unverified: bool) -> Verdict:
    """Say whether a watched download may be led to a URL, for a name."""
    authority, place = run.authority(name), find_reference(url)
    of_file: tuple[Finding, ...] = ()
    if reference.holders or reference.locked:
        of_file = judge_hop_of_file(authority, _locate(run, url), unverified=unverified).findings
    found = [finding for finding in of_file if finding.layer in reference.holders]
    of_reference = judge_hop_of_reference(authority, reference.place, place, requested=reference.requested).findings
    passed = {id(layer) for layer in reference.holders}
    if reference.locked and of_reference and reference.place is not None and not goes_by_page(authority):
        # A file of an index that is an allowed reference, too, may be led where either of the two may be.
        holding = find_holding(authority, run.locate_locked(str(reference.place)), reference.place)
        passed |= {id(layer) for layer in holding} - {id(finding.layer) for finding in of_file}
    return Verdict((*found, *(finding for finding in of_reference if id(finding.layer) not in passed)))


def describe(searches: Searches, link: Link | None, name: Name, url: str) -> EventFields:
    """Return what an event tells of it.

    :param link: what is downloaded.
    """
    fields = EventFields(name=name or None, index_answered=redact(url))
    if link is None:
        return fields
    candidate, page = searches.find_approval(name, link) or (None, None)
    if candidate is None or page is None or page.is_local:
        return fields._replace(index_asked=redact(link.url))
    version = str(candidate.version)
    return with_offers(fields._replace(versions=[version], index_asked=page.shown), [(version, candidate.link)], 1)


def _locate(run: Run, url: str) -> Location | None:
    """Return the identity of a place; of one whose path has no single reading, its host with ``UNREAD``.

    Storage has paths with ``%2F``. The dot of a host's end is no other host's.
    """
    place = run.locate_hop(url)
    if place is None and "\\" not in url:
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        place = run.locate_hop(f"{parts.scheme}://{parts.netloc}/")
        place = place and place._replace(segments=UNREAD)
    if place is not None and place.host.endswith("."):
        return run.locate_hop(str(place._replace(host=place.host.rstrip("."))))
    return place
