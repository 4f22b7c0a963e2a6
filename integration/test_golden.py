"""What a refusal looks like, to the letter, on the three kinds of pip: text, diagnostics, diagnostics of today.

The golden files hold the last lines of stderr, with the addresses and the policy's path replaced by their names.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.harness import pips
from integration.harness.scenario import find_scenarios
from integration.harness.stage import Stage, staged

GOLDEN = Path(__file__).parent / "golden"
SCENARIO = "public-parent-needs-claimed-name"
PIPS = ("20.3.4", "22.0.4", "26.3")


def _named(text: str, stage: Stage) -> str:
    for name, index in stage.indexes.items():
        text = text.replace(index.url, f"<{name}>")
    return text.replace(str(stage.policy_path), "<policy>")


@pytest.mark.usefixtures("no_policy_here")
@pytest.mark.parametrize("version", PIPS)
def test_refusal_is_the_golden_one(version: str, tmp_path: Path, guard_wheel: Path) -> None:
    pythons = pips.pythons_for(version)
    if not pythons.found:
        pytest.skip(f"missing: {'; '.join(pythons.missing)}")
    plain = pips.plain_environment(version, pythons.found[-1])
    environment = pips.guarded_environment(plain, guard_wheel, tmp_path / "environment")
    (scenario,) = (scenario for scenario in find_scenarios() if scenario.name == SCENARIO)

    with staged(scenario, tmp_path / "stage", None) as stage:
        outcome = stage.run(environment, "new")
        said = _named(outcome.stderr, stage)

    golden = (GOLDEN / f"pip-{version}.txt").read_text(encoding="utf-8")
    assert outcome.exit == 1, outcome.report()
    assert said.endswith(golden), f"the last lines are other than in the golden file:\n{said}"
    # What every refusal must hold: code, file and key, both indexes, what was kept, one thing to do.
    for part in ("shadowed-name", "<policy>", "indexes.corp.namespaces[0]", "<corp>", "<public>", "kept ", "hint: "):
        assert part in golden
