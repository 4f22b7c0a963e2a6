"""The files of a page, judged one by one by what a policy asks of them: here a page's links become ``FileFacts``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ...decision.serving import (
    NO_OBJECTION,
    NOT_ADVISED,
    UNPINNED,
    Advised,
    FileFacts,
    FileJudge,
    PageFacts,
    Remembered,
)
from ...patterns import find_version
from ..search.links import name_file
from ..search.page import Page
from ..search.search import Search
from ..speech.speaker import Speaker
from .body import NOTHING, Body, Told, read_body
from .hashes import hashes_of, is_repository
from .notes import Notes

if TYPE_CHECKING:
    from ...policy.identity import Location
    from ..gate.requests import Requests
    from ..objects import Candidate, Finder
    from .memory import Memory

_OF_A_BUILD = frozenset(("install", "--prefix", "--no-user", "--no-warn-script-location"))
"""Words of the command by which pip installs build requirements (20.3 to 26.3)."""
_UNTOLD = Told()
_NOTHING: Mapping[str, Remembered] = {}


class FileSifter:
    """Keeps from pip the files that a policy does not let anybody serve.

    :param now: in UTC, one for the whole run: an answer does not depend on when pip asks.
    """

    def __init__(self, speaker: Speaker, requests: Requests, now: datetime, memory: Memory | None = None) -> None:
        self._speaker = speaker
        self._memory = memory
        self._requests = requests
        self._pinned: dict[int, tuple[Sequence[Candidate], Sequence[Candidate]]] = {}
        """By search, the last list that was sifted for a requirement without hashes, and what was left of it."""
        self._looked_up: dict[tuple[object, ...], bool] = {}
        """By finder and what was looked up, whether that was for a build, where its requirement has no hash."""
        self._now = now
        self._bodies: dict[str, Body] = {}
        """By the URL of a --find-links page, which pip fetches once and asks for every name."""

    def sift(self, search: Search, page: Page, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates of a remote page that may be used, and note why the others may not."""
        answered = page.answered
        if answered is None:
            return list(candidates)
        body = self._body_of(page)
        known = None
        if self._memory is not None:
            known = self._memory.recall(search, page, answered, body, self._now)
            body = body.with_attested(known.attested)
        judge = self._judge_of(search, page, answered, body, {} if known is None else known.attested)
        if not judge.judges:
            return list(candidates)
        files = [facts_of(candidate, body) for candidate in candidates]
        remembered = (
            _NOTHING
            if known is None or (not file.hashes and is_repository(candidate.link))
            else known.of(file.filename)
            for candidate, file in zip(candidates, files)
        )
        advised = self._advise(search, page, files)
        search.facts = {} if search.facts is None else search.facts
        notes = Notes(search, page)
        kept = []
        for candidate, file, memory, advice in zip(candidates, files, remembered, advised):
            search.facts[candidate.link.url] = file
            judged = judge.judge(file, memory, advice)
            if judged is not NO_OBJECTION:
                notes.take(candidate.link, file, judged)
            if judged.verdict.refusal is None:
                kept.append(candidate)
        notes.tell(self._speaker)
        return kept

    def note_squat(self, search: Search, page: Page) -> None:
        """Note whether a page that squats the name was seen before, if something remembers that."""
        if self._memory is not None and page.answered is not None:
            page.first_seen = self._memory.find_first(search, page, page.answered, self._now)

    def sift_unpinned(self, search: Search, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return the candidates that a requirement without hashes may have; a build requirement cannot carry any."""
        if self._is_for_a_build:
            return candidates
        known = self._pinned.get(id(search))
        if known is None or known[0] is not candidates:
            known = self._pinned[id(search)] = candidates, self._sift_unpinned(search, candidates)
        return known[1]

    def forget_other(self, finder: Finder, *key: object) -> None:
        """Have pip choose anew where it has chosen for a build, and a build may have what others may not; or the reverse.

        :param key: of pip's own memory of what it chose (26.0 to 26.3, which can build in the same process).
        """
        for_build = self._is_for_a_build
        if self._looked_up.setdefault((id(finder), *key), for_build) is not for_build:
            self._looked_up[(id(finder), *key)] = for_build
            getattr(finder, "_best_candidates", {}).pop(key, None)

    def _sift_unpinned(self, search: Search, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        judges: dict[int, FileJudge] = {}
        kept = []
        for candidate in candidates:
            page = search.page_of(candidate.link)
            if page is None or page.is_local or page.answered is None:
                kept.append(candidate)
                continue
            if id(page) not in judges:
                judges[id(page)] = FileJudge(search.authority, page.verdict, page.answered, PageFacts(), self._now)
            if not judges[id(page)].wants_pins:
                kept.append(candidate)
                continue
            file = facts_of(candidate, NOTHING)
            judged = judges[id(page)].judge(file, checks=UNPINNED)
            if judged is not NO_OBJECTION:
                notes = Notes(search, page)
                notes.take(candidate.link, file, judged)
                notes.tell(self._speaker)
            if judged.verdict.refusal is None:
                kept.append(candidate)
        return candidates if len(kept) == len(candidates) else kept

    @property
    def _is_for_a_build(self) -> bool:
        context = self._speaker.recorder.context
        # The mark alone is a variable of the environment, which loosens nothing: this is how pip itself installs what a
        # build needs, out of the way.
        is_marked = context.parent_run is not None and _OF_A_BUILD.issubset(context.command)
        return self._requests.is_building or is_marked

    def _advise(self, search: Search, page: Page, files: Sequence[FileFacts]) -> Sequence[Advised]:
        """Return what denials and advisories say of each file; nothing without any."""
        del search, page
        return [NOT_ADVISED] * len(files)

    def _judge_of(
        self, search: Search, page: Page, answered: Location, body: Body, remembered: Mapping[str, set[str]]
    ) -> FileJudge:
        attested = []
        if body.tells_provenance:
            names = (name for name, told in body.files.items() if told.attested)
            attested = [version for name in names if (version := find_version(name, search.name)) is not None]
        facts = PageFacts(body.status, frozenset(attested))
        return FileJudge(search.authority, page.verdict, answered, facts, self._now, attested=remembered)

    def _body_of(self, page: Page) -> Body:
        key = page.page_url
        if page.exchanges:
            body = read_body(page.exchanges[-1])
            if not page.is_index:
                self._bodies[key] = body
            return body
        return self._bodies.get(key, NOTHING)


def facts_of(candidate: Candidate, body: Body) -> FileFacts:
    """Return what a page tells of one of its files."""
    link = candidate.link
    name = name_file(link)
    if is_repository(link):  # what it holds can be another thing each time
        return FileFacts(name, str(candidate.version), "sdist", attested=False if body.tells_provenance else None)
    told = body.files.get(name, _UNTOLD)
    return FileFacts(
        name,
        str(candidate.version),
        "wheel" if name.endswith(".whl") else "sdist",
        hashes_of(link),
        told.uploaded,
        told.attested if body.tells_provenance else None,
    )
