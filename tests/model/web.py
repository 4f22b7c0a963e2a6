"""What a run meets: places, what answers there, and the world of a run. For the model, as `policy` is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union
from urllib.parse import urljoin

PYPI_URL = "https://public.example/simple/"
"""What the running pip calls the public index: the token `pypi` of a policy."""


MOST_REDIRECTS = 30


class Place(NamedTuple):
    """The identity of a URL."""

    scheme: str
    host: str
    port: int
    segments: tuple[str, ...]

    def holds(self, other: Place) -> bool:
        """Tell whether ``other`` is this place or lies under it, by whole segments."""
        mine, theirs = list(self.segments), list(other.segments)
        # The text: "a `%2F` after the matched prefix ... makes it unknown"
        is_plain = not any("%2F" in segment for segment in theirs[len(mine) :])
        return self[:3] == other[:3] and theirs[: len(mine)] == mine and is_plain

    @property
    def is_local(self) -> bool:
        """`file:` with an empty host or `localhost`."""
        return self.scheme == "file" and self.host == ""


def place_of(url: str) -> Place | None:
    """Return the identity of a URL, None where it is *unknown*."""
    scheme, _, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    path = re.split("[?#]", rest[len(authority) :], maxsplit=1)[0]
    # The text: "a URL with a backslash, a control character, `%5C` in its path, or more than one `@` in its authority"
    if re.search(r"[\\\t\n\x00-\x1f\x7f]", url) or "%5C" in path.upper() or authority.count("@") > 1:
        return None
    host, _, port = authority.split("@")[-1].lower().partition(":")
    default = {"https": 443, "http": 80, "ssh": 22, "file": 0}[scheme.lower().rpartition("+")[2]]
    host = "" if scheme.lower().endswith("file") and host == "localhost" else host
    # Of a repository's URL, the revision is no part.
    path = path.rpartition("@")[0] if "+" in scheme and "@" in path else path
    segments: list[str] = []
    # The text: "Then unreserved characters are percent-decoded, `! $ & ' ( ) * + , ; = : @` count alike encoded or not,
    # dot segments and empty segments removed"; "a space counts as `%20`".
    decoded = re.sub("%([0-9A-Fa-f]{2})", _decoded, path.replace(" ", "%20")).split("/")
    parts = [part for segment in decoded for part in segment.split("%2F")]
    # The text: "a segment that is `.` or `..` followed by `;`"; "any dot segment anywhere in such a URL"
    if any(part.startswith((".;", "..;")) for part in parts):
        return None
    if len(parts) > len(decoded) and any(part in (".", "..") for part in parts):
        return None
    for segment in decoded:
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(segment)
    return Place(scheme.lower(), host, int(port or default), tuple(segments))


def _decoded(escape: re.Match[str]) -> str:
    char = chr(int(escape[1], 16))
    return char if re.fullmatch("[A-Za-z0-9._~!$&'()*+,;=:@-]", char) else escape[0].upper()


def normal(name: str) -> str:
    """Return the PEP 503 form of a name."""
    return re.sub("[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class File:
    """A file that a page lists, or that lies in a local folder."""

    project: str
    """Of the normalised name."""
    version: str
    filename: str
    url: str
    sha256: str | None = None
    yanked: bool = False
    fits: bool = True
    """Whether this machine could install it."""
    uploaded: str | None = None
    """When, as a JSON page tells it."""


@dataclass(frozen=True)
class Page:
    """A page of an index."""

    files: tuple[File, ...]
    form: str = "html"
    """``html`` or ``json``."""
    based: bool = False
    """Whether the page has a ``<base href>`` that its links are relative to."""


@dataclass(frozen=True)
class Redirect:
    """An answer that sends elsewhere."""

    to: str
    status: int = 302


@dataclass(frozen=True)
class Failure:
    """An answer that is no page: a status, or ``portal``, ``text``, ``broken``, ``unreachable``."""

    kind: str
    status: int = 200

    @property
    def says_not_here(self) -> bool:
        """404 and 410."""
        return self.kind == "status" and self.status in (404, 410)


@dataclass(frozen=True)
class Download:
    """An answer that is a wheel."""

    filename: str
    told_name: str
    """The name in its metadata."""
    requires: tuple[str, ...] = ()
    """Its Requires-Dist."""


Answer = Union[Page, Redirect, Failure, Download]


NOT_HERE = Failure("status", 404)


UNREACHABLE = Failure("unreachable")


@dataclass(frozen=True)
class Layer:
    """A policy file: where it lies, and what it says."""

    kind: str
    """``machine``, ``interpreter``, ``user`` or ``environment``."""
    policy: Mapping[str, Any]

    @property
    def enforces(self) -> bool:
        """The text: "a layer in `audit` only logs"."""
        return bool(self.policy.get("mode", "enforce") == "enforce")

    @property
    def has_opinion(self) -> bool:
        """The text: "a layer without `[indexes]` has no opinion on names"."""
        return "indexes" in self.policy


@dataclass(frozen=True)
class World:
    """Everything that a run meets: its policies, how pip is configured, and what answers where."""

    layers: tuple[Layer, ...]
    indexes: tuple[str, ...]
    """Index URLs as pip is configured with them."""
    links: tuple[str, ...] = ()
    """Remote find-links: pages, and the URLs of ``link_files``."""
    link_files: tuple[File, ...] = ()
    trusted: tuple[str, ...] = ()
    """Hosts that pip trusts without TLS."""
    web: Mapping[str, Answer] = field(default_factory=dict)
    """What answers under a URL; 404 under any other."""
    folder: tuple[File, ...] | None = None
    """A local find-links folder."""
    local_page: tuple[File, ...] | None = None
    """A local find-links page."""
    local_index: tuple[File, ...] | None = None
    """A `file:` index."""


def travel(world: World, url: str) -> tuple[list[str], Answer]:
    """Follow redirects from ``url``; return every URL on the way, and the last answer."""
    answers = {place_of(there): answer for there, answer in world.web.items()}
    way: list[str] = []
    while len(way) <= MOST_REDIRECTS:
        place = place_of(url)
        assert place is not None, f"{url} is unknown: the world is not to have it visited"
        way.append(url)
        answer = answers.get(place, NOT_HERE)
        if not isinstance(answer, Redirect):
            return way, answer
        url = urljoin(url, answer.to)
    return way, UNREACHABLE
