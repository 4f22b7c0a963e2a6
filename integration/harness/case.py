"""Which scenarios and routes are played on which pip, on which Python; and each, without the guard and with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from integration.harness import pips, route
from integration.harness.pips import Environment
from integration.harness.scenario import Expected, Scenario
from integration.harness.stage import Outcome, mismatches, staged

_REFUSALS = ("refused", "shadowed", "dropped", "redirected", "guard-failed")

Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Cell:
    """One column of the table, on one Python."""

    pip: str
    python: str
    resolver: str

    @property
    def column(self) -> str:
        """The name of the column."""
        return self.pip if self.resolver == "new" else f"{self.pip} legacy"


@dataclass(frozen=True)
class Case:
    """One test: a scenario on a cell."""

    scenario: Scenario
    cell: Cell

    @property
    def id(self) -> str:
        """The name of the test, after the brackets."""
        return f"{self.scenario.name}-{self.cell.pip}-py{self.cell.python}-{self.cell.resolver}"


def _chosen(text: str) -> tuple[str, ...]:
    chosen = tuple(filter(None, text.split(",")))
    unknown = [version for version in chosen if version not in pips.ALL_PIPS]
    if unknown:
        raise pytest.UsageError(f"unknown pip {', '.join(unknown)}; known: {', '.join(pips.ALL_PIPS)}")
    return chosen


def chosen_pips(
    config: pytest.Config, default: tuple[str, ...] = pips.CI_PIPS
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the pips for the new and for the legacy resolver.

    :param default: those for the new one, where no option says otherwise.
    """
    named, legacy = config.getoption("--pips"), config.getoption("--legacy-pips")
    if config.getoption("--all-pips"):
        new = pips.ALL_PIPS
    elif named is not None:
        new = _chosen(named)
    else:
        return default, pips.CI_LEGACY_PIPS if legacy is None else _chosen(legacy)
    return new, new if legacy is None else _chosen(legacy)


def cases(config: pytest.Config, scenarios: Iterable[Scenario], default: tuple[str, ...] = pips.CI_PIPS) -> list[Case]:
    """Return every pair of scenario and cell; without --all-pips a scenario runs on one of a pip's two Pythons."""
    new, legacy = chosen_pips(config, default)
    columns = [(pip, "new") for pip in new] + [(pip, "legacy") for pip in legacy]
    found: list[Case] = []
    for row, scenario in enumerate(scenarios):
        for column, (pip, resolver) in enumerate(columns):
            pythons = pips.pythons_for(pip).found
            if not config.getoption("--all-pips"):
                pythons = pythons[(row + column) % len(pythons) :][:1] if pythons else ()
            elif resolver == "legacy":
                pythons = pythons[-1:]
            found.extend(Case(scenario, Cell(pip, python, resolver)) for python in pythons)
    return found


def scenario_cases(config: pytest.Config, scenarios: Iterable[Scenario]) -> list[Case]:
    """Return every scenario on the pips that are asked for.

    Without --pips or --all-pips: on the oldest and the newest of CI's pips that have it, and one between them in turns.
    """
    every = list(scenarios)
    found = cases(config, every)
    if config.getoption("--all-pips") or config.getoption("--pips"):
        return found
    chosen = {scenario.name: _some_pips(scenario, row) for row, scenario in enumerate(every)}
    return [case for case in found if case.cell.resolver == "legacy" or case.cell.pip in chosen[case.scenario.name]]


def _some_pips(scenario: Scenario, row: int) -> set[str]:
    having = [pip for pip in pips.CI_PIPS if pips.in_range(pip, scenario.pip)]
    between = having[1:-1]
    # One that no pip of CI has stays in the table, with its reason.
    return {*having[:1], *having[-1:], *between[row % max(len(between), 1) :][:1]} or {pips.CI_PIPS[-1]}


