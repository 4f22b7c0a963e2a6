"""One file name with two contents, from places that may both serve the name: loaded where a name has several pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...decision.serving import find_mismatched
from ..search.search import Search
from ..serving.hashes import hashes_of

if TYPE_CHECKING:
    from ..objects import Candidate, Link


def sift_mismatched(search: Search, kept: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates without the files of which two pages give different sha256: nobody knows which is the true one."""
    pages = [page for page in dict.fromkeys(search.by_answer.values()) if not page.is_local and not page.probing]
    offers = [
        (page.verdict, [(link.filename, _find_sha256(link)) for _, link in page.offered(search.name)]) for page in pages
    ]
    found = find_mismatched(search.authority, offers)
    if not found:
        return list(kept)
    dropped = set()
    for candidate in kept:
        page = search.page_of(candidate.link)
        names = () if page is None or page.is_local else found.get(candidate.link.filename, ())
        for finding in names:
            search.drop(finding, page, [(str(candidate.version), candidate.link)])
        if any(finding.enforced for finding in names):
            dropped.add(id(candidate))
    return [candidate for candidate in kept if id(candidate) not in dropped]


def _find_sha256(link: Link) -> str | None:
    """Return the sha256 that a page gives of a file, which pip will check: a second one says which files are alike."""
    digest = hashes_of(link).get("sha256")
    return None if digest is None else digest.lower()
