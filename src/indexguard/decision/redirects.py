"""A redirect, before it is followed: may a page, a probe or a download be led to a place? Loaded where there is one."""

from __future__ import annotations

from collections.abc import Iterable

from ..policy.identity import Location, is_trusted
from ..policy.model import Index, Layer, Policy
from ..policy.rules import Rule
from .authority import Authority, may_hold
from .verdict import Finding, Verdict

UNREAD = ("%",)
"""The segments of a place on a host that can be read, by a way that cannot; no other place has them."""


def is_unverified_hop(came_from: str, url: str, hosts: Iterable[tuple[str, int | None]]) -> bool:
    """Tell whether a redirect leaves https, or leads to a host that pip was told to trust without TLS.

    :param came_from: the URL that answered with the redirect.
    :param hosts: as ``is_trusted`` takes them.
    """
    schemes = [each.partition(":")[0].lower() for each in (came_from, url)]
    return is_trusted(url, hosts) if schemes[1] == "https" else schemes[0] == "https"


def judge_hop(authority: Authority, asked: Verdict, place: Location | None, *, unverified: bool) -> Verdict:
    """May the request for a page be led to a place? Only to an index of the name's rule.

    :param asked: what ``outcome.ask`` said of the index; a layer that objected there objects here no more.
    :param place: None where it is unknown.
    :param unverified: what ``is_unverified_hop`` says.
    """
    return (_all_unverified(authority) if unverified else authority.page(place)).without(asked)


def judge_hop_of_probe(
    authority: Authority, asked: Location | None, place: Location | None, *, unverified: bool
) -> Verdict:
    """May a request for squatters be led to a place? Only within the index that was asked.

    :param asked: the identity of that index.
    """
    if unverified:
        return _all_unverified(authority)
    found = []
    for layer, rule in authority.rules:
        index = None if asked is None else layer.policy.find_index(asked)
        owner = None if place is None else layer.policy.find_owner(place)
        if index is None or owner is not index:
            found.append(Finding("redirected", layer, rule))
    return Verdict(tuple(found))


def judge_hop_of_file(authority: Authority, place: Location | None, *, unverified: bool) -> Verdict:
    """May the download of a file that an index of the name lists be led to a place?

    To none of an index that may not serve the name. Storage, whose host no index owns, is the listing index's own matter.

    :param place: the public index's hosts taken for the public index; None where it is unknown, ``UNREAD`` where only its
        host is known.
    """
    if unverified:
        return _all_unverified(authority)
    return Verdict(
        tuple(it for layer, rule in authority.rules if (it := _check_file_at(layer, rule, place)) is not None)
    )


def judge_hop_of_reference(
    authority: Authority, place: Location | None, target: Location | None, *, requested: bool
) -> Verdict:
    """May the download of a reference that passed be led to a target?

    :param place: what it is a reference to; one that ``direct-urls.allow`` covers may be led to ``redirects`` too.
    """
    found = authority.direct(target, requested=requested).findings
    return Verdict(tuple(finding for finding in found if not _may_lead(finding, place, target)))


def find_holding(authority: Authority, link: Location | None, place: Location) -> list[Layer]:
    """Return the layers to which a file that a lock names lies in one of the name's own indexes.

    :param link: as for ``Authority.locked``.
    """
    if link is None:
        return []
    return [layer for layer, rule in authority.rules if rule is not None and may_hold(layer.policy, rule, link, place)]


def _may_lead(finding: Finding, place: Location | None, target: Location | None) -> bool:
    if finding.layer is None or finding.code == "local-path" or place is None or target is None:
        return False
    urls = finding.layer.policy.direct_urls
    return urls.covers(place) and any(target.is_at_or_under(prefix) for prefix in urls.redirects)


def _check_file_at(layer: Layer, rule: Rule | None, place: Location | None) -> Finding | None:
    if rule is None:
        return None
    holders = () if place is None else _find_holders(layer.policy, place)
    is_storage = place is not None and place.scheme in ("https", "http") and not holders
    # Where nobody can tell the way on a host, or a `%2F` may lead out of it, it may be any index's there.
    suffices = all if place is not None and _may_lead_out(place) else any
    is_theirs = bool(holders) and suffices(it.name in rule.indexes for it in holders)
    return None if is_storage or is_theirs else Finding("redirected", layer, rule)


def _may_lead_out(place: Location) -> bool:
    return place.segments == UNREAD or place.has_slash


def _find_holders(policy: Policy, place: Location) -> tuple[Index, ...]:
    """Return the indexes that a file's place may belong to: the one whose URL it is under, else all on its host.

    Those whose ``files-from`` covers it are among them. None: storage, which no index owns.
    """
    owner = None if place.segments == UNREAD else policy.find_owner(place)
    if owner is not None:
        return (owner,)
    leads_out = _may_lead_out(place)
    return tuple(
        index
        for index in policy.indexes
        if any((url.host, url.port) == (place.host, place.port) for url in index.urls)
        or any(
            files.covers(place) or (leads_out and files.prefix is not None and files.prefix.host == place.host)
            for files in index.files_from or ()
        )
    )


def _all_unverified(authority: Authority) -> Verdict:
    return Verdict(tuple(Finding("unverified-index", layer, rule) for layer, rule in authority.rules))
