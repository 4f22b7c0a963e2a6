"""What a person probably meant: the writer of a faulty policy, or who gave pip a URL that is nearly the policy's.

Loaded with the first fault, and the first index that is not known.
"""

from __future__ import annotations

import re
from datetime import date, time
from typing import TYPE_CHECKING, Protocol

from ..errors import TOKEN, cut, escape
from ..patterns import parse_pattern
from ..ranges import parse_range
from .identity import UnknownLocation, parse_location, redact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from .identity import Location

    class NamedPlace(Protocol):
        """An index of a policy (``model.Index``)."""

        @property
        def name(self) -> str:
            """Its name."""

        @property
        def urls(self) -> tuple[Location, ...]:
            """Its URLs."""

    class Places(Protocol):
        """A policy (``model.Policy``), as far as its indexes go."""

        @property
        def indexes(self) -> Iterable[NamedPlace]:
            """Its indexes."""


_LINE = 100
_SECRET = re.compile(r"[A-Za-z0-9_~+=-]{12,}")
_WEB_PORTS = (80, 443)
_USUAL_ENDS = {"simple", "+simple", "pypi", "index", "python", "api"}
"""What index URLs end in, and people forget."""


def show(value: object) -> str:
    """Return a value as a policy file would write it, fit for a terminal: short, without credentials."""
    if isinstance(value, str):
        text = escape(redact(value) if "@" in value else value)
        return f'"{cut(text, _LINE)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (list, dict)):
        kind = "list" if isinstance(value, list) else "table"
        return f"a {kind}" if value else f"an empty {kind}"
    # repr() of an integer fails above 4300 digits.
    return "a very large integer" if isinstance(value, int) and abs(value) >= 10**20 else repr(value)


def find_closest(text: str, candidates: Collection[str]) -> str | None:
    """Return the one of the candidates that a text is most like."""
    import difflib  # noqa: PLC0415  # only for a word that is none

    close = difflib.get_close_matches(text.lower().replace("_", "-")[:100], candidates, 1)
    return close[0] if close else None


_TOP = ("version", "mode", "local", "when-nothing-left")
HOMES = {
    **dict.fromkeys(_TOP, ""),
    **dict.fromkeys(("probe", "action", "same-file", "known"), "shadow"),
    **dict.fromkeys(("requested", "transitive", "allow", "redirects"), "direct-urls"),
    **dict.fromkeys(("sinks", "syslog", "max-size"), "log"),
}
"""The table that a key belongs in; empty for the top of the file."""


def find_home(key: str, name: str) -> str | None:
    """Say where a key belongs that has no meaning in the table at ``key``; None for one that belongs nowhere.

    In TOML every line below a table's head is the table's.
    """
    home = HOMES.get(name)
    if home is None or home == key:
        return None
    return f"it belongs under [{home}]" if home else "it belongs at the top of the file, above the first [table]"


def find_range(text: str) -> str | None:
    """Return the range that a bare version, or `=2.0`, was probably meant to be."""
    bare = text.strip().lstrip("= ")
    try:
        parse_range(f"=={bare}")
    except ValueError:
        return None
    return f"=={bare}"


def find_url(text: str) -> str | None:
    """Return what a text that is no URL was probably meant to be."""
    if text.strip().lower() == "pypi":
        return "pypi"
    if "://" in text or "@" in text or "." not in text.partition("/")[0]:
        return None
    url = f"https://{text}"
    try:
        parse_location(url)
    except UnknownLocation:
        return None
    return redact(url)


def find_place(text: str) -> str | None:
    """Return the URL prefix that a host with a port, or with a path, was probably meant to be."""
    if "@" in text:
        return None
    for scheme in ("http", "https"):
        try:
            place = parse_location(f"{scheme}://{text}")
        except UnknownLocation:
            return None
        if scheme == "https" or place.is_loopback:
            return str(place)
    return None


def find_prefix(text: str) -> str | None:
    """Return the prefix that ``acme-`` was probably meant to be."""
    try:
        return f"{text}*" if text.endswith(("-", "_", ".")) and parse_pattern(f"{text}*") else None
    except ValueError:
        return None


