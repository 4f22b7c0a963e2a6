"""Whether what pip read as a page without a file of the project is a simple index page at all."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from ...patterns import normalise_name
from ...policy.identity import redact

_OK, _NON_AUTHORITATIVE = 200, 203

_SIGN_IN = re.compile(
    r"_*(?:log[-_]?(?:in|on)|sign[-_]?in|sso|saml2?|oauth2?|openid|oidc|adfs|idp|auth|authorize|authenticate|captive"
    r"|portal|hotspot|accounts)(?:\.[a-z]+)?",
    re.IGNORECASE,
)
_LISTING = re.compile("(?:index|contents) of /|directory listing|listing of", re.IGNORECASE)
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
    reader = PageReader()
    try:
        reader.feed(text_of(response))
    except AssertionError:  # html.parser's own, at a broken declaration
        return _PORTAL
    is_foreign = reader.is_portal or (reader.has_words and not lists_files and not _is_empty_folder(reader, response))
    if not is_foreign or reader.has_version:
        return None
    is_redirected = bool(response.history) and is_sign_in(response.url, "")
    return explain_sign_in(response.url) if is_redirected else _PORTAL


def explain_sign_in(url: str) -> str:
    """Return what is said of an index that leads to a sign-in page at ``url``."""
    return f"led to a sign-in page, {redact(url)}: is the index's login missing, wrong or expired?"


def _is_empty_folder(reader: PageReader, response: Any) -> bool:
    """Tell whether a page is a web server's listing of a folder with nothing in it (nginx, Apache, lighttpd and others).

    Its heading says what it is, and it links the folders above it and itself, sorted otherwise.
    """
    try:
        own, *places = [urlsplit(urljoin(response.url, link)) for link in ("", *reader.links)]
    except ValueError:
        return False
    above = all(place[:2] == own[:2] and own.path.startswith(place.path) for place in places)
    return bool(places) and above and all(place.path.endswith("/") for place in places) and reader.is_listing


def is_sign_in(url: str, name: str) -> bool:
    """Tell whether a redirect leads to a sign-in page, by its URL alone: a segment, or a label of its host, says so.

    :param name: the project's; a segment that is one is no such word.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    labels = (parts.hostname or "").split(".")
    segments = [segment for segment in unquote(parts.path).split("/") if normalise_name(segment) != name]
    return any(_SIGN_IN.fullmatch(word) for word in (*labels, *segments))


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


def text_of(response: Any) -> str:
    """Return the text of a page, whatever it says of its encoding: ``response.text`` raises for some of what it may say."""
    content: bytes = response.content
    try:
        return content.decode(response.encoding or "utf-8", "replace")
    except (LookupError, ValueError):
        return content.decode("latin-1")


class PageReader(HTMLParser):
    """Reads of a page what tells it from others: links, forms, words."""

    _PORTAL = frozenset(("form", "input", "script", "iframe", "button", "object", "embed"))
    _HEADINGS = frozenset(("title", "h1", "h2", "h3", "style"))

    def __init__(self) -> None:
        super().__init__()
        self.has_version = False
        self.is_portal = False
        self.has_words = False
        """Or pictures or links: what a page without files has no use for."""
        self.links: list[str] = []
        """Targets, as they are written."""
        self.is_listing = False
        """Whether a heading says that it is the listing of a folder."""
        self._heading = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        values = dict(attrs)
        if tag == "meta" and values.get("name") == "pypi:repository-version":
            self.has_version = True
        if tag in self._PORTAL or (tag == "meta" and (values.get("http-equiv") or "").lower() == "refresh"):
            self.is_portal = True
        if tag in ("a", "img"):
            self.has_words = True
        href = values.get("href")
        if tag == "a" and href:
            self.links.append(href)
        if tag in self._HEADINGS:
            self._heading += 1

    def handle_endtag(self, tag: str) -> None:
        """Leave a heading."""
        if tag in self._HEADINGS:
            self._heading -= 1

    def handle_data(self, data: str) -> None:
        """Note text beside the headings."""
        if self._heading > 0:
            self.is_listing |= _LISTING.match(data.strip()) is not None
        elif data.strip():
            self.has_words = True
