"""When are two URLs the same index? The identity of an index, and the traps in reading one.

Scheme, lower-cased host, effective port and the path by segment count; credentials, query, fragment and a trailing
slash do not. Parsers differ on some URLs and an attacker chooses the URL: what could be read in two ways is *unknown*.
``%2F`` is a character of its segment, never a separator; whether it lies where two readers may differ, matching tells.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  # not left to the first `encode("idna")`: pip 26.3 refuses imports while it installs
import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from ..errors import TOKEN, escape
from ..patterns import is_distribution
from ..tuples import NamedTuple

_DEFAULT_PORTS = {"http": 80, "https": 443}
_VCS_PORTS = {**_DEFAULT_PORTS, "ssh": 22, "git": 9418, "svn": 3690, "sftp": 22, "file": 0}
_VCS = ("git", "hg", "svn", "bzr")
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]|[^\\S ]|^ ")
_SLASH = "%2F"
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ALIKE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@")
"""Characters of a path that mean the same encoded or not: those that RFC 3986 allows in a segment as they are."""
_DOTS = re.compile(r"(?:^|/|%2F)\.\.?(?:/|%2F|$)")
_DOTS_WITH_PARAMETERS = re.compile(r"(?:^|/|%2F)\.\.?;")
_TO_ENCODE = re.compile(r"[^A-Za-z0-9._~%!$&'()*+,;=:@/\[\]-]")
"""What pip's copy of requests sends percent-encoded."""
_PORT = re.compile(r":[0-9]*$")
_HOST = re.compile(r"[a-z0-9_.-]{1,255}")
_LOOPBACK = re.compile(r"localhost|\[::1\]|127(?:\.(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])){3}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_PLAIN_BEFORE_AT = re.compile(r"(?:[^/?#@:\\\s]*@[^/?#@:\\\s]*(?::[0-9]*)?|[^/?#@:\\\s]*)/[^:?#@\\]*")
"""After the ``://``: an authority without a password, then a path; an ``@`` that follows is none of a password's."""


class UnknownLocation(ValueError):  # noqa: N818  # the URL is unknown; nothing went wrong
    """A URL that cannot be given one identity; the text says why."""


class Location(NamedTuple):
    """The identity of an index, page or file."""

    scheme: str
    """``https``, ``http``, ``file``, or ``pypi`` for the token of that name; of a reference also ``git+https`` and so on."""
    host: str
    """Lower case, IDNA; empty for a local file and for the token."""
    port: int
    """Effective port; 0 where there is none."""
    segments: tuple[str, ...] = ()
    """The path by segment, without dot segments and empty segments."""

    def is_at_or_under(self, base: Location) -> bool:
        """Tell whether ``base`` is this location or a prefix of it, by whole segments.

        None is a prefix of what has a ``%2F`` further down: to some servers that leads out of the place again.
        """
        depth, own = len(base.segments), self.segments
        if self[:3] != base[:3] or (own[:depth] != base.segments and not _fits(own[:depth], base.segments)):
            return False
        return _SLASH not in "/".join(own[depth:])

    def is_at(self, base: Location) -> bool:
        """Tell whether ``base`` is this location."""
        return len(self.segments) == len(base.segments) and self.is_at_or_under(base)

    @property
    def has_slash(self) -> bool:
        """Whether a segment has a ``%2F``."""
        return _SLASH in "/".join(self.segments)

    @property
    def is_local(self) -> bool:
        """Whether this is a ``file:`` URL with an empty host or ``localhost``."""
        return self.scheme == "file" and not self.host

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine: ``localhost``, ``127.0.0.0/8`` or ``::1``."""
        return _LOOPBACK.fullmatch(self.host) is not None

    @property
    def parent(self) -> Location:
        """This location without its last segment."""
        return self._replace(segments=self.segments[:-1])

    def __str__(self) -> str:
        if self.scheme == "pypi":
            return "/".join(("pypi", *self.segments))
        port = "" if self.port in (0, _VCS_PORTS.get(self.scheme.rpartition("+")[2])) else f":{self.port}"
        path = "".join(f"/{segment}" for segment in self.segments)
        return f"{self.scheme}://{self.host}{port}{path}" + ("" if self.is_local else "/")


def _fits(own: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Tell whether segments are those of a policy's URL, with a secret in the place of each token."""
    pairs = zip(own, pattern)
    return len(own) == len(pattern) and all(one == it or (it == TOKEN and _SLASH not in one) for one, it in pairs)


_LOCAL_SOMEWHERE = Location("file", "", 0, ("%",))
"""A bare ``%`` is no segment of any URL that has one reading."""
PYPI = Location("pypi", "", 0)
"""The token ``pypi``: the public index as the running pip knows it."""


@lru_cache(maxsize=4096)
def parse_location(url: str) -> Location:
    """Read a URL into its identity; the text ``pypi`` is the token.

    :raises UnknownLocation: the URL has no single reading: a backslash, a control character, white space that is no
        space of its path, ``%5C`` or a bare ``%`` in its path, dot segments beside ``%2F``, several ``@`` in its
        authority, a host or port that is none, a scheme other than http, https and file.
    """
    if url == "pypi":
        return PYPI
    parts, port = _split(url)
    scheme = parts.scheme.lower()
    if scheme == "file":
        host = parts.netloc.lower()
        # `file:wheels` is relative to the current folder: not the place that `file:///wheels` is.
        base = () if host or parts.path.startswith("/") else (".",)
        return Location("file", "" if host == "localhost" else host, 0, base + _segments(parts.path))
    if scheme not in _DEFAULT_PORTS:
        raise UnknownLocation("its scheme is none of https, http and file")
    if port == 0:
        raise UnknownLocation("its port is 0")
    return Location(scheme, _host(parts.netloc), port or _DEFAULT_PORTS[scheme], _segments(parts.path))


@lru_cache(maxsize=256)
def parse_reference(url: str) -> Location:
    """Read the URL of a direct reference into its identity: as ``parse_location``, and VCS URLs too.

    The VCS is part of the scheme (``git+https`` is not ``https``); the revision after the last ``@`` of the path does not
    count (pip 20.3 to 26.3 cut it off in the same way).

    :raises UnknownLocation: the URL has no single reading.
    """
    vcs, plus, rest = url.partition("+")
    if not plus or vcs.lower() not in _VCS:
        return parse_location(url)
    parts, port = _split(rest)
    scheme = parts.scheme.lower()
    path = parts.path.rpartition("@")[0] if "@" in parts.path else parts.path
    if scheme not in _VCS_PORTS or "://" not in rest:
        raise UnknownLocation("its scheme is none that a VCS reference may have")
    host = "" if scheme == "file" and parts.netloc.lower() in ("", "localhost") else _host(parts.netloc)
    return Location(f"{vcs.lower()}+{scheme}", host, port or _VCS_PORTS[scheme], _segments(path))


def _split(url: str) -> tuple[SplitResult, int | None]:
    if "\\" in url:
        raise UnknownLocation("it holds a backslash: write `/`, or `%5C` in a user name or password")
    if _UNSAFE.search(url):
        raise UnknownLocation("it holds white space or a control character: only its path may hold a space, `%20`")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UnknownLocation("its authority cannot be read") from None
    if parts.netloc.count("@") > 1:
        raise UnknownLocation("it has more than one `@` before the host: write `%40` in its user name or password")
    if " " in parts.netloc:
        raise UnknownLocation("it holds white space before its path: write `%20` in its user name or password")
    return parts, port


def find_reference(url: str) -> Location | None:
    """Return the identity of the URL of a direct reference, or None where it is unknown.

    A file of this machine is local however its path may be read: then its place is one that no prefix covers.
    """
    try:
        return parse_reference(url)
    except UnknownLocation:
        return _LOCAL_SOMEWHERE if _is_local(url) else None


def _is_local(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    # A backslash may begin a host, to Windows.
    return "\\" not in url and parts.scheme.lower() == "file" and parts.netloc.lower() in ("", "localhost")


def is_remote_page(url: str) -> bool:
    """Tell whether what --find-links names is a page elsewhere: no file, and no place of this machine."""
    is_remote = url.lower().startswith(("http:", "https:"))
    return is_remote and not is_distribution(re.split("[?#]", url, maxsplit=1)[0].rstrip("/"))


def find_location(url: str) -> Location | None:
    """Return the identity of ``url``, or None where it is unknown."""
    try:
        return parse_location(url)
    except UnknownLocation:
        return None


def locate(url: str, pypi: Location | None) -> Location | None:
    """Return the identity of a URL; at or under a pip's own public index, that of the token ``pypi``.

    :param pypi: the public index as that pip knows it.
    """
    location = find_location(url)
    if location is not None and pypi is not None and location.is_at_or_under(pypi):
        return Location(PYPI.scheme, PYPI.host, PYPI.port, location.segments[len(pypi.segments) :])
    return location


def is_trusted(url: str, hosts: Iterable[tuple[str, int | None]]) -> bool:
    """Tell whether pip was told to trust the host of a URL without TLS (``--trusted-host``): on its port, or on any.

    :param hosts: each with its port; None for all of them (``PipSession.pip_trusted_origins``, pip 20.3 to 26.3).
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme.lower())
    except ValueError:
        return False
    # pip keeps its hosts as urlsplit gives them: an IPv6 address without its brackets.
    return any(
        host == trusted.strip("[]").lower() and number in (None, port) for trusted, number in hosts if host and trusted
    )


def redact(url: str) -> str:
    """Return ``url`` fit to be shown: without credentials, query and fragment, its control characters escaped.

    Built for text that cannot be trusted to be a URL at all: an ``@`` that may end a password hides all that is before
    it, even where a password holds ``/``, ``#`` or ``@`` as they are. A path keeps its ``@`` (a VCS reference) only
    where the authority holds no password.
    """
    scheme, mark, rest = url.partition("://")
    start = scheme + mark if mark and _SCHEME.fullmatch(scheme) else ""
    before, at, after = rest.rpartition("@") if start else url.rpartition("@")
    if at and not start:
        # Without a scheme a colon is what tells credentials from `@` in a name.
        url = f"***@{after}" if ":" in before else url
    elif at and not re.search(r"[/?#\\]", before):
        url = start + after
    elif at and _PLAIN_BEFORE_AT.fullmatch(before):
        authority, slash, path = rest.partition("/")
        url = start + authority.rpartition("@")[2] + slash + path
    elif at:
        url = f"{start}***@{after}"
    url = re.split("[?#]", url, maxsplit=1)[0]
    return escape(url)


def _host(netloc: str) -> str:
    """Return the host of an authority in its one spelling."""
    host = _PORT.sub("", netloc.rpartition("@")[2]).lower()
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1])}]" if host.endswith("]") and "%" not in host else _no_host()
        except ValueError:
            _no_host()
    if not host.isascii():
        host = _to_ascii(host)
    return host if _HOST.fullmatch(host) else _no_host()


def _to_ascii(host: str) -> str:
    """Return the IDNA form of a host, if every reader arrives at the same one.

    IDNA 2003 (the standard library's) and IDNA 2008 (pip's) map some characters to different hosts. A host that maps to
    itself has one reading.
    """
    try:
        encoded = host.encode("idna")
        same = encoded.decode("idna") == host
    except UnicodeError:
        _no_host()
    if not same:
        raise UnknownLocation("its host means different hosts to different readers (IDNA)")
    return encoded.decode("ascii").lower()


def _no_host() -> NoReturn:
    raise UnknownLocation("its host is not a host name")


def _segments(path: str) -> tuple[str, ...]:
    if _STRAY_PERCENT.search(path):
        raise UnknownLocation("its path holds a `%` that encodes nothing: write `%25`")
    path = _TO_ENCODE.sub(_encode, _ESCAPE.sub(_decode, path))
    if "%5C" in path:
        raise UnknownLocation("its path holds an encoded backslash, `%5C`, which is a separator to some servers")
    if _DOTS_WITH_PARAMETERS.search(path) or (_SLASH in path and _DOTS.search(path)):
        raise UnknownLocation("its path holds a dot segment that not all servers read alike: write it without")
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return tuple(kept)


def _decode(escape: re.Match[str]) -> str:
    byte = int(escape[1], 16)
    return chr(byte) if byte in _ALIKE else escape[0].upper()


def _encode(char: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in char[0].encode())
