"""The table of codes, as the README shows it."""

from __future__ import annotations

from ...errors import CODES


def table() -> str:
    """Return every code with its meaning and remedy as a Markdown table."""
    rows = [f"| `{code.name}` | {code.meaning} | {code.remedy} |" for code in CODES.values()]
    return "\n".join(["| code | what it means | what to do |", "|---|---|---|", *rows])
