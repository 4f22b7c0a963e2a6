"""Where a page is led to, before anybody is asked there; loaded with the first redirect."""

from __future__ import annotations

from collections.abc import Iterable

from ...decision.redirects import is_unverified_hop, judge_hop, judge_hop_of_probe
from ...policy.identity import redact
from ..run import Run
from ..seams import pip_module
from ..search.page import Page
from ..search.search import Search
from ..search.simple_page import is_sign_in


def check_page(
    run: Run, search: Search, page: Page, hop: tuple[str, str], hosts: Iterable[tuple[str, int | None]]
) -> None:
    """Judge a redirect before it is followed: what an index is not asked for, it does not learn.

    :param hop: the URL that answered with a redirect, and where it leads.
    :param hosts: those that pip was told to trust without TLS.
    :raises Exception: pip's own, for a page that it cannot have: it then goes on without.
    """
    came_from, led_to = hop
    place = run.locate(led_to)
    unverified = is_unverified_hop(came_from, led_to, hosts)
    if page.probing:
        verdict = judge_hop_of_probe(search.authority, page.asked, place, unverified=unverified)
    else:
        verdict = judge_hop(search.authority, page.verdict, place, unverified=unverified)
    if verdict.refusal is None:
        for finding in () if page.probing else verdict.findings:
            search.drop(finding, page, ())
        return
    page.led_to, page.answered_url, page.answered = led_to, led_to, place
    is_owned = place is not None and any(layer.policy.find_owner(place) for layer, _ in search.authority.rules)
    page.signs_in = not is_owned and is_sign_in(led_to, search.name)
    if not page.probing and not page.signs_in:
        for finding in verdict.findings:
            search.drop(finding, page, (), unseen=True)
    # For this one alone pip goes on without the page, in every version.
    error: type[Exception] = pip_module(run.root, "_internal.exceptions").NetworkConnectionError
    raise error(f"led to {redact(led_to)}, which may not be asked")
