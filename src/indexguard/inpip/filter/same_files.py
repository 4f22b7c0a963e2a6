"""What the name's own index and one that squats it list alike: loaded where a squatter was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...decision import outcome
from ..search.page import Page
from ..search.search import SameFile, Search
from .ambiguous import sha256_of

if TYPE_CHECKING:
    from ...policy.model import Layer
    from ..objects import Candidate, Link


def sift_same_files(search: Search, kept: Sequence[Candidate]) -> list[Candidate]:
    """Note the files that both list, and drop them where a layer says so."""
    if search.same_files is None:
        search.same_files = _find(search)
        for finding in search.authority.same_file().findings:
            for same in search.same_files:
                if same.layer is finding.layer:
                    search.drop(finding, same.own, [(same.version, same.link)])
    objecting = [finding.layer for finding in search.authority.same_file().findings if finding.enforced]
    dropped = {same.link.filename for same in search.same_files if same.layer in objecting}
    # By its name: an index may list a file twice, and once without a hash.
    return [it for it in kept if it.link.filename not in dropped or _is_local(search, it)]


def _find(search: Search) -> list[SameFile]:
    found = []
    pages = [(page, [finding.layer for finding in outcome.find_squatters(page.verdict)]) for page in search.pages]
    for layer in dict.fromkeys(layer for _, layers in pages for layer in layers if layer is not None):
        squatted = _by_digest(search, (page for page, layers in pages if layer in layers))
        own = _by_digest(search, (page for page, _ in pages if _is_own(page, layer)))
        for digest in outcome.find_same_files(own, squatted):
            (version, link, page), (_, theirs, public) = own[digest], squatted[digest]
            found.append(SameFile(version, link, page, theirs, public, layer))
    return found


def _is_own(page: Page, layer: Layer) -> bool:
    """Tell whether a page is that of an index that may serve the name."""
    objecting = [finding.layer for finding in page.verdict.findings]
    return not page.is_local and not page.probing and page.verdict.refusal is None and layer not in objecting


def _by_digest(search: Search, pages: Iterable[Page]) -> dict[str, tuple[str, Link, Page]]:
    """Return the files that pages list by the sha256 that they give, each with its version and page."""
    found: dict[str, tuple[str, Link, Page]] = {}
    for page in pages:
        for version, link in page.offered(search.name):
            digest = find_sha256(link)
            if digest is not None:
                found.setdefault(digest, (version, link, page))
    return found


def find_sha256(link: Link) -> str | None:
    """Return the sha256 that a page gives of a file, perhaps among others (pip >= 22.2 reads JSON, where there are more)."""
    hashes = getattr(link, "_hashes", None)
    digest = hashes.get("sha256") if isinstance(hashes, dict) else None
    # A JSON page may give any value as a hash.
    return digest.lower() if isinstance(digest, str) and digest else sha256_of(link)


def _is_local(search: Search, candidate: Candidate) -> bool:
    page = search.page_of(candidate.link)
    return page is None or page.is_local
