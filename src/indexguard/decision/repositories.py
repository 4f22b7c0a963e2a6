"""A repository that a page lists in the place of a file: loaded where there is one."""

from __future__ import annotations

from ..policy.identity import Location
from ..policy.model import Layer
from ..policy.rules import Rule
from .authority import Authority
from .verdict import Finding, Verdict


def judge_repository(
    authority: Authority, asked: Verdict, answered: Location | None, place: Location | None
) -> Verdict:
    """May a repository be used that a page lists? pip would check it out like a file (20.3 to 26.3).

    Only by a prefix of ``files-from``: an index without one holds files.

    :param asked: what ``outcome.ask`` said of the index; a layer that objected there objects here no more.
    :param answered: the identity of the page; None where that is unknown.
    :param place: that of the repository's URL, as ``parse_reference`` gives it; None where it is unknown.
    """
    found = [
        Finding("file-elsewhere", layer, rule)
        for layer, rule in authority.rules
        if not _may_list(layer, rule, answered, place)
    ]
    return Verdict(tuple(found)).without(asked)


def _may_list(layer: Layer, rule: Rule | None, answered: Location | None, place: Location | None) -> bool:
    owner = None if rule is None or answered is None else layer.policy.find_owner(answered)
    places = () if owner is None else owner.files_from or ()
    return place is not None and any(each.covers(place) for each in places)
