"""What one package finder met while it looked for one name: the pages it asked, what they offered, what was dropped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from ..decision import PASS, Authority, Finding, Verdict
from ..errors import escape
from ..patterns import Name, find_version, newest_first, normalise_name
from ..policy.identity import Location, redact

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
_FIRST_ERROR = 400
_OK, _NON_AUTHORITATIVE = 200, 203
_NOT_OFFERED = (404, 410)
_NOT_OFFERED_TO_US = (*_NOT_OFFERED, 401, 403)


@dataclass
class Drop:
    """Files of one index that the guard kept from pip, for one reason."""

    finding: Finding
    page: Page | None
    """None for files that no page lists."""
    versions: set[str] = field(default_factory=set)
    offered: list[tuple[str, Any]] = field(default_factory=list)
    """Version and link of each file."""
    _sorted: list[str] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many there are."""
        return len(self.offered)

    @property
    def newest(self) -> list[str]:
        """The versions, the newest first."""
        if len(self._sorted) != len(self.versions):
            self._sorted = newest_first(self.versions)
        return self._sorted


@dataclass
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
    exchanges: list[Any] = field(default_factory=list)
    """Responses and exceptions of this page's requests, in order."""
    links: list[Any] | None = None
    """pip's links, of every project that the page lists; None where pip found no page to read."""
    answered_url: str | None = None
    answered: Location | None = None
    failure: str | None = None
    """Why the index is not to be relied on in this run."""

    @property
    def is_local(self) -> bool:
        """Whether this is a ``file:`` index or page."""
        return self.asked is not None and self.asked.is_local

    @property
    def shown(self) -> str:
        """The URL asked, fit to be shown."""
        return redact(self.url)

    @property
    def shown_answer(self) -> str | None:
        """The final URL of the page, fit to be shown; None where there was no page."""
        return None if self.answered_url is None else redact(self.answered_url)

    @property
    def was_asked(self) -> bool:
        """Whether a request was sent, or a local page read."""
        return bool(self.exchanges) or self.links is not None

    def offered(self, name: Name) -> list[tuple[str, Any]]:
        """Return version and link of every file of this name on the page, fit for this platform or not."""
        found = []
        for link in self.links or ():
            # pip believes an egg fragment before the file name (20.3 to 26.3); to read it costs, so only where there is one.
            egg = link.egg_fragment if "egg=" in link.url else None
            version = find_version(f"{egg}.zip" if egg else link.filename, name)
            if version is not None:
                found.append((version, link))
        return found

    def take_links(self, links: list[Any]) -> None:
        """Note the links of the page that came back, and its final URL (``Link.comes_from``, pip 20.3 to 26.3)."""
        self.links = links
        for link in links:
            self.answer(link.comes_from)
            return
        if self.exchanges:
            self.answer(getattr(self.exchanges[-1], "url", None))

    def answer(self, url: object) -> None:
        """Note the final URL of the page."""
        # The annotation in old pips says a page object; it has always been text.
        self.answered_url = url if isinstance(url, str) else getattr(url, "url", None)

    def find_failure(self, name: Name, *, alone: bool) -> str | None:
        """Return why the index did not answer with a page; None for a page, and for "not here" (404, 410).

        :param name: the name that was asked for.
        :param alone: whether no policy names the index: then 401 and 403 count as "not here" too.
        """
        last = self.exchanges[-1] if self.exchanges else None
        if self.links is not None:
            if self.is_local or any(normalise_name(link.filename).startswith(f"{name}-") for link in self.links):
                return None
            lists_files = any(is_distribution(link.filename) for link in self.links)
            return find_foreign(last, lists_files=lists_files, is_index=self.is_index)
        if last is None:
            return None if self.is_local else "pip did not ask it (not https, and not a trusted host?)"
        if isinstance(last, BaseException):
            return clean(f"{type(last).__name__}: {last}")
        if last.status_code in (_NOT_OFFERED_TO_US if alone else _NOT_OFFERED):
            return None
        if last.status_code < _FIRST_ERROR:
            return clean(f"not a simple index page: content type {last.headers.get('Content-Type', 'missing')}")
        return f"status {last.status_code}"

    @property
    def outcome(self) -> str:
        """What became of it, in words."""
        if self.failure:
            return f"failed: {self.failure}"
        if not self.was_asked:
            return "not asked"
        if self.links is None:
            status = getattr(self.exchanges[-1], "status_code", None) if self.exchanges else None
            return f"has no such name (status {status})" if status else "has no such name"
        return "answered"


