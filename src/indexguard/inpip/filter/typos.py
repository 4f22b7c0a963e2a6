"""Names that only ``*`` matches, and that are nearly others: looked for before an index is asked.

Hot, and so no more than the look; what is done about one is in ``serving.suspicions``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...decision import outcome
from ...patterns import normalise_name
from ...typosquat.watch import Watch
from ..run import Run
from ..search.searches import Searches
from ..speech.speaker import Speaker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...decision.verdict import Verdict
    from ...patterns import Name
    from ...policy.model import Layer
    from ..objects import Candidate
    from ..search.page import Page
    from ..search.search import Search
    from ..serving.suspicions import Suspects


class TypoFilter:
    """Says of each name once whether it is nearly another one."""

    def __init__(self, run: Run, searches: Searches, speaker: Speaker) -> None:
        self._run = run
        self._searches = searches
        self._speaker = speaker
        self._watches: dict[str, Watch] = {}
        self._suspects: dict[Search, Suspects | None] = {}

    def judge(self, search: Search, asked: Verdict) -> Verdict:
        """Return what the layers say of asking an index, with their objections to the name itself.

        A requirement with hashes, and a file that a lock names, are the project's own lock's: somebody has looked. A
        requirement of the run, in whatever order pip looks: not what it looks up now.
        """
        if search not in self._suspects:
            self._suspects[search] = self._suspect(search)
        suspects = self._suspects[search]
        return asked if suspects is None else suspects.judge(asked)

    def sift(self, search: Search, page: Page, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return the files of a page that may be used of a name that is nearly another one."""
        suspects = self._suspects.get(search)
        return candidates if suspects is None else suspects.sift(page, candidates)

    def _suspect(self, search: Search) -> Suspects | None:
        layers = outcome.find_watching(search.authority)
        # pip's self-check, after an installation, looks for pip alone, and pip 26.3 then refuses every import.
        if not layers or self._searches.settled or search.asks_own or self._is_hashed(search.name):
            return None
        found = [(layer, near) for layer in layers if (near := self._watch(layer).find_meant(search.name))]
        if not found:
            return None
        from ..serving.suspicions import Suspects  # few names are nearly others

        return Suspects.of(self._run, self._searches, self._speaker, search, found)

    def _is_hashed(self, name: Name) -> bool:
        """Tell whether a requirement of this run has hashes for a name: in whatever order pip looks its names up."""
        return any(it.hash_options and normalise_name(it.name or "") == name for it in self._searches.roots)

    def _watch(self, layer: Layer) -> Watch:
        watch = self._watches.get(layer.path)
        if watch is None:
            watch = self._watches[layer.path] = Watch(*layer.policy.rules.stems(), layer.policy.typosquat)
        return watch
