"""The rule that holds without a policy, on pip's list of files: a name that several indexes offer is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...decision import outcome
from ...decision.verdict import Finding
from ...policy.identity import Location
from ..run import Run
from ..search.page import Page
from ..search.search import Search
from .pages import configured_places, is_local_file

if TYPE_CHECKING:
    from ..objects import Candidate, Finder, Link


def sift(run: Run, finder: Finder, search: Search, found: Sequence[Candidate], *, hashed: bool) -> list[Candidate]:
    """Return the files that may be used where several indexes are configured.

    :param hashed: whether the requirement carries hashes: it is not ambiguous then, for pip installs nothing else.
    """
    if run.built_in:
        forget_metadata(search, found)
    return list(found) if hashed else sift_ambiguous(run, finder, search, found)


def sift_ambiguous(run: Run, finder: Finder, search: Search, found: Sequence[Candidate]) -> list[Candidate]:
    """Return the files that may be used where several indexes are configured: all, or those that every index offers."""
    offered = [(page, page.offered(search.name)) for page in search.pages if not page.is_local]
    offers: dict[Location, dict[str, str | None]] = {}
    for page, files in offered:
        if files:
            answered = offers.setdefault(find_identity(run, finder, page), {})
            for _, link in files:
                digest = sha256_of(link)
                # A name that a page lists with two digests, or once without, is like no other.
                answered[link.filename] = digest if answered.get(link.filename, digest) == digest else None
    alike = outcome.sift_ambiguous(offers)
    if alike is None:
        return list(found)
    digests = {name: digest for files in offers.values() for name, digest in files.items() if name in alike}
    kept = [it for it in found if is_local_file(search, it) or is_among(digests, it.link)]
    finding = outcome.find_ambiguous(audited=run.audits_built_in)
    if all(drop.finding != finding for drop in search.drops):
        for page, files in offered:
            for version, link in files:
                if link.filename not in alike:
                    search.drop(finding, page, [(version, link)])
        _drop_pageless(search, finding, [candidate for candidate in found if candidate not in kept])
    return kept if finding.enforced else list(found)


def forget_metadata(search: Search, kept: Sequence[Candidate]) -> None:
    """Have pip read the metadata in a file, where several indexes offer the file and not one metadata file (PEP 658).

    The hash of a file says nothing of the metadata that an index serves beside it, and that brings requirements; nor of
    the parts of it that pip fetches by themselves (``fast-deps``).
    """
    beside: dict[str, list[str]] = {}
    for page in search.pages:
        for _, link in () if page.is_local else page.offered(search.name):
            beside.setdefault(link.filename, []).append(_metadata_digest(link))
    for candidate in kept:
        digests = beside.get(candidate.link.filename, [])
        if len(digests) <= 1:
            continue
        search.whole.add(candidate.link.url)
        own = _metadata_digest(candidate.link)
        if {own} != set(digests) or "sha256" not in own:
            for attribute in ("metadata_file_data", "dist_info_metadata"):  # pip >= 23.2; 22.3 to 23.1
                if getattr(candidate.link, attribute, None) is not None:
                    setattr(candidate.link, attribute, None)


def _metadata_digest(link: Link) -> str:
    """Return what a page says of the hash of a file's metadata file; empty where it lists none."""
    data = getattr(link, "metadata_file_data", None)  # pip >= 23.2
    if data is not None:
        return repr(data.hashes)
    beside: str | None = getattr(link, "dist_info_metadata", None)  # pip 22.3 to 23.1
    return beside or ""


def is_among(digests: dict[str, str | None], link: Link) -> bool:
    """Tell whether a link is to the very file that all indexes offer: no index lists a --find-links file."""
    digest = sha256_of(link)
    return digest is not None and digests.get(link.filename) == digest


def _drop_pageless(search: Search, finding: Finding, candidates: Sequence[Candidate]) -> None:
    """Note the remote files that a --find-links option or a local page names: the name is refused, wherever it is."""
    for candidate in candidates:
        page = search.page_of(candidate.link)
        if page is None or page.is_local:
            search.drop(finding, page, [(str(candidate.version), candidate.link)])


def find_identity(run: Run, finder: Finder, page: Page) -> Location:
    """Return the index that answered: the configured one that its final URL lies under, else the URL without the name."""
    answered = page.answered
    if answered is None:
        return Location("unknown", page.shown, 0)
    places = [place for place in configured_places(run, finder) if answered.is_at_or_under(place)]
    if places:
        return max(places, key=lambda place: len(place.segments))
    return answered.parent if page.is_index else answered


def sha256_of(link: Link) -> str | None:
    """Return the sha256 that pip will check the file against; None where it checks another hash, or none."""
    # A JSON page may give any value as a hash (pip >= 22.2 takes it as it is).
    return link.hash.lower() if link.hash_name == "sha256" and isinstance(link.hash, str) and link.hash else None
