"""The table of hints: for each code what it says is to be done, and the scenario in which that has been done."""

from __future__ import annotations

from indexguard.codes import words_of
from indexguard.errors import CODES
from integration.harness.scenario import find_scenarios

NOT_FOLLOWED = {
    "name-mismatch": "nothing that the user does makes the file another one; its owner has to (`name-mismatch`)",
    "probe-unfinished": "there is nothing to do; the run went on (`shadow-probe-unfinished`)",
    "unclaimed-internal": "it is told in audit mode, and nothing is refused (`audit-mode-forgotten-internal-name`)",
    "ledger-failed": "the ledger is made usable again in `integration/ledger/test_ledger.py`",
    "log-failed": "the place is made writable again in `integration/test_state.py`",
    "pip-not-understood": "no pip of today is such; one is made by hand in `tests/inpip/test_seams.py`",
    "guard-broken": "the package is repaired in `integration/test_conflicts.py`",
}
"""Codes whose hint no scenario follows, and why."""


def rows() -> dict[str, list[tuple[str, str]]]:
    """Return for each code the hints that scenarios follow: what is said, and the scenario's name."""
    found: dict[str, list[tuple[str, str]]] = {code: [] for code in CODES}
    for scenario in find_scenarios():
        for followed in scenario.followed:
            found[scenario.guarded.code or ""].append((followed.hint, scenario.name))
    return found


def render() -> str:
    """Return the table as Markdown."""
    lines = ["| code | what it says | followed in |", "|---|---|---|"]
    for code, hints in rows().items():
        lines += [f"| `{code}` | … {_cell(hint)} … | `{name}` |" for hint, name in hints]
        if not hints:
            lines.append(f"| `{code}` | {_cell(words_of(code).remedy)} | {NOT_FOLLOWED[code]} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
