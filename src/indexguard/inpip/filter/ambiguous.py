"""The rule that holds without a policy, on pip's list of files: a name that several indexes offer is refused.

A page may list 100,000 files: each of them is looked at a fixed number of times, whatever the others are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...decision import outcome
from ...policy.identity import Location
from ..search.links import name_file
from ..search.page import Page
from ..search.search import Search
from .pages import is_local_file

if TYPE_CHECKING:
    from ..objects import Candidate, Link

_METADATA = ("metadata_file_data", "dist_info_metadata")
"""What pip >= 23.2, and 22.3 to 23.1, keep of the metadata file that lies beside a file."""


def sift_ambiguous(
    search: Search, places: Collection[Location], found: Sequence[Candidate], *, audited: bool
) -> Sequence[Candidate]:
    """Return the files that may be used where several indexes are configured: all, or those that every index offers.

    :param places: the identities of all that pip is configured with.
    :param audited: whether the rule is only audited: then all may be used, and what would not is noted.
    """
    offered = [(page, files) for page in search.pages if not page.is_local and (files := page.offered(search.name))]
    identities = [find_identity(places, page) for page, _ in offered]
    offers: dict[Location, dict[str, str | None]] = {place: {} for place in identities}
    if len(offers) <= 1:
        return found
    names = [[name_file(link) for _, link in files] for _, files in offered]
    for place, (_, files), told in zip(identities, offered, names):
        answered = offers[place]
        for (_, link), name in zip(files, told):
            digest = sha256_of(link)
            # A name that a page lists with two digests, or once without, is like no other.
            answered[name] = digest if answered.get(name, digest) == digest else None
    alike = outcome.sift_ambiguous(offers)
    if alike is None:
        return found
    finding = outcome.find_ambiguous(audited=audited)
    listed: set[int] = set()
    """The very links of the pages: whatever else pip has found is no file of an index."""
    for (page, files), told in zip(offered, names):
        listed.update(id(link) for (_, link), name in zip(files, told) if name in alike)
        left_out = [file for file, name in zip(files, told) if name not in alike]
        if left_out:
            search.drop(finding, page, left_out)
    kept = []
    for candidate in found:
        link = candidate.link
        if id(link) in listed or is_local_file(search, candidate) or is_among(alike, link):
            kept.append(candidate)
            continue
        # A remote file that a --find-links option or a local page names: the name is refused, wherever it is.
        source = search.page_of(link)
        if source is None or source.is_local:
            search.drop(finding, source, [(str(candidate.version), link)])
    return kept if finding.enforced else found


def forget_metadata(search: Search, kept: Sequence[Candidate]) -> None:
    """Have pip read the metadata in a file, where several indexes offer the file and not one metadata file (PEP 658).

    The hash of a file says nothing of the metadata that an index serves beside it, and that brings requirements; nor of
    the parts of it that pip fetches by themselves (``fast-deps``).
    """
    pages = [page for page in search.pages if not page.is_local and page.offered(search.name)]
    if len(pages) <= 1:
        return
    search.is_whole = True
    beside = [candidate.link for candidate in kept if _find_metadata(candidate.link)]
    said: dict[str, Collection[str]] = {}
    unlike: set[str] = set()
    for link in (link for page in pages if beside for _, link in page.offered(search.name)):
        name, digests = name_file(link), _digests_of_metadata(link)
        if name in said and (said[name] != digests or "sha256" not in digests):
            unlike.add(name)
        said[name] = digests
    for link in beside:
        if name_file(link) in unlike:
            for attribute in _METADATA:
                if getattr(link, attribute, None) is not None:
                    setattr(link, attribute, None)


def _find_metadata(link: Link) -> Any:
    return getattr(link, _METADATA[0], None) or getattr(link, _METADATA[1], None)


def _digests_of_metadata(link: Link) -> Collection[str]:
    """Return what a page says of the hashes of a file's metadata file, by algorithm; empty where it says nothing."""
    found = _find_metadata(link)
    return (getattr(found, "hashes", found) or {}) if found else {}


def is_among(alike: Mapping[str, str], link: Link) -> bool:
    """Tell whether a link is to the very file that all indexes offer: no index lists a --find-links file."""
    digest = sha256_of(link)
    return digest is not None and alike.get(link.filename) == digest


def find_identity(places: Collection[Location], page: Page) -> Location:
    """Return the index that answered: the configured one that its final URL lies under, else the URL without the name."""
    answered = place = page.answered
    if answered is None or place is None:
        return Location("unknown", page.shown, 0)
    # The longest comes first; what a `%2F` may lead out of is a place of its own.
    while place.segments and place not in places and "%2F" not in place.segments[-1]:
        place = place.parent
    if place in places:
        return place
    return answered.parent if page.is_index else answered


def sha256_of(link: Link) -> str | None:
    """Return the sha256 that pip will check the file against; None where it checks another hash, or none."""
    # A JSON page may give any value as a hash (pip >= 22.2 takes it as it is).
    digest = link.hash if link.hash_name == "sha256" else None
    return digest.lower() if isinstance(digest, str) and digest else None
