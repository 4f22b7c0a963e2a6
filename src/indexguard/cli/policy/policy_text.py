"""The text of the policies that ``init`` and ``log record`` write: a small TOML emitter, for these keys only."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Container, Sequence
from dataclasses import dataclass

from ...errors import TOKEN, escape
from ...policy.hints import is_secret
from ...policy.identity import PYPI, Location

_WIDTH = 100


@dataclass(frozen=True)
class IndexTable:
    """One ``[indexes.N]``."""

    name: str
    """Letters, digits and dashes only."""
    url: str
    """As a policy writes it: a URL, or ``pypi``."""
    namespaces: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    insecure: bool = False
    public: bool = False
    """Whether anyone can register a name there, where that does not go without saying."""
    comments: tuple[str, ...] = ()
    """Sentences that stand above the entries."""
    mirrors: tuple[str, ...] = ()
    """Further URLs of the same content."""


def render(
    header: Sequence[str],
    tables: Sequence[IndexTable],
    mode: str = "enforce",
    *,
    mode_comment: Sequence[str] = (),
    merged: Sequence[str] = (),
) -> str:
    """Return the text of a policy file.

    :param header: sentences that stand at its top.
    :param mode: as the key of this name; its default is left out.
    :param mode_comment: sentences above it.
    :param merged: the names of the indexes that all names which nothing claims may come from; empty: no ``[[merge]]``.
    """
    lines = [*_comment(header), "version = 1"]
    if mode != "enforce":
        lines += [*_comment(mode_comment), f"mode = {_quote(mode)}"]
    for table in tables:
        urls = [_quote(_without_secrets(url)) for url in (table.url, *table.mirrors)]
        lines += ["", f"[indexes.{table.name}]", f"url = {urls[0] if len(urls) == 1 else '[' + ', '.join(urls) + ']'}"]
        if table.insecure:
            lines.append("insecure = true")
        if table.public:
            lines.append("public = true")
        lines += _comment(table.comments)
        for key, entries in (("namespaces", table.namespaces), ("packages", table.packages)):
            if entries:
                lines += _list(key, entries)
    if merged:
        comment = "Every name that nothing above claims may come from each of these; pip takes the newest version."
        lines += ["", "[[merge]]", *_comment([comment]), 'packages = ["*"]', *_list("indexes", merged)]
    return "\n".join(lines) + "\n"


def _list(key: str, entries: Sequence[str]) -> list[str]:
    line = f"{key} = [{', '.join(map(_quote, entries))}]"
    return [line] if len(line) <= _WIDTH else [f"{key} = [", *(f"    {_quote(entry)}," for entry in entries), "]"]


def _comment(sentences: Sequence[str]) -> list[str]:
    return [
        line
        for sentence in sentences
        for line in textwrap.wrap(
            escape(sentence),
            _WIDTH,
            initial_indent="# ",
            subsequent_indent="# ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _quote(text: str) -> str:
    # A basic string of TOML is one of JSON, but for DEL and for the pairs of surrogates that ASCII would need.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def name_index(place: Location, taken: Container[str]) -> str:
    """Return a name for the index at a place that no other index has."""
    if place == PYPI:
        return "pypi"
    parts = [place.host, *([str(place.port)] if place.port not in (80, 443) else [])]
    name = _slug(parts)
    if name in taken:
        name = _slug([*parts, *place.segments])
    number = 2
    base = name
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def _slug(parts: Sequence[str]) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(parts)).strip("-").lower() or "index"


def is_insecure(place: Location) -> bool:
    """Tell whether a policy must say that this place may be reached by http."""
    return place.scheme == "http" and not place.is_loopback


def _without_secrets(url: str) -> str:
    """Return a URL with a token in the place of each segment that looks like a secret of whoever runs ``init``."""
    scheme, mark, rest = url.partition("://")
    host, *segments = rest.split("/")
    last = max((place for place, segment in enumerate(segments) if segment), default=0)
    shown = [TOKEN if is_secret(segment) and place < last else segment for place, segment in enumerate(segments)]
    return "/".join((f"{scheme}{mark}{host}", *shown)) if mark else url
