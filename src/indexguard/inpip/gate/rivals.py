"""What is told of a file that pip chose beside its place: when it was uploaded, and what else there was of its version.

Loaded where a name comes from several indexes, or a policy asks something of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..search.page import Page
from ..search.search import Search
from ..speech.events import as_offer

if TYPE_CHECKING:
    from ...audit.event import EventFields, Offer
    from ..objects import Candidate, Link


def complete(fields: EventFields, search: Search, chosen: Link, page: Page | None) -> EventFields:
    """Return the fields of ``selected`` with that."""
    if fields.chosen is not None and search.facts is not None and chosen.url in search.facts:
        offer, index = fields.chosen
        fields = fields._replace(chosen=(as_offer(offer.version, chosen, search.facts), index))
    return fields._replace(rivals=find_rivals(search, chosen, page))


def find_rivals(search: Search, chosen: Link, page: Page | None) -> tuple[list[tuple[Offer, str]], str]:
    """Return the files of the chosen version that other indexes list, and in words why pip took this one.

    pip prefers a wheel to an sdist, and the more specific wheel; of equal ones the order of its indexes decides: the new
    resolver takes the last of them, the legacy one the first (20.3 to 26.3).
    """
    if len(search.by_answer) < 2:  # noqa: PLR2004  # then no other index has shown anything
        return [], ""
    candidate = search.find_candidate(chosen)
    equal = [] if candidate is None else [it for it in search.kept if it.version == candidate.version]
    others = [(it, found) for it in equal if (found := search.page_of(it.link)) is not None and found is not page]
    if candidate is None or not others:
        return [], ""
    rivals = [(as_offer(str(it.version), it.link, search.facts), found.shown) for it, found in others]
    return rivals, _explain_choice(candidate, [it for it, _ in others], equal)


def _explain_choice(chosen: Candidate, others: Sequence[Candidate], equal: Sequence[Candidate]) -> str:
    if chosen.link.is_wheel and not any(it.link.is_wheel for it in others):
        return "a wheel goes before an sdist"
    alike = [it for it in equal if it.link.filename == chosen.link.filename]
    if len(alike) > 1:
        place = "last" if alike[-1] is chosen else "first" if alike[0] is chosen else "one in the middle"
        return f"pip took the {place} of the indexes that list this file name"
    return "pip took the file that fits this machine best, or the one that it lists later"
