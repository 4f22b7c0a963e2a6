"""One page: an index, or a page of links, asked for one name; and what was dropped of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...decision.verdict import PASS, Finding, Verdict
from ...errors import clean, cut
from ...patterns import Name, is_distribution, normalise_name
from ...policy.identity import Location, find_location, redact
from ...tuples import NamedTuple
from .links import find_offered, name_file, newest_files

if TYPE_CHECKING:
    from datetime import datetime

    from ...decision.serving import Objection
    from ..objects import Exchange, Link
    from .listing import Listing

_FIRST_ERROR = 400
_LONG = 60
"""How many characters of a file's name are shown."""
_NOT_OFFERED = (404, 410)
_OF_THE_LOGIN = (401, 403)


@dataclass(eq=False, repr=False)  # quicker to make
class Drop:
    """Files of one index that the guard kept from pip, for one reason."""

    finding: Finding
    page: Page | None
    """None for files that no page lists."""
    versions: set[str] = field(default_factory=set)
    offered: list[tuple[str, Link]] = field(default_factory=list)
    """Version and link of each file, until they have been told; then of those that can be told."""
    more: int = 0
    """How many files there are beside them."""
    objections: dict[str, Objection] | None = None
    """By version, what a policy asks of files and these are not; None where the reason is another."""
    is_unseen: bool = False
    """Whether nobody knows which files there are: they lie behind a redirect that was not followed."""

    @property
    def files(self) -> int:
        """How many there are."""
        return len(self.offered) + self.more

    def settle(self, limit: int) -> None:
        """Forget all files but those of the newest versions, which are told again if the run is refused."""
        files = self.files
        self.offered = newest_files(self.offered, limit)
        self.more = files - len(self.offered)


class Closed(NamedTuple):
    """What is remembered of a request."""

    status_code: int | None
    url: str
    is_late: bool


