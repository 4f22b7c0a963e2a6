"""Debian's own pip in a Debian of its own: what an image build does with the guard. Only with ``--roots``."""

from __future__ import annotations

import re
import shlex
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.harness.scenario import find_scenarios
from integration.harness.stage import Outcome, Stage, mismatches, staged
from integration.machines.roots import LOG, POLICY, RECIPES, Recipe, Root, copied_root, find_obstacle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.harness.scenario import Expected

_SCENARIOS = ("higher-version-on-public", "public-parent-needs-claimed-name")
"""One that goes on with the internal file, one that is refused."""


@pytest.fixture(params=RECIPES, ids=lambda recipe: recipe.release)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Root]:
    recipe: Recipe = request.param
    obstacle = find_obstacle(recipe)
    if obstacle is not None:
        pytest.skip(obstacle)
    with copied_root(recipe, tmp_path) as copy:
        yield copy


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[list[Stage]]:
    """The scenarios with their indexes up."""
    chosen = {scenario.name: scenario for scenario in find_scenarios() if scenario.name in _SCENARIOS}
    with ExitStack() as stack:
        yield [stack.enter_context(staged(chosen[name], tmp_path / name, None)) for name in _SCENARIOS]


def _run(root: Root, stage: Stage) -> Outcome:
    """Run the scenario with Debian's pip into Debian's own site, look, and remove what came."""
    cwd = f"/srv/{stage.scenario.name}"
    root.inside(cwd).mkdir(exist_ok=True)
    for index in stage.indexes.values():
        index.requests.clear()
    seen = len(root.events())
    pip_variables = {key: value for key, value in stage.environment().items() if key.startswith("PIP_")}
    addresses = [stage.indexes[name].url for name in stage.scenario.configured]
    options = ["--index-url", addresses[0], *(word for url in addresses[1:] for word in ("--extra-index-url", url))]
    done = root.run(
        *("pip", *map(stage.fill, stage.scenario.command), "--break-system-packages", *options),
        cwd=cwd,
        environment={**pip_variables, "COLUMNS": "200"},
    )
    installed = root.installed()
    if installed:
        root.pip("uninstall", "--break-system-packages", "--yes", *installed)
    assert root.installed() == {}
    return Outcome(
        command=shlex.join(map(str, done.args)),
        exit=done.returncode,
        stdout=done.stdout,
        stderr=done.stderr,
        installed=installed,
        events=tuple(event for event in root.events()[seen:] if event["cwd"] == cwd),
        asked=frozenset(
            f"{name}:{asked}"
            for name, index in stage.indexes.items()
            for asked in index.asked_names() | index.fetched_files()
        ),
    )


def _check(half: str, expected: Expected, outcome: Outcome) -> None:
    found = mismatches(expected, outcome)
    if found:
        pytest.fail("\n".join([f"{half}:", *(f"  - {item}" for item in found), outcome.report()]), pytrace=False)


def test_debian_pip_is_guarded_from_install_to_uninstall(
    root: Root, stages: list[Stage], request: pytest.FixtureRequest
) -> None:
    guard_wheel: Path = request.getfixturevalue("guard_wheel")  # not built where there is no root
    version = root.pip("--version").stdout.split()[1]
    # The attack, as on any Debian.
    for stage in stages:
        assert stage.scenario.attack
        _check("unguarded", stage.scenario.expected(version, "new")[0], _run(root, stage))
    assert root.events() == []
    before = root.paths()

    # Debian's pip installs the guard.
    shutil.copy2(guard_wheel, root.inside("/srv"))
    wheel = f"/srv/{guard_wheel.name}"
    root.pip("install", "--break-system-packages", "--no-index", wheel)

    # The same attack, and the machine's policy.
    for stage in stages:
        root.write_policy(stage.fill(stage.scenario.policy.text or ""))
        outcome = _run(root, stage)
        _check("guarded", stage.scenario.expected(version, "new")[1], outcome)
        blocked = [event for event in outcome.events if event["code"] == "shadowed-name"]
        assert blocked
        for event in blocked:
            assert (event["rule"]["layer"], event["rule"]["file"]) == ("machine", POLICY)
            assert [(layer["layer"], layer["file"]) for layer in event["policy"]] == [("machine", POLICY)]
            assert (event["pip"], event["executable"]) == (version, "/usr/bin/python3")

    status = root.run("indexguard", "status")
    assert status.returncode == 0, status.stdout + status.stderr
    assert status.stdout.startswith(f"guarded: pip {version} of /usr/bin/python3 ")
    assert re.search(rf"^ *machine +enforce, .* {re.escape(POLICY)}$", status.stdout, re.MULTILINE), status.stdout
    assert f"audit log: {LOG} (can be written)\n" in status.stdout

    # And away again: policy and log are the administrator's, everything else is gone.
    root.pip("uninstall", "--break-system-packages", "--yes", "indexguard")
    after = root.paths()
    assert after - before == {POLICY, LOG, *(str(Path(path).parent) for path in (POLICY, LOG)), wheel}
    assert before - after <= {"/usr/local/bin"}  # pip takes a folder away with the last file in it
    assert root.pip("--version").stderr == ""
    for stage in stages:
        outcome = _run(root, stage)
        _check("uninstalled", stage.scenario.expected(version, "new")[0], outcome)
        assert "indexguard" not in outcome.output
        assert outcome.events == ()