def explain_pattern(text: str) -> str:
    """Return what is wrong with a text that is no pattern; empty where it cannot be told."""
    if text.startswith(("!", "-", "^")):
        return "; there is no negation: the most specific pattern of the file decides"
    if "://" in text:
        return "; a URL stands in `url`"
    if "*" in text[:-1]:
        return "; `*` may only be the last character"
    if "[" in text or ";" in text:
        return "; extras and markers do not count"
    if re.search("[<>=~]", text):
        return "; versions stand in `version`"
    return ""


def find_reason(url: str) -> str | None:
    """Return why a URL is unknown, and how it is to be written; None where it has one reading."""
    try:
        parse_location(url)
    except UnknownLocation as reason:
        return str(reason)
    return None


def is_secret(segment: str) -> bool:
    """Tell whether a segment of a URL looks like one of those that a service gives each user."""
    kinds = (str.isdigit, str.isupper, str.islower)
    return _SECRET.fullmatch(segment) is not None and all(any(map(kind, segment)) for kind in kinds)


def find_token(place: Location, policy: Places) -> tuple[str, Location] | None:
    """Return the index that a place would be if a segment that looks like a secret were one: its name and URL for all users.

    :param place: as for ``find_nearest``.
    """
    for index in policy.indexes:
        for url in index.urls:
            unlike = [
                it for it, pair in enumerate(zip(place.segments, url.segments)) if pair[0] not in (pair[1], TOKEN)
            ]
            if place[:3] != url[:3] or len(place.segments) != len(url.segments) or len(unlike) != 1:
                continue
            at = unlike[0]
            if at + 1 < len(url.segments) and (is_secret(place.segments[at]) or is_secret(url.segments[at])):
                return index.name, url._replace(segments=(*url.segments[:at], TOKEN, *url.segments[at + 1 :]))
    return None


def find_nearest(place: Location, policy: Places) -> tuple[str, Location, str] | None:
    """Return the index that a place nearly is: its name, its URL, and in words what differs; None where none is near.

    :param place: the identity of a URL that pip is configured with, and that no index of the policy has.
    """
    found = []
    for index in policy.indexes:
        for url in index.urls:
            told = _differences(place, url)
            if told:
                found.append((len(told), index.name, url, "; ".join(told)))
    return min(found, key=lambda near: near[0])[1:] if found else None


def _differences(pips: Location, policys: Location) -> list[str]:
    """Return what differs between two places that people take for one; empty where they are not near, or the same."""
    told = []
    if pips.scheme != policys.scheme:
        if {pips.scheme, policys.scheme} != {"http", "https"}:
            return []
        told.append(f"pip has {pips.scheme}, the policy {policys.scheme}")
    if pips.host != policys.host:
        same = pips.host.rstrip(".") == policys.host.rstrip(".") or (pips.is_loopback and policys.is_loopback)
        if not same:
            return []
        told.append(f"pip has the host `{pips.host}`, the policy `{policys.host}`")
    if pips.port != policys.port and not (told and {pips.port, policys.port} <= {*_WEB_PORTS}):
        if pips.is_loopback:  # there, each port is another program
            return []
        told.append(f"pip has port {pips.port}, the policy {policys.port}")
    path = list(_path_differences(pips.segments, policys.segments))
    return [] if None in path else told + [text for text in path if text is not None]


def _path_differences(pips: Sequence[str], policys: Sequence[str]) -> Iterator[str | None]:
    """Yield what differs between two paths, in words; None where they are not near."""
    short = min(len(pips), len(policys))
    pairs = [(one, other) for one, other in zip(pips, policys) if other not in (one, TOKEN)]
    slashed = ["/".join(path).replace("%2F", "/") for path in (pips, policys)]
    if pips != policys and slashed[0] == slashed[1]:
        yield "`%2F` in the one is `/` in the other"
        return
    if any(one.lower() != other.lower() for one, other in pairs):
        yield None
    if pairs:
        cases = ", ".join(f"`{one}` and `{other}`" for one, other in pairs[:3])
        yield f"upper and lower case of the path: {cases}"
    for which, rest in (("pip", policys[short:]), ("the policy", pips[short:])):
        if rest:
            yield f"{which} lacks `/{'/'.join(rest)}` at the end" if _USUAL_ENDS.intersection(rest) else None
