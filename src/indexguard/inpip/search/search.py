"""What one package finder met while it looked for one name: the pages it asked, what they offered, what was dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ...decision.authority import Authority
from ...decision.outcome import NOT_TO_BE_ASKED, Met, find_failed
from ...decision.verdict import PASS, Finding, Verdict
from ...patterns import Name
from .page import Drop, Page

if TYPE_CHECKING:
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
class Search:
    """One name, looked for by one finder."""

    name: Name
    authority: Authority
    pages: list[Page] = field(default_factory=list)
    by_answer: dict[str, Page] = field(default_factory=dict)
    """The pages by final URL: how a candidate (``Link.comes_from``) finds its page."""
    drops: list[Drop] = field(default_factory=list)
    kept: list[Candidate] = field(default_factory=list)
    """pip's candidates that remain."""
    whole: set[str] = field(default_factory=set)
    """The URLs of files of which no part may be read before the hash of the whole is checked."""
    index_pages: dict[str, str] | None = None
    """The indexes by the page that pip asks each for; None before that is known."""
    several: bool = False
    """Whether pip is configured with more than one remote index."""
    not_configured: Verdict = PASS
    failures_count: bool = False
    """Whether an index that failed refuses the name."""
    same_files: Sequence[SameFile] | None = None
    """None before there is a squatter to compare with."""
    told: int | None = None
    """How many drops have been told, in events and warnings; None before the first time: pip asks the finder often."""

    def use(self, page: Page) -> None:
        """Have the candidates of a page found by its final URL; a page that was only probed has none."""
        if page.answered_url is not None:
            self.by_answer[page.answered_url] = page

    def drop(
        self, finding: Finding, page: Page | None, offered: Sequence[tuple[str, Link]], *, unseen: bool = False
    ) -> None:
        """Note that files were kept from pip.

        :param offered: version and link of each.
        :param unseen: whether there may be others, behind a redirect that is not followed.
        """
        for drop in self.drops:
            same_page = drop.page is page or (drop.page is not None and page is not None and drop.page.url == page.url)
            if same_page and drop.finding.code == finding.code and drop.finding.layer is finding.layer:
                break
        else:
            drop = Drop(finding, page)
            self.drops.append(drop)
        drop.is_unseen |= unseen
        drop.offered += offered
        drop.versions.update(version for version, _ in offered)

    @property
    def met(self) -> Met:
        """What the heart decides by."""
        unseen = [drop.finding for drop in self.drops if drop.is_unseen]
        return Met(self.authority, self.pages, self.drops, self.not_configured, unseen)

    @property
    def left(self) -> list[tuple[str, Link]]:
        """Version and link of each of pip's candidates that remain."""
        return [(str(candidate.version), candidate.link) for candidate in self.kept]

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
