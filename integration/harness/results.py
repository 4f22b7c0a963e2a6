"""What has been played, as the tables that a run of the tests ends with."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from integration.harness import pips
from integration.harness.case import chosen_pips

if TYPE_CHECKING:
    import pytest


def all_results(config: pytest.Config) -> list[dict[str, Any]]:
    """Return the properties that each scenario test recorded, with the test's own result."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    found = []
    for status in ("passed", "failed", "skipped", "error") if reporter else ():
        for report in reporter.stats.get(status, ()):
            properties = dict(getattr(report, "user_properties", ()))
            if "scenario" in properties:
                found.append({**properties, "status": status})
    return found


def _counts(config: pytest.Config) -> Counter[str]:
    counts: Counter[str] = Counter()
    for result in all_results(config):
        for key in ("attack shown", "refusal", "benign", "not applicable", "missing tool"):
            counts[key] += bool(result.get(key))
    return counts


def empty_counts(config: pytest.Config) -> list[str]:
    """Return which of the three counts is 0 although the whole suite ran: then it proves nothing."""
    results, counts = all_results(config), _counts(config)
    selected = config.option.keyword or config.option.markexpr or any("::" in str(arg) for arg in config.args)
    if not results or selected or config.option.collectonly:
        return []
    wanted = ["attack shown"] if config.getoption("--unguarded-only") else ["attack shown", "refusal", "benign"]
    return [key for key in wanted if counts[key] == 0]


def print_clients(reporter: Any) -> None:
    """Print what makes environments, who does that, and whether their pip was guarded (test_clients.py)."""
    rows = [("made with", "by", "its pip", "")]
    for status in ("passed", "failed", "skipped"):
        for report in reporter.stats.get(status, ()):
            told = dict(getattr(report, "user_properties", ()))
            if "client" in told:
                state = {True: "guarded", False: "not reached", None: "not run"}[told.get("guarded")]
                rows.append((told["client"], told["made by"], state, "" if status == "passed" else status.upper()))
    if len(rows) == 1:
        return
    reporter.section("clients")
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows[:1] + sorted(rows[1:]):
        line = "  ".join(word.ljust(width) for word, width in zip(row, widths))
        reporter.write_line(line.rstrip())


def table_lines(results: list[dict[str, Any]]) -> list[str]:
    """Return version x scenario; narrow columns, because there may be fifty."""
    columns = sorted({result["column"] for result in results}, key=_column_key)
    rows: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    pythons: dict[str, set[str]] = defaultdict(set)
    for result in results:
        word = {"passed": "ok", "skipped": "--"}.get(result["status"], "**")
        rows[result["scenario"]][result["column"]].add(word)
        pythons[result["column"]].add(result["python"])
    width = max(map(len, rows))
    letters = {column: f"{number:>3}" for number, column in enumerate(columns, 1)}
    lines = [
        f"{number} = pip {column} on Python {', '.join(sorted(pythons[column], key=pips.version_key))}"
        for column, number in letters.items()
    ]
    lines += [" ok = as expected, ** = failed, -- = not applicable or a tool is missing"]
    lines.append(f"{'':<{width}} {''.join(letters.values())}")
    for name, cells in sorted(rows.items()):
        words = (next((word for word in ("**", "ok", "--") if word in cells[column]), "") for column in columns)
        lines.append(f"{name:<{width}} {''.join(f'{word:>3}' for word in words)}")
    return lines


def _column_key(column: str) -> tuple[bool, tuple[int, ...]]:
    version, _, legacy = column.partition(" ")
    return bool(legacy), pips.version_key(version)


def summary_lines(config: pytest.Config) -> list[str]:
    counts = _counts(config)
    new, legacy = chosen_pips(config)
    missing = [reason for pip in dict.fromkeys((*new, *legacy)) for reason in pips.pythons_for(pip).missing]
    lines = [
        f"attacks that succeeded unguarded: {counts['attack shown']}",
        f"guarded runs with something refused, dropped or stopped: {counts['refusal']}",
        f"benign passes under the guard: {counts['benign']}",
        f"not applicable: {counts['not applicable']}",
        f"not run, a tool is missing: {counts['missing tool']}",
        f"missing interpreters: {len(missing)}",
        *(f"  {reason}" for reason in missing),
    ]
    return lines + [f"FAILED: no {key} at all, so this run proves nothing" for key in empty_counts(config)]