def route_cases(config: pytest.Config, routes: Iterable[route.Route]) -> list[Case]:
    """Return the halves of every route on the pips that are asked for.

    Without --pips or --all-pips: the attack on the newest pip of the table that has the route and its benign twin on
    the oldest, or the other way round, in turns.
    """
    every = cases(config, [half for found in routes for half in found.halves], pips.ROUTE_PIPS)
    if config.getoption("--all-pips") or config.getoption("--pips"):
        return every
    chosen = {half.name: _some(half, row) for row, found in enumerate(routes) for half in found.halves}
    return [case for case in every if case.cell.pip in chosen[case.scenario.name]]


def _some(half: Scenario, row: int) -> set[str]:
    having = [pip for pip in pips.ROUTE_PIPS if pips.in_range(pip, half.pip)]
    return set(having[-1:] if half.attack == (row % 2 == 0) else having[:1])


def has_resolver(case: Case) -> bool:
    return case.cell.resolver in case.scenario.resolvers


# Playing


def play(case: Case, folder: Path, request: pytest.FixtureRequest, record: Record) -> Outcome | None:
    """Run a case without and with the guard, and compare each with what the file expects.

    :param folder: an empty one; it is removed when all is well.
    :param record: takes what the table at the end tells.
    :return: the guarded run; None under --unguarded-only.
    """
    scenario, cell = case.scenario, case.cell
    for key, value in (("scenario", scenario.name), ("column", cell.column), ("python", cell.python)):
        record(key, value)
    reason = scenario.inapplicable(cell.pip, cell.python, cell.resolver)
    if reason is not None:
        record("not applicable", True)
        pytest.skip(f"not applicable: {reason}")
    lacking = [tool for tool in scenario.needs if shutil.which(tool) is None]
    if lacking:
        record("missing tool", True)
        pytest.skip(f"missing: {', '.join(lacking)}")
    unguarded, guarded = scenario.expected(cell.pip, cell.resolver)
    plain: Environment = request.getfixturevalue("plain")

    _check("unguarded", unguarded, _run(case, folder / "u", plain, plain, request))
    record("attack shown", scenario.attack)

    environment: Environment | None = request.getfixturevalue("guarded")
    if environment is None:
        return None
    outcome = _run(case, folder / "g", environment, plain, request)
    _check("guarded", guarded, outcome)
    record("refusal", any(event["event"] in _REFUSALS for event in outcome.events))
    record("benign", not scenario.attack and outcome.exit == 0)
    for number, followed in enumerate(scenario.followed):
        if followed.hint not in " ".join(outcome.output.split()):
            pytest.fail(f"guarded: nobody says {followed.hint!r}\n{outcome.report()}", pytrace=False)
        after = _run(Case(followed.scenario, cell), folder / f"f{number}", environment, plain, request)
        _check("hint followed", followed.scenario.guarded, after)
    shutil.rmtree(folder)
    return outcome


def play_guarded(case: Case, folder: Path, request: pytest.FixtureRequest) -> None:
    """Run a case with the guard alone, and compare; does nothing under --unguarded-only.

    :param folder: does not exist yet; it is removed when all is well.
    """
    environment: Environment | None = request.getfixturevalue("guarded")
    if environment is None:
        return
    plain: Environment = request.getfixturevalue("plain")
    _check("benign", case.scenario.guarded, _run(case, folder, environment, plain, request))
    shutil.rmtree(folder)


def environment_of(case: Case) -> Environment:
    """Return the unguarded environment that a case needs."""
    plain = pips.plain_environment(case.cell.pip, case.cell.python)
    return pips.tool_environment(plain, case.scenario.tools) if case.scenario.tools else plain


def _run(
    case: Case, folder: Path, environment: Environment, plain: Environment, request: pytest.FixtureRequest
) -> Outcome:
    needs_certificate = any(index.transport == "bad-tls" for index in case.scenario.indexes)
    certificate: Path | None = request.getfixturevalue("certificate") if needs_certificate else None
    with staged(case.scenario, folder, certificate) as stage:
        return stage.run(environment, case.cell.resolver, plain)


def _check(half: str, expected: Expected, outcome: Outcome) -> None:
    found = mismatches(expected, outcome)
    if found:
        pytest.fail("\n".join([f"{half}:", *(f"  - {item}" for item in found), outcome.report()]), pytrace=False)
