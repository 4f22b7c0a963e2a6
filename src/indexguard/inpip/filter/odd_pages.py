"""Pages that list repositories, or that break pip: loaded with the first one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...decision.repositories import judge_repository
from ...errors import INDEX_FAILED, GuardError, clean
from ...policy.identity import find_reference
from ..run import Run
from ..search.page import Page
from ..search.search import Search
from ..speech.pip_errors import as_pip_error

if TYPE_CHECKING:
    from ..objects import Candidate


def without_repositories(search: Search, page: Page, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return candidates without the VCS URLs that a page may not list in the place of files."""
    dropped = set()
    for candidate in candidates:
        if candidate.link.url[:4] == "http" or not candidate.link.is_vcs:
            continue
        place = find_reference(candidate.link.url)
        verdict = judge_repository(search.authority, page.verdict, page.answered, place)
        for finding in verdict.findings:
            search.drop(finding, page, [(str(candidate.version), candidate.link)])
        if verdict.refusal is not None:
            dropped.add(id(candidate))
    return [candidate for candidate in candidates if id(candidate) not in dropped]


def explain_unreadable(run: Run, search: Search, page: Page, error: Exception) -> Exception:
    """Return pip's error for a page that breaks pip, where no failure counts.

    Without the guard pip ends there, with a traceback; to go on to another index would be the guard's doing.
    """
    facts = [("asked", page.shown), ("cause", clean(f"{type(error).__name__}: {error}"))]
    return as_pip_error(run.root, GuardError(INDEX_FAILED, f"pip cannot read the page of `{search.name}`", facts))
