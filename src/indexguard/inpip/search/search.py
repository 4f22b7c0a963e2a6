"""What one package finder met while it looked for one name: the pages it asked, what they offered, what was dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import TYPE_CHECKING, Any

from ...decision.authority import Authority
from ...decision.outcome import NOT_TO_BE_ASKED, Met, find_failed
from ...decision.verdict import PASS, Finding, Verdict
from ...patterns import Name
from ...policy.identity import Location
from ...tuples import NamedTuple
from .page import Drop, Page

if TYPE_CHECKING:
    from ...decision.serving import FileFacts
    from ...policy.model import Layer
    from ..objects import Candidate, Link


class SameFile(NamedTuple):
    """A file that an index of the name lists with the sha256 that one lists it with, too, which only squats the name."""

    version: str
    link: Link
    own: Page
    theirs: Link
    squatter: Page
    layer: Layer


@dataclass(eq=False, repr=False)  # quicker to make
class Judged:
    """A list of pip's, which it asks for at every step of its resolver, and what remains of it."""

    found: Sequence[Candidate]
    sifted: Sequence[Candidate]
    """What remains by every rule that does not depend on the requirement."""
    alike: Sequence[Candidate] | None = None
    """What remains of that for a requirement without hashes, where several indexes are configured; None: not known."""


@dataclass(eq=False, repr=False)  # quicker to make
class Search:
    """One name, looked for by one finder."""

    name: Name
    authority: Authority
    pages: list[Page] = field(default_factory=list)
    by_answer: dict[str, Page] = field(default_factory=dict)
    """The pages by final URL: how a candidate (``Link.comes_from``) finds its page."""
    drops: list[Drop] = field(default_factory=list)
    kept: Sequence[Candidate] = ()
    """pip's candidates that remain."""
    lists: dict[int, Judged] = field(default_factory=dict)
    """pip's own lists by their ``id``: pip makes one for each spelling of the name, once."""
    source: Sequence[Candidate] | None = None
    """Which of the two ``kept`` was made of."""
    is_whole: bool = False
    """Whether no part of its files may be read before the hash of the whole is checked."""
    index_pages: dict[str, str] | None = None
    """The indexes by the page that pip asks each for; None before that is known."""
    places: frozenset[Location] | None = None
    """The identities of all that pip is configured with, likewise."""
    is_self_check: bool = False
    """Whether pip looks for a newer pip: then nobody asked for the name."""
    several: bool = False
    """Whether pip is configured with more than one remote index."""
    not_configured: Verdict = PASS
    asks_own: bool = False
    """Whether only the name's own indexes are asked, nobody for squatters: for a file that a lock names."""
    lock_drops: list[Drop] | None = None
    """Where a page was asked for the file that a lock names, and none lets it pass: why a page keeps it from pip."""
    failures_count: bool = False
    """Whether an index that failed refuses the name."""
    facts: Mapping[str, FileFacts] | None = None
    """By URL, what pages tell of their files, where a policy asks for it."""
    same_files: Sequence[SameFile] | None = None
    """None before there is a squatter to compare with."""
    told: int | None = None
    """How many drops have been told, in events and warnings; None before the first time: pip asks the finder often."""
    approved: dict[str, Candidate] = field(default_factory=dict)
    """Those of ``kept`` that were asked for, by URL."""
    _by_objection: dict[tuple[str | None, str, int], Drop] = field(default_factory=dict)
    _by_page: dict[Page | None, set[str]] | None = None

    def use(self, page: Page) -> None:
        """Have the candidates of a page found by its final URL; a page that was only probed has none."""
        if page.answered_url is not None:
            self.by_answer[page.answered_url] = page

    def drop(
        self, finding: Finding, page: Page | None, offered: Sequence[tuple[str, Link]], *, unseen: bool = False
    ) -> Drop:
        """Note that files were kept from pip, and return the note.

        :param offered: version and link of each.
        :param unseen: whether there may be others, behind a redirect that is not followed.
        """
        key = (None if page is None else page.url, finding.code, id(finding.layer))
        drop = self._by_objection.get(key)
        if drop is None:
            drop = self._by_objection[key] = Drop(finding, page)
            self.drops.append(drop)
        drop.is_unseen |= unseen
        drop.offered += offered
        drop.versions.update(version for version, _ in offered)
        return drop

    def forget_drops(self) -> None:
        """Forget what was dropped: of a name of which a lock names one file, other files say nothing."""
        self.drops, self._by_objection = [], {}

    @property
    def met(self) -> Met:
        """What the heart decides by."""
        unseen = [drop.finding for drop in self.drops if drop.is_unseen]
        return Met(self.authority, self.pages, self.drops, self.not_configured, unseen)

    def keep(self, candidates: Sequence[Candidate]) -> None:
        """Note which of pip's candidates remain."""
        if candidates is not self.kept:
            self.kept, self.approved, self._by_page = candidates, {}, None

    def find_candidate(self, link: Link) -> Candidate | None:
        """Return the remaining candidate of a link: pip asks several times for the same few."""
        found = self.approved.get(link.url)
        if found is None:
            for candidate in self.kept:
                if candidate.link is link or candidate.link.url == link.url:
                    found = self.approved[link.url] = candidate
                    break
        return found

    def newest_left(self, limit: int) -> list[tuple[str, Link]]:
        """Return version and link of each of pip's candidates that remain; if they are many, of the newest versions."""
        left = self.kept
        if len(left) > limit:
            # pip's own versions, which it can compare: to read them from their texts again would cost more.
            versions: list[Any] = [candidate.version for candidate in left]
            lowest = nlargest(limit, versions if versions[-1] < versions[0] else reversed(versions))[-1]
            left = [candidate for candidate, version in zip(left, versions) if version >= lowest]
        return [(str(candidate.version), candidate.link) for candidate in left]

    @property
    def kept_versions(self) -> dict[Page | None, set[str]]:
        """The versions that remain, by the page that lists them; None for files that no page lists."""
        if self._by_page is None:
            self._by_page = {}
            for candidate in self.kept:
                self._by_page.setdefault(self.page_of(candidate.link), set()).add(str(candidate.version))
        return self._by_page

    def settle(self, limit: int) -> None:
        """Forget what has been told, but for what a refusal tells again.

        :param limit: how many files of each kind an event tells.
        """
        for drop in self.drops:
            drop.settle(limit)
        if self.kept:
            for page in self.pages:
                page.forget()
        self._by_page = None

    @property
    def same_names(self) -> set[str]:
        """The names of the files that the name's own index lists, and a squatter too."""
        return {link.filename for same in self.same_files or () for link in (same.link, same.theirs)}

    @property
    def failed(self) -> list[Page]:
        """The pages that failed, where failures count."""
        return find_failed(self.pages) if self.failures_count else []

    @property
    def has_news(self) -> bool:
        """Whether the user is to hear something: files were dropped, an index failed, or is one that nobody may ask."""
        refusals = (page.verdict.refusal for page in self.pages)
        is_news = self.same_files or self.failed or any(not drop.finding.is_known for drop in self.drops)
        return bool(is_news) or any(it is not None and it.code in NOT_TO_BE_ASKED for it in refusals)

    def page_of(self, link: Link) -> Page | None:
        """Return the page that lists a link; None for a link that no page lists."""
        source = link.comes_from
        if source is not None and not isinstance(source, str):
            source = getattr(source, "url", None)
        return self.by_answer.get(source) if isinstance(source, str) else None