@dataclass
class Search:
    """One name, looked for by one finder."""

    name: Name
    authority: Authority
    pages: list[Page] = field(default_factory=list)
    by_answer: dict[str, Page] = field(default_factory=dict)
    """The pages by final URL: how a candidate (``Link.comes_from``) finds its page."""
    drops: list[Drop] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    """pip's candidates that remain."""
    not_configured: Verdict = PASS
    failures_count: bool = False
    """Whether an index that failed refuses the name: a layer enforces, or the built-in rule has several indexes."""
    told: int | None = None
    """How many drops have been told, in events and warnings; None before the first time: pip asks the finder often."""

    def use(self, page: Page) -> None:
        """Have the candidates of a page found by its final URL; a page that was only probed has none."""
        if page.answered_url is not None:
            self.by_answer[page.answered_url] = page

    def drop(self, finding: Finding, page: Page | None, offered: Sequence[tuple[str, Any]]) -> None:
        """Note that files were kept from pip.

        :param offered: version and link of each.
        """
        for drop in self.drops:
            same_page = drop.page is page or (drop.page is not None and page is not None and drop.page.url == page.url)
            if same_page and drop.finding.code == finding.code and drop.finding.layer is finding.layer:
                break
        else:
            drop = Drop(finding, page)
            self.drops.append(drop)
        drop.offered += offered
        drop.versions.update(version for version, _ in offered)

    @property
    def left(self) -> list[tuple[str, Any]]:
        """Version and link of each of pip's candidates that remain."""
        return [(str(candidate.version), candidate.link) for candidate in self.kept]

    @property
    def failed(self) -> list[Page]:
        """The pages that failed, where failures count."""
        if not self.failures_count:
            return []
        return [page for page in self.pages if page.failure is not None and not page.probing]

    def page_of(self, link: Any) -> Page | None:
        """Return the page that lists a link; None for a link that no page lists."""
        source = link.comes_from
        if source is not None and not isinstance(source, str):
            source = getattr(source, "url", None)
        return self.by_answer.get(source) if source is not None else None


def clean(text: str) -> str:
    """Return foreign text fit for one line of a message: no credentials, no control characters, at most 200 characters."""
    return escape(_CREDENTIALS.sub("", " ".join(text.split())))[:200]


_PORTAL = "the answer is not a simple index page (a captive portal?)"


def find_foreign(response: Any, *, lists_files: bool, is_index: bool) -> str | None:
    """Return why what pip read as a page without a file of the project is no simple index page; None if it may be one.

    A captive portal or a login form answers 200 to everything; and pip takes every status below 400 for a page. JSON
    must be what PEP 691 demands; a page of HTML that says its repository version (PEP 629) is one, any other must be bare:
    no form, no script, and unless it lists files no link and no text beside its headings.

    :param lists_files: whether the page links files of other projects.
    :param is_index: otherwise it is a --find-links page, which may look as its host likes if it lists files.
    """
    if response is None:
        return None
    if response.status_code not in (_OK, _NON_AUTHORITATIVE):
        return f"status {response.status_code}, which is no page"
    if "Refresh" in response.headers:
        return _PORTAL
    if not response.content.strip():
        return "an empty answer"
    if _is_cut_off(response):
        return "the answer was cut off"
    if lists_files and not is_index:
        return None
    if response.headers.get("Content-Type", "").partition(";")[0].strip().lower().endswith("json"):
        return None if _is_json_page(response) else "JSON that is no simple index page"
    reader = _PageReader()
    try:
        reader.feed(_text_of(response))
    except AssertionError:  # html.parser's own, at a broken declaration
        return _PORTAL
    is_foreign = reader.is_portal or (reader.has_words and not lists_files)
    return _PORTAL if is_foreign and not reader.has_version else None


def _is_json_page(response: Any) -> bool:
    """Tell whether JSON has what PEP 691 demands of a page; pip reads any object."""
    try:
        page = response.json()
    except (ValueError, RecursionError):
        return False
    meta = page.get("meta") if isinstance(page, dict) else None
    return isinstance(meta, dict) and isinstance(meta.get("api-version"), str) and isinstance(page.get("files"), list)


def _is_cut_off(response: Any) -> bool:
    length = response.headers.get("Content-Length", "")
    return (
        "Content-Encoding" not in response.headers and length.isdecimal() and len(response.content) < int(length[:18])
    )


def _text_of(response: Any) -> str:
    """Return the text of a page, whatever it says of its encoding: ``response.text`` raises for some of what it may say."""
    content: bytes = response.content
    try:
        return content.decode(response.encoding or "utf-8", "replace")
    except (LookupError, ValueError):
        return content.decode("latin-1")


class _PageReader(HTMLParser):
    _PORTAL = frozenset(("form", "input", "script", "iframe", "button", "object", "embed"))
    _HEADINGS = frozenset(("title", "h1", "h2", "h3", "style"))

    def __init__(self) -> None:
        super().__init__()
        self.has_version = False
        self.is_portal = False
        self.has_words = False
        """Or pictures or links: what a page without files has no use for."""
        self._heading = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta" and values.get("name") == "pypi:repository-version":
            self.has_version = True
        if tag in self._PORTAL or (tag == "meta" and (values.get("http-equiv") or "").lower() == "refresh"):
            self.is_portal = True
        if tag in ("a", "img"):
            self.has_words = True
        if tag in self._HEADINGS:
            self._heading += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in self._HEADINGS:
            self._heading -= 1

    def handle_data(self, data: str) -> None:
        if data.strip() and self._heading <= 0:
            self.has_words = True


def is_distribution(filename: str) -> bool:
    """Tell whether a file name is that of a wheel, sdist or egg."""
    return filename.endswith((".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".egg"))
