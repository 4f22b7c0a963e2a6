"""The text of the policies that ``init`` and ``log record`` write: a small TOML emitter, for these keys only."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import escape

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


def render(header: Sequence[str], tables: Sequence[IndexTable], mode: str = "enforce") -> str:
    """Return the text of a policy file.

    :param header: sentences that stand at its top.
    :param mode: as the key of this name; its default is left out.
    """
    lines = [*_comment(header), "version = 1"]
    if mode != "enforce":
        lines.append(f"mode = {_quote(mode)}")
    for table in tables:
        lines += ["", f"[indexes.{table.name}]", f"url = {_quote(table.url)}"]
        if table.insecure:
            lines.append("insecure = true")
        if table.public:
            lines.append("public = true")
        lines += _comment(table.comments)
        for key, entries in (("namespaces", table.namespaces), ("packages", table.packages)):
            if entries:
                lines += _list(key, entries)
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
