"""What the writer of a faulty policy probably meant, and how its values are shown: loaded with the first fault."""

from __future__ import annotations

import re
from datetime import date, time
from typing import TYPE_CHECKING

from ..errors import cut, escape
from ..patterns import parse_pattern, parse_range
from .identity import UnknownLocation, parse_location, redact

if TYPE_CHECKING:
    from collections.abc import Collection
_LINE = 100


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
