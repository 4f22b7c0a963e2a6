"""A route: one way by which pip arrives at a distribution, with the attack that takes it and its benign twin.

A route file holds a stage that both share (every key of a scenario file, see ``scenario``) and:

``title``           what the table of routes calls it
``group``           one of ``GROUPS``
``out-of-reach``    why no guard inside pip can reach it; then there is no benign twin, and the attack must succeed with
                    the guard too, which shows that it is really so
``[attack]``        the keys of a scenario that only the attack has, its ``[attack.unguarded]`` and ``[attack.guarded]``
``[benign]``        the same for what must still pass

A table of the half is joined with that of the stage; of anything else the half's own counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
