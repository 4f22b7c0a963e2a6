"""Several URLs of one index, of which one failed: loaded where an index did."""

from __future__ import annotations

from ...decision.outcome import are_mirrors
from ..search.search import Search


def excuse_mirrors(search: Search) -> list[str]:
    """Have a page that failed count no more where another URL of its index answered with files of the name.

    :return: a sentence for each, fit to be shown.
    """
    told = []
    for page in search.failed:
        if page.asked is None or page.verdict.refusal is not None:
            continue  # who could not be verified is no mirror
        for other in search.pages:
            if other.answered_url not in search.by_answer or other.probing or other.asked is None:
                continue  # nothing of it is used
            is_mirror = are_mirrors(search.authority, page.asked, other.asked)
            if is_mirror and other.failure is None and other.offered(search.name):
                # Without what is of this name alone: one line for all.
                cause = (page.failure or "").partition(":")[0]
                told.append(f"{page.shown} failed ({cause}), and {other.shown}, which is the same index, answered")
                page.failure = None
                break
    return told
