"""Every scenario on every chosen pip: first without the guard, then with it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Callable

import pytest

from integration.stage import Outcome, mismatches, staged

if TYPE_CHECKING:
    from pathlib import Path

    from integration.conftest import Case
    from integration.pips import Environment
    from integration.scenario import Expected

_REFUSALS = ("refused", "shadowed", "dropped", "redirected", "guard-failed")


@pytest.mark.usefixtures("no_policy_here")
def test_scenario(
    case: Case, tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    cell = case.cell
    for key, value in (("scenario", case.scenario.name), ("column", cell.column), ("python", cell.python)):
        record_property(key, value)
    reason = case.scenario.inapplicable(cell.pip, cell.python, cell.resolver)
    if reason is not None:
        record_property("not applicable", True)
        pytest.skip(f"not applicable: {reason}")
    lacking = [tool for tool in case.scenario.needs if shutil.which(tool) is None]
    if lacking:
        record_property("missing tool", True)
        pytest.skip(f"missing: {', '.join(lacking)}")
    unguarded, guarded = case.scenario.expected(cell.pip, cell.resolver)

    _check("unguarded", unguarded, _run(case, tmp_path / "u", request.getfixturevalue("plain"), request))
    record_property("attack shown", case.scenario.attack)

    environment: Environment | None = request.getfixturevalue("guarded")
    if environment is None:
        return
    outcome = _run(case, tmp_path / "g", environment, request)
    _check("guarded", guarded, outcome)
    record_property("refusal", any(event["event"] in _REFUSALS for event in outcome.events))
    record_property("benign", not case.scenario.attack and outcome.exit == 0)
    shutil.rmtree(tmp_path)


def _run(case: Case, folder: Path, environment: Environment, request: pytest.FixtureRequest) -> Outcome:
    needs_certificate = any(index.transport == "bad-tls" for index in case.scenario.indexes)
    certificate: Path | None = request.getfixturevalue("certificate") if needs_certificate else None
    with staged(case.scenario, folder, certificate) as stage:
        return stage.run(environment, case.cell.resolver)


def _check(half: str, expected: Expected, outcome: Outcome) -> None:
    found = mismatches(expected, outcome)
    if found:
        pytest.fail("\n".join([f"{half}:", *(f"  - {item}" for item in found), outcome.report()]), pytrace=False)
