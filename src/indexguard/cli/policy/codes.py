"""The codes in words: the table that a document shows, and each by itself."""

from __future__ import annotations

from ...codes import all_words


def describe(name: str) -> tuple[str, ...]:
    """Return what is said of one code, as lines.

    :raises KeyError: there is no such code.
    """
    code = all_words()[name]
    return name, f"  meaning  {code.meaning}", f"  remedy   {code.remedy}"


def table() -> str:
    """Return every code with its meaning and remedy as a Markdown table."""
    rows = [f"| `{code}` | {words.meaning} | {words.remedy} |" for code, words in all_words().items()]
    return "\n".join(["| code | what it means | what to do |", "|---|---|---|", *rows])
