"""The files of a page, judged one by one by what a policy asks of them: here a page's links become ``FileFacts``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

from ...decision.serving import (
    NO_OBJECTION,
    UNPINNED,
    FileFacts,
    FileJudge,
    PageFacts,
    Remembered,
    are_usual_times,
    is_usual_time,
)
from ...patterns import find_version
from ..search.links import find_sha256, name_file, name_files
from ..search.page import Page
from ..search.search import Search
from ..speech.speaker import Speaker
from .body import NOTHING, Body, read_body
from .hashes import hashes_of, is_repository

if TYPE_CHECKING:
    from typing import Callable

    from ...decision.serving import Judged
    from ...policy.identity import Location
    from ..gate.requests import Requests
    from ..objects import Candidate, Finder, Link
    from .memory import Memory, Recollection

_OF_A_BUILD = frozenset(("install", "--prefix", "--no-user", "--no-warn-script-location"))
"""Words of the command by which pip installs build requirements (20.3 to 26.3)."""
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
        facts = search.facts = search.facts if isinstance(search.facts, Facts) else Facts()
        facts.add(candidates, body)
        clears = _clearing(judge, known, page, body)
        objected = []
        kept = []
        for candidate, name in zip(candidates, name_files(it.link for it in candidates)):
            if clears is not None and clears(candidate.link, name):
                kept.append(candidate)
                continue
            file = facts_of(candidate, body)
            is_remembered = known is not None and (file.hashes or not is_repository(candidate.link))
            judged = judge.judge(file, known.of(file.filename) if known is not None and is_remembered else _NOTHING)
            if judged is not NO_OBJECTION:
                objected.append((candidate.link, file, judged))
            if judged.verdict.refusal is None:
                kept.append(candidate)
        self._tell(search, page, objected)
        return kept

    def _tell(self, search: Search, page: Page, objected: Sequence[tuple[Link, FileFacts, Judged]]) -> None:
        if objected:
            from .notes import Notes  # of most pages nothing is objected to

            notes = Notes(search, page)
            for it in objected:
                notes.take(*it)
            notes.tell(self._speaker)

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
        judges = {
            id(page): judge
            for page in dict.fromkeys(search.by_answer.values())
            if not page.is_local and page.answered is not None
            for judge in [FileJudge(search.authority, page.verdict, page.answered, PageFacts(), self._now)]
            if judge.wants_pins
        }
        kept = []
        for candidate in candidates if judges else ():
            page = search.page_of(candidate.link)
            if page is None or id(page) not in judges:
                kept.append(candidate)
                continue
            file = facts_of(candidate, NOTHING)
            judged = judges[id(page)].judge(file, checks=UNPINNED)
            if judged is not NO_OBJECTION:
                self._tell(search, page, [(candidate.link, file, judged)])
            if judged.verdict.refusal is None:
                kept.append(candidate)
        return candidates if not judges or len(kept) == len(candidates) else kept

    @property
    def _is_for_a_build(self) -> bool:
        context = self._speaker.recorder.context
        # The mark alone is a variable of the environment, which loosens nothing: this is how pip itself installs what a
        # build needs, out of the way.
        is_marked = context.parent_run is not None and _OF_A_BUILD.issubset(context.command)
        return self._requests.is_building or is_marked

    def _judge_of(
        self, search: Search, page: Page, answered: Location, body: Body, remembered: Mapping[str, frozenset[str]]
    ) -> FileJudge:
        attested = []
        if body.tells_provenance:
            attested = [version for name in body.attested if (version := find_version(name, search.name)) is not None]
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


class Facts(Mapping[str, FileFacts]):
    """What pages tell of their files, by URL: worked out when it is asked for, which is of few."""

    def __init__(self) -> None:
        self._pages: list[tuple[Mapping[str, Candidate], Body]] = []

    def add(self, candidates: Sequence[Candidate], body: Body) -> None:
        """Add the files of a page; of a URL that several list, the last one counts."""
        self._pages.append(({candidate.link.url: candidate for candidate in candidates}, body))

    def __getitem__(self, url: str) -> FileFacts:
        """Return what is told of a file.

        :raises KeyError: no page lists it.
        """
        for listed, body in reversed(self._pages):
            if url in listed:
                return facts_of(listed[url], body)
        raise KeyError(url)

    def __contains__(self, url: object) -> bool:
        """Tell whether a page lists a file."""
        return any(url in listed for listed, _ in self._pages)

    def __iter__(self) -> Iterator[str]:
        """Yield the URLs."""
        return iter(set().union(*(listed for listed, _ in self._pages)))

    def __len__(self) -> int:
        """Return how many files are listed."""
        return len(set().union(*(listed for listed, _ in self._pages)))


def _clearing(
    judge: FileJudge, known: Recollection | None, page: Page, body: Body
) -> Callable[[Link, str], bool] | None:
    """Return what tells of most files of a page that no layer objects to them; None where it depends on more."""
    clearance = judge.clearance
    if clearance is None:
        return None
    memories = [] if known is None else [sightings.digests for _, sightings, _ in known.by_layer if sightings]
    time_of, clears, known_digests = _usual_times(body).get, clearance.clears, page.digests

    def is_clear(link: Link, name: str) -> bool:
        url = link.url
        if url[:4] != "http":  # perhaps a repository
            return False
        digest = known_digests.get(url) or find_sha256(link)
        for digests in memories:
            before = digests.get(name)
            if before and before != digest:
                return False
        return clears("wheel" if name[-4:] == ".whl" else "sdist", digest, time_of(name))

    return is_clear


def _usual_times(body: Body) -> Mapping[str, str]:
    if are_usual_times(body.times.values()):
        return cast("Mapping[str, str]", body.times)
    return {name: time for name, time in body.times.items() if is_usual_time(time)}


def facts_of(candidate: Candidate, body: Body) -> FileFacts:
    """Return what a page tells of one of its files."""
    link = candidate.link
    name = name_file(link)
    if is_repository(link):  # what it holds can be another thing each time
        return FileFacts(name, str(candidate.version), "sdist", attested=False if body.tells_provenance else None)
    return FileFacts(
        name,
        str(candidate.version),
        "wheel" if name.endswith(".whl") else "sdist",
        hashes_of(link),
        body.uploaded(name),
        name in body.attested if body.tells_provenance else None,
    )
