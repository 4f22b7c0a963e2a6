"""The rows that were measured, as text, Markdown and JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integration.bench.ratios import Spread

HEADINGS = ("what", "measure", "target", "median", "p10-p90", "runs", "result")


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    what: str
    """The row, in the words of the table of targets, and the variant of it."""
    measure: str
    """Wall time, CPU time, instructions ..."""
    spread: Spread | None
    """None where it could not be measured; ``note`` says why."""
    target: float | None = None
    """The largest median that meets the target; None for what is printed beside it."""
    unit: str = ""
    """Empty for a ratio or a count."""
    digits: int = 3
    note: str = ""

    @property
    def verdict(self) -> str:
        """``met``, ``MISSED``, ``not run``, or empty where there is no target."""
        if self.spread is None:
            return "not run"
        if self.target is None:
            return ""
        return "met" if self.spread.median <= self.target else "MISSED"

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the line, one for each of ``HEADINGS``."""
        spread = self.spread
        target = "" if self.target is None else f"<= {self.target:g}{self.unit}"
        if spread is None:
            return (self.what, self.measure, target, "", "", "", self.verdict)
        low, high = self._number(spread.low), self._number(spread.high)
        middle = self._number(spread.median) + self.unit
        between = "" if low == high else f"{low}-{high}"
        return (self.what, self.measure, target, middle, between, str(spread.count), self.verdict)

    def _number(self, value: float) -> str:
        return f"{value:.{self.digits}f}"


@dataclass(frozen=True)
class Report:
    """All lines of one run, with when and where they were measured."""

    date: str
    """ISO 8601, UTC."""
    subject: str
    """Versions: indexguard, pip, Python, system."""
    results: tuple[Result, ...]

    @property
    def missed(self) -> tuple[Result, ...]:
        """The targets that were missed."""
        return tuple(result for result in self.results if result.verdict == "MISSED")

    @property
    def summary(self) -> str:
        """One line: how many targets were met, missed and not measured."""
        verdicts = [result.verdict for result in self.results]
        return f"targets: {verdicts.count('met')} met, {verdicts.count('MISSED')} missed, {verdicts.count('not run')} not run"

    def as_text(self) -> str:
        """Return an aligned table; below it the notes and the summary."""
        rows = [HEADINGS, *(result.cells for result in self.results)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        notes = [f"  {result.what}, {result.measure}: {result.note}" for result in self.results if result.note]
        return "\n".join([f"{self.date}, {self.subject}", "", *lines, "", *notes, "", self.summary, ""])

    def as_markdown(self) -> str:
        """Return a dated table fit for a document; a missed target is in bold."""
        lines = [
            f"Measured {self.date[:10]}: {self.subject}.",
            "",
            _markdown_row(HEADINGS),
            "|---" * len(HEADINGS) + "|",
        ]
        for result in self.results:
            *cells, verdict = result.cells
            lines.append(_markdown_row([*cells, f"**{verdict}**" if verdict == "MISSED" else verdict]))
        notes = [f"- {result.what}, {result.measure}: {result.note}" for result in self.results if result.note]
        return "\n".join([*lines, "", *notes, *([""] if notes else []), f"{self.summary}.", ""])

    def as_json(self) -> str:
        """Return one JSON object: date, subject, and every line with its verdict."""
        rows = [{**dataclasses.asdict(result), "verdict": result.verdict} for result in self.results]
        return json.dumps({"date": self.date, "subject": self.subject, "results": rows}, indent=1) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
