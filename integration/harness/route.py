"""A route: one way by which pip arrives at a distribution, with the attack that takes it and its benign twin.

A route file holds a stage that both share (every key of a scenario file, see ``scenario``) and:

``title``           what the table of routes calls it
``group``           one of ``GROUPS``
``out-of-reach``    why no guard inside pip can reach it; then there is no benign twin, and the attack must succeed with
                    the guard too, which shows that it is really so
``[attack]``        the keys of a scenario that only the attack has, its ``[attack.unguarded]`` and ``[attack.guarded]``
``[benign]``        the same for what must still pass

A table of the half is joined with that of the stage; of anything else the half's own counts.

The table of routes of ``ROUTES.md`` (route x range of pips) is made from the results of a run of ``test_routes``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from integration.harness import pips
from integration.harness.scenario import Scenario, ScenarioError, make_scenario, parse

FOLDER = Path(__file__).parents[1] / "routes"
GROUPS = (
    "Direct references",
    "Lock files",
    "Build requirements",
    "Other doors of pip",
    "Users of pip's insides",
    "Names",
    "Tricks with indexes",
    "Not pip",
)


@dataclass(frozen=True)
class Route:
    """One file."""

    name: str
    title: str
    group: str
    out_of_reach: str | None
    attack: Scenario
    benign: Scenario | None
    """None only where the route is out of reach."""

    @property
    def halves(self) -> tuple[Scenario, ...]:
        """The attack, and its benign twin where there is one."""
        return (self.attack,) if self.benign is None else (self.attack, self.benign)


def find_routes(folder: Path = FOLDER) -> list[Route]:
    """Return every route of the folder, in the order of their groups.

    :raises ScenarioError: one of them has a fault, or there is none.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise ScenarioError(f"no route in {folder}")
    routes = [read_route(path.stem, path.read_text(encoding="utf-8")) for path in paths]
    return sorted(routes, key=lambda route: (GROUPS.index(route.group), route.name))


def read_route(name: str, text: str) -> Route:
    """Return the route of one file.

    :raises ScenarioError: unknown or missing keys, wrong types, or a half that cannot fail.
    """
    values = parse(name, text)
    title, group, reason = (values.pop(key, None) for key in ("title", "group", "out-of-reach"))
    attack, benign = values.pop("attack", None), values.pop("benign", None)
    if not isinstance(title, str) or group not in GROUPS:
        raise ScenarioError(f"{name}: a route needs a title, and a group out of {', '.join(GROUPS)}")
    if not isinstance(attack, dict) or isinstance(benign, dict) is isinstance(reason, str):
        raise ScenarioError(f"{name}: a route needs [attack], and either [benign] or out-of-reach")
    route = Route(
        name,
        title,
        group,
        reason,
        _half(f"{name}/attack", {"attack": True, **_join(values, attack)}, title, reachable=reason is None),
        None if benign is None else _half(f"{name}/benign", {"attack": False, **_join(values, benign)}, title),
    )
    _check(route)
    return route


def _half(name: str, values: Mapping[str, Any], title: str, *, reachable: bool = True) -> Scenario:
    return make_scenario(name, {"resolvers": ["new"], "description": title, **values}, reachable=reachable)


def _join(stage: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    joined = {**stage, **own}
    for key in stage.keys() & own.keys():
        if isinstance(stage[key], Mapping) and isinstance(own[key], Mapping):
            joined[key] = _join(stage[key], own[key])
    return joined


def _check(route: Route) -> None:
    if route.benign is not None and route.benign.guarded.exit != 0:
        raise ScenarioError(f"{route.name}: the benign twin must pass under the guard")
    if route.out_of_reach is not None and route.attack.guarded.installed != route.attack.unguarded.installed:
        raise ScenarioError(f"{route.name}: out of reach means that the attack succeeds with the guard, too")


# The table

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
