"""Plays one scenario on one pip, without the guard and with it; for the scenarios and for the routes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Callable

import pytest

from integration.harness import pips
from integration.harness.stage import Outcome, mismatches, staged

if TYPE_CHECKING:
    from pathlib import Path

    from integration.harness.case import Case
    from integration.harness.pips import Environment
    from integration.harness.scenario import Expected

_REFUSALS = ("refused", "shadowed", "dropped", "redirected", "guard-failed")

Record = Callable[[str, object], None]


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
    shutil.rmtree(folder)
    return outcome


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
