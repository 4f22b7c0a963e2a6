"""The table of routes of ``ROUTES.md``: route x range of pips, made from the results of a run of ``test_routes``."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from integration.harness import pips

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from integration.harness.route import Route

HEAD = "| route | pip | what the guard does |\n|---|---|---|"


def markdown(routes: Iterable[Route], results: Iterable[Mapping[str, Any]]) -> str:
    """Return the whole table, with the date of the run and the pips that took part.

    :param results: what each test recorded, of this run alone.
    :raises ValueError: the run had no route in it.
    """
    runs = [result for result in results if result.get("route") and " " not in result["column"]]
    tested = sorted({result["column"] for result in runs}, key=pips.version_key)
    if not tested:
        raise ValueError("no route was run")
    today = datetime.now(timezone.utc).date().isoformat()
    lines = [f"Run on {today} on pip {', '.join(tested)}.", "", HEAD]
    group = ""
    for route in routes:
        if route.group != group:
            group = route.group
            lines.append(f"| **{group}** | | |")
        lines += _rows(route, tested, [result for result in runs if result["route"] == route.name])
    return "\n".join(lines) + "\n"


def expected(routes: Iterable[Route], tested: Iterable[str]) -> list[dict[str, Any]]:
    """Return what a run on these pips records if every route ends as its file says; the codes are left out."""
    found: list[dict[str, Any]] = []
    for pip in tested:
        for route in routes:
            passed = route.attack.inapplicable(pip, "3.11", "new") is None
            code = route.attack.expected(pip, "new")[1].exit
            result = {"route": route.name, "half": "attack", "column": pip, "exit": code, "codes": []}
            found.append({**result, "status": "passed" if passed else "skipped"})
    return found


def without_codes(table: str) -> list[str]:
    """Return the lines of a table without the date and the codes: what follows from the files of the routes alone."""
    return [re.sub(r" \((?:`[a-z-]+`(?:, )?)+\)| on \d{4}-\d\d-\d\d", "", line) for line in table.splitlines()]


def _rows(route: Route, tested: Sequence[str], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one line for each range of neighbouring pips on which the route ends in the same way."""
    spans: list[tuple[list[str], str]] = []
    for pip in tested:
        told = _cell(route, [run for run in runs if run["column"] == pip])
        if spans and spans[-1][1] == told:
            spans[-1][0].append(pip)
        else:
            spans.append(([pip], told))
    return [f"| {route.title} | {_range(span)} | {told} |" for span, told in spans if told]


def _range(span: Sequence[str]) -> str:
    return span[0] if len(span) == 1 else f"{span[0]} to {span[-1]}"


def _cell(route: Route, runs: Sequence[Mapping[str, Any]]) -> str:
    """Return what became of the attack on one pip; nothing where that pip has no such route."""
    if any(run["status"] not in ("passed", "skipped") for run in runs):
        return "**FAILED**"
    if any(run.get("missing tool") for run in runs):
        return "not run: a tool is missing"
    attacks = [run for run in runs if run["half"] == "attack" and run["status"] == "passed"]
    if not attacks:
        return ""
    if route.out_of_reach is not None:
        return f"out of reach: {route.out_of_reach}"
    if "exit" not in attacks[0]:
        return "not run with the guard"
    word = "refused" if attacks[0]["exit"] else "guarded"
    codes = ", ".join(f"`{code}`" for code in attacks[0]["codes"])
    return f"{word} ({codes})" if codes else word
