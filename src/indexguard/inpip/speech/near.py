"""What is said of a place that no policy names, where it may be an index that a policy names: nearly, or by a redirect."""

from __future__ import annotations

from ...decision.verdict import Finding
from ...errors import INDEX_NOT_CONFIGURED, REDIRECTED, UNKNOWN_INDEX, escape, join_key
from ...patterns import normalise_name
from ...policy.hints import find_nearest, find_reason, find_token
from ...policy.model import Layer
from ...tuples import NamedTuple
from ..search.page import Page
from ..search.search import Search


class Near(NamedTuple):
    """Such an index."""

    shown: str
    """The URL that pip has, fit to be shown."""
    difference: str
    """What differs, or why nobody can read the URL."""
    hint: str
    of: str | None
    """The name of the index that it may be; None where the URL cannot be read."""


def find_near(page: Page, layer: Layer | None, name: str) -> Near | None:
    """Return what is to be said of an index that a layer does not know; None where it is near none.

    :param name: of the project that it would have been asked for.
    """
    if page.asked is None:
        reason = find_reason(page.url)
        if reason is None:
            return None
        hint = f"the URL that pip has for {page.shown} is unknown to the guard, whatever the policy says: {reason}"
        return Near(page.shown, reason, hint, None)
    token = None if layer is None else find_token(page.asked, layer.policy)
    if token is not None and layer is not None:
        index, url = token
        key = f"{join_key('indexes', index)}.url"
        hint = (
            f'if the segment that differs is a secret of each user, and no name, write {key} = "{url}" in {layer.path}'
        )
        return Near(page.shown, f"nearly {key}: one segment differs", escape(hint), index)
    found = None if layer is None else find_nearest(page.asked, layer.policy)
    if found is None or layer is None:
        return None
    index, url, difference = found
    key = f"{join_key('indexes', index)}.url"
    # Which of them is wrong nobody knows here; but http is never the better one.
    same_scheme = page.asked.scheme == url.scheme
    right = f"the one that shows files when a browser opens it with `{name}/` behind it" if same_scheme else "https"
    hint = (
        f"pip has {page.shown}, the policy has {escape(str(url))} ({key} in {layer.path}), and they differ: {difference}. "
        f"If they are meant to be one index, write the same URL in both places: {right}"
    )
    return Near(page.shown, f"nearly {key}: {difference}", hint, index)


def find_hint_of_place(search: Search, cause: Finding) -> str | None:
    """Return what to do where a place that no policy names is perhaps meant to be an index of the rule."""
    if cause.code == REDIRECTED:
        return _find_move(search, cause)
    near = _find_near_of(search, cause) if cause.code in (INDEX_NOT_CONFIGURED, UNKNOWN_INDEX) else None
    return None if near is None else near.hint


def _find_near_of(search: Search, cause: Finding) -> Near | None:
    """Return the index that is perhaps meant to be one of the rule's, where none of those is configured."""
    own = () if cause.rule is None else cause.rule.indexes
    for page in search.pages:
        refusal = page.verdict.refusal
        if refusal is None or refusal.code != UNKNOWN_INDEX:
            continue
        near = find_near(page, refusal.layer, search.name)
        if near is not None and (near.of is None or near.of in own or cause.code == UNKNOWN_INDEX):
            return near
    return None


def _find_move(search: Search, cause: Finding) -> str | None:
    """Return what to do where an index of the rule redirects to a place of no index: perhaps it has moved there."""
    if cause.layer is None or cause.rule is None:
        return None
    policy = cause.layer.policy
    for page in search.pages:
        asked = None if page.asked is None else policy.find_index(page.asked)
        to = page.led_to or page.answered_url
        place = page.answered if to else None
        if asked is None or to is None or place is None or asked.name not in cause.rule.indexes or page.probing:
            continue
        is_safe = place.scheme == "https" or place.is_loopback
        # The page of the name: what stands before it is the index.
        is_page = bool(place.segments) and normalise_name(place.segments[-1]) == search.name and not place.has_slash
        if is_safe and is_page and policy.find_owner(place) is None:
            urls = ", ".join(f'"{escape(str(url))}"' for url in (*asked.urls, place.parent))
            key = f"{join_key('indexes', asked.name)}.url"
            return f"if index `{asked.name}` has moved there, with its owner: {key} = [{urls}] in {cause.layer.path}"
    return None
