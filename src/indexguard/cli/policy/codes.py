"""The codes in words: the table that a document shows, and each by itself."""

from __future__ import annotations

from ...errors import CODES


def describe(name: str) -> tuple[str, ...]:
    """Return what is said of one code, as lines.

    :raises KeyError: there is no such code.
    """
    code = CODES[name]
    return code, f"  meaning  {code.meaning}", f"  remedy   {code.remedy}"


def table() -> str:
    """Return every code with its meaning and remedy as a Markdown table."""
    rows = [f"| `{code}` | {code.meaning} | {code.remedy} |" for code in CODES.values()]
    return "\n".join(["| code | what it means | what to do |", "|---|---|---|", *rows])
