"""A name that is nearly another one: what is done and said about it. Loaded where there is one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from ...audit.event import EventFields
from ...audit.kinds import NOTICED, WAIVED
from ...decision.serving import parse_time
from ...decision.typosquat import NOTHING, Near, Suspicion, add_suspicion, find_signs, judge_name
from ...decision.verdict import Finding, Verdict
from ...errors import TYPOSQUAT
from ...typosquat.locks import is_locked
from ..run import Run
from ..search.page import Page
from ..search.search import Search
from ..search.searches import Searches
from ..speech.refusal import place_of_rule
from ..speech.speaker import Speaker
from .body import read_body

if TYPE_CHECKING:
    from ...policy.model import Layer
    from ...typosquat.likeness import Likeness
    from ..objects import Candidate


class Suspects:
    """What is held against one name, by each layer that has it watched."""

    def __init__(self, run: Run, searches: Searches, speaker: Speaker, search: Search, found: Sequence[Near]) -> None:
        self._run = run
        self._searches = searches
        self._speaker = speaker
        self._search = search
        self._found = found
        self._said: set[tuple[str, str]] = set()
        self._suspicion = NOTHING
        if found:
            self._suspect(())

    @classmethod
    def of(
        cls,
        run: Run,
        searches: Searches,
        speaker: Speaker,
        search: Search,
        found: Sequence[tuple[Layer, Likeness]],
    ) -> Suspects:
        """Return what is held against a name: nothing where it is installed, or in the project's own lock."""
        is_known = is_installed(search.name) or is_locked(search.name, os.curdir)
        return cls(run, searches, speaker, search, () if is_known else [Near(*it) for it in found])

    def judge(self, asked: Verdict) -> Verdict:
        """Return what the layers say of asking an index, with what they have against the name."""
        return add_suspicion(asked, self._suspicion)

    def sift(self, page: Page, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return the files of a page that may be used: what it shows of the project may make a doubtful name a surer one."""
        offered = page.offered(self._search.name)
        if not self._found or not offered:
            return candidates
        told = read_body(page.exchanges[-1] if page.exchanges else None).times.values()
        uploaded = [time for it in told if (time := parse_time(it)) is not None]
        signs = find_signs({version for version, _ in offered}, uploaded, datetime.now(timezone.utc))
        if not signs:
            return candidates
        before = self._suspicion.verdict
        verdict = self._suspect(signs).verdict.without(before)
        for finding in verdict.findings:
            self._search.drop(finding, page, offered)
        return [] if verdict.refusal is not None else candidates

    def _suspect(self, signs: Sequence[str]) -> Suspicion:
        """Judge the name, and tell what is new."""
        run, search = self._run, self._search
        suspicion = judge_name(search.authority, self._found, run.today, signs)
        refused = suspicion.verdict.refusal is not None
        for finding in (*suspicion.warned, *suspicion.logged, *suspicion.waived):
            kind = WAIVED if finding in suspicion.waived else NOTICED
            if not self._is_new(kind, finding):
                continue
            fields = EventFields(name=search.name, finding=finding, message=f"did you mean {finding.meant}?")
            self._speaker.record(kind, TYPOSQUAT, fields)
        # A refusal says it all; what only looks is never refused.
        tells = suspicion.warned if not refused else () if self._searches.resolving else suspicion.verdict.findings
        for finding in tells:
            if self._is_new("warned", finding):
                what = "" if not refused else " no index is asked for it;"
                self._speaker.warn(
                    f"indexguard: {search.name}: did you mean {finding.meant}? ({TYPOSQUAT});{what} {place_of_rule(finding)}"
                )
        if not signs:
            self._suspicion = suspicion
        return suspicion

    def _is_new(self, kind: str, finding: Finding) -> bool:
        key = (kind, "" if finding.layer is None else finding.layer.path)
        if key in self._said:
            return False
        self._said.add(key)
        return True


def is_installed(name: str) -> bool:
    """Tell whether a project of this name is installed where this pip runs."""
    try:
        distribution(name)
    except (PackageNotFoundError, ValueError, OSError):
        return False
    return True