@dataclass(eq=False, repr=False)  # quicker to make
class Page:
    """One index (or page of links), asked for one name."""

    url: str
    """As pip is configured with it, credentials included: never shown."""
    page_url: str
    """The page itself: for an index, its URL joined with the name as pip joins them."""
    asked: Location | None
    """None where the URL is unknown."""
    is_index: bool
    """Otherwise a --find-links page."""
    verdict: Verdict = PASS
    probing: bool = False
    """Asked for squatters only: nothing of it is used, and its failure changes nothing."""
    exchanges: list[Exchange] = field(default_factory=list)
    """Responses and exceptions of this page's requests, in order, while it is read."""
    links: list[Link] | None = None
    """pip's links, of every project that the page lists; None where pip found no page to read."""
    listing: Listing | None = None
    """The same by project, where every name asks for this page."""
    lists_name: bool = True
    """Whether a file of the name is among them, as far as is known."""
    other: str | None = None
    """If none is: a file of another name."""
    answered_url: str | None = None
    answered: Location | None = None
    failure: str | None = None
    """Why the index is not to be relied on in this run."""
    idle: str | None = None
    """Why a --find-links page does not count, where no policy decides: it failed, or lists nothing."""
    found: list[tuple[str, Link]] | None = None
    """What ``offered`` has found."""
    names: dict[str, str] = field(default_factory=dict)
    """The names of those files, by URL."""
    digests: dict[str, str] = field(default_factory=dict)
    """What ``links.find_sha256`` says of files, by URL, as far as somebody has asked."""
    first_seen: datetime | None = None
    """When a ledger first saw a file of the name here, on a page that squats it."""
    times: tuple[datetime, datetime] | None = None
    """When the first and the last of its files were uploaded, if it squats a name, and tells it."""
    is_not_here: bool = False
    """Whether its status means that it does not have the name, though it is neither 404 nor 410."""
    check_hop: Callable[[str, str], None] | None = None
    """Is given each redirect, from where and where to, before it is followed, and raises where it is not to be."""
    led_to: str | None = None
    """Where a redirect led that was not followed."""
    signs_in: bool = False
    """Whether that looks like a sign-in page."""

    @property
    def is_local(self) -> bool:
        """Whether this is a ``file:`` index or page."""
        return self.asked is not None and self.asked.is_local

    @property
    def place(self) -> Location | str:
        """Its identity; the URL itself where that has none."""
        return self.asked or self.url

    @property
    def shown(self) -> str:
        """The URL asked, fit to be shown."""
        return redact(self.url)

    @property
    def shown_answer(self) -> str | None:
        """The final URL of the page, fit to be shown; None where there was no page."""
        return None if self.answered_url is None else redact(self.answered_url)

    @property
    def status(self) -> int | None:
        """The status of the last answer; None where there was none."""
        return getattr(self.exchanges[-1], "status_code", None) if self.exchanges else None

    def ignore_if_idle(self) -> None:
        """Have a --find-links page that failed, or that lists no file, not count: pip goes on without it, too."""
        if self.failure is not None or not any(is_distribution(link.filename) for link in self.links or ()):
            self.idle, self.failure = self.failure or "lists no file", None

    @property
    def shown_forward(self) -> str | None:
        """The place beside the index that the last request was led to, fit to be shown; None where there was none."""
        url = getattr(self.exchanges[-1], "url", None) if self.exchanges else None
        if not isinstance(url, str):
            return None
        place, asked = find_location(url), find_location(self.page_url)
        if place is None or asked is None or place.is_at_or_under(asked.parent if self.is_index else asked):
            return None
        return redact(url)

    @property
    def was_asked(self) -> bool:
        """Whether a request was sent, or a local page read."""
        return bool(self.exchanges) or self.links is not None

    def offered(self, name: Name) -> list[tuple[str, Link]]:
        """Return version and link of every file of this name on the page, fit for this platform or not: found out once."""
        if self.found is None:
            links = self.links or () if self.listing is None else self.listing.links_of(name)
            self.found = find_offered(links, name, self.names)
        return self.found

    def take_links(self, links: list[Link], listing: Listing | None = None) -> None:
        """Note the links of the page that came back, and its final URL (``Link.comes_from``, pip 20.3 to 26.3)."""
        self.links, self.listing, self.found, self.names, self.digests = links, listing, None, {}, {}
        for link in links:
            self.answer(link.comes_from)
            return
        if self.exchanges:
            self.answer(getattr(self.exchanges[-1], "url", None))

    def answer(self, url: object) -> None:
        """Note the final URL of the page."""
        # The annotation in old pips says a page object; it has always been text.
        self.answered_url = url if isinstance(url, str) else getattr(url, "url", None)

    def find_failure(self, name: Name) -> str | None:
        """Return why the index did not answer with a page; None for a page, and for "not here" (404, 410).

        :param name: the name that was asked for.
        """
        last = self.exchanges[-1] if self.exchanges else None
        if self.led_to is not None:
            return self._find_detour(self.led_to)
        if self.links is not None:
            self.lists_name = self._lists(name)
            self.other = None if self.lists_name else self._find_other()
            if self.is_local or self.lists_name:
                return None
            if not isinstance(last, BaseException):
                from .simple_page import find_foreign  # most pages list files of the name

                return find_foreign(last, lists_files=self.other is not None, is_index=self.is_index)
        if last is None:
            return None if self.is_local else "pip did not ask it (not https, and not a trusted host?)"
        if isinstance(last, BaseException):
            from .failures import explain  # few requests fail

            return explain(last)
        if last.status_code in _NOT_OFFERED or self.is_not_here:
            return None
        if last.status_code < _FIRST_ERROR:
            return clean(f"not a simple index page: content type {last.headers.get('Content-Type', 'missing')}")
        login = ": is its login missing, wrong or expired?" if last.status_code in _OF_THE_LOGIN else ""
        return f"status {last.status_code}{login}"

    def _find_detour(self, led_to: str) -> str | None:
        if self.probing:
            return f"led to {redact(led_to)}, where a probe does not follow"
        if not self.signs_in:
            return None
        from .simple_page import explain_sign_in  # few indexes do

        return explain_sign_in(led_to)

    @property
    def is_unfinished(self) -> bool:
        """Whether the last request did not end in time."""
        last: object = self.exchanges[-1] if self.exchanges else None
        if isinstance(last, Closed):
            return last.is_late
        if not isinstance(last, BaseException):
            return False
        from .failures import is_late  # few requests fail

        return is_late(last)

    def close(self) -> None:
        """Forget the answers themselves: else a run that asks for many names would hold all their pages to its end."""
        if self.exchanges:
            url = getattr(self.exchanges[-1], "url", None)
            closed: Any = Closed(self.status, url if isinstance(url, str) else "", self.is_unfinished)
            self.exchanges = [closed]

    def forget(self) -> None:
        """Forget the files too, when the name is decided: most are such as pip itself has forgotten."""
        if self.links is not None:
            self.links, self.listing, self.found, self.names, self.digests = [], None, None, {}, {}

    def _lists(self, name: Name) -> bool:
        if self.listing is not None:
            return bool(self.offered(name))
        links = self.links or ()
        if any(normalise_name(name_file(link)).startswith(f"{name}-") for link in links):
            return True
        # A repository has its name and version in a fragment.
        return any("egg=" in link.url for link in links) and bool(self.offered(name))

    def _find_other(self) -> str | None:
        names = map(name_file, self.links or ()) if self.listing is None else iter(self.listing.some)
        return next(filter(is_distribution, names), None)

    @property
    def outcome(self) -> str:
        """What became of it, in words."""
        if self.failure:
            return f"failed: {self.failure}"
        if self.led_to is not None:
            return f"forwarded to {redact(self.led_to)}, which was not asked"
        if not self.was_asked:
            return "not asked"
        if self.links is None:
            told = f"has no such name (status {self.status})" if self.status else "has no such name"
            return f"forwarded to {self.shown_forward}, which {told}" if self.shown_forward else told
        return f"answered{self.wants}"

    @property
    def wants(self) -> str:
        """What the page that came wants, in words; empty where it lists a file of the name."""
        if self.links is None or self.lists_name:
            return ""
        return ", but lists no file" + (
            "" if self.other is None else f" of this name (others, such as {cut(clean(self.other), _LONG)})"
        )
