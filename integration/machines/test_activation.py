"""Activation from end to end: the built wheel, its command, real pips in environments made before and after."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from integration.harness import pips
from integration.machines.activated import Machine, machine
from support.bases import tree
from support.environments import require_python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHONS = ("3.9", "3.13")


@pytest.fixture(params=PYTHONS)
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A machine with the oldest Python that the guard supports, and one with the newest that is here."""
    with machine(tmp_path, require_python(request.param)) as made:
        yield made


@pytest.fixture
def tool(here: Machine, guard_wheel: Path) -> Path:
    """The command, in an environment that only has it: `pip install` goes nowhere else."""
    python = here.venv("tool")
    here.succeed(python, "-m", "pip", "install", "--no-index", guard_wheel)
    return python.parent / "indexguard"


def test_activated_every_environment_is_guarded_and_deactivated_none(here: Machine, tool: Path) -> None:
    before = here.venv("before")
    assert here.attack(before, "-m", "pip").installed == "public 99.0"
    here.run(here.base, "-c", "pass")
    tree_before = tree(here.stdlib)

    done = here.succeed(tool, "activate")
    assert f"{here.base} (Python 3." in done.stdout
    assert "  live: every Python that starts there starts the guard\n" in done.stdout
    assert here.succeed(tool, "activate").stdout.splitlines()[1] == "  nothing to change"
    after = here.venv("after")
    for command in (
        [before, "-m", "pip"],
        [after, "-m", "pip"],
        [after, "-I", "-m", "pip"],
        [after.parent / "pip"],
        [here.base, "-m", "pip"],
    ):
        assert here.attack(*command).is_held, here.transcript[-1]

    # Where the package is gone, the activated copy speaks for itself.
    done = here.succeed(after, "-m", "_indexguard", "deactivate")
    assert "removed: " in done.stdout
    assert tree(here.stdlib) == tree_before
    assert here.attack(before, "-m", "pip").installed == "public 99.0"
    assert here.run(after, "-c", "pass").stderr == ""


def test_upgrade_and_uninstall_of_the_package_leave_the_activated_guard(here: Machine, guard_wheel: Path) -> None:
    venv = here.venv("venv")
    here.succeed(here.base, "-m", "pip", "install", "--no-index", guard_wheel)
    here.succeed(here.base, "-m", "indexguard", "activate", "--require-policy")
    activated = tree(here.stdlib / "_indexguard")

    newer = with_version(guard_wheel, "9.9.9", here.folder)
    here.succeed(here.base, "-m", "pip", "install", "--no-index", "--upgrade", newer)
    assert "9.9.9" in here.succeed(here.base, "-m", "pip", "list").stdout
    assert here.attack(venv, "-m", "pip").is_held
    here.succeed(here.base, "-m", "pip", "uninstall", "--yes", "indexguard")
    assert tree(here.stdlib / "_indexguard") == activated, "pip took nothing of it"
    for python in (venv, here.base):
        assert here.attack(python, "-m", "pip").is_held


def with_version(wheel: Path, version: str, folder: Path) -> Path:
    """Return the wheel as it would be with another version number."""
    old = wheel.name.split("-")[1]
    made = folder / wheel.name.replace(old, version)
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(made, "w") as target:
        for info in source.infolist():
            content = source.read(info)
            if info.filename.endswith(".dist-info/METADATA"):
                content = content.replace(f"Version: {old}\n".encode(), f"Version: {version}\n".encode())
            if info.filename.endswith(".dist-info/RECORD"):
                # pip does not compare the hashes of a RECORD; the names must be right.
                content = content.replace(f"-{old}.dist-info".encode(), f"-{version}.dist-info".encode())
            target.writestr(info.filename.replace(f"-{old}.dist-info", f"-{version}.dist-info"), content)
    return made


def test_required_policy_that_is_missing_stops_pip(here: Machine, tool: Path) -> None:
    venv = here.venv("venv")
    here.succeed(tool, "activate", "--require-policy")
    attacked = here.attack(venv, "-m", "pip", INDEXGUARD_POLICY="")
    assert (attacked.installed, attacked.done.returncode) == (None, 1)
    assert "policy-missing" in attacked.done.stderr
    assert "require-policy demands one" in attacked.done.stderr
    assert "Traceback" not in attacked.done.stderr
    assert here.run(venv, "-m", "pip", "list", INDEXGUARD_POLICY="").returncode == 0
    assert here.attack(venv, "-m", "pip").is_held
    here.succeed(tool, "activate", "--no-require-policy")
    attacked = here.attack(venv, "-m", "pip", INDEXGUARD_POLICY="")
    assert "ambiguous-name" in attacked.done.stderr


def test_account_is_guarded_without_root(here: Machine, tool: Path) -> None:
    before = here.venv("before")
    tree_before = tree(here.folder / "base")
    done = here.succeed(tool, "activate", "--user")
    assert "live: every Python that starts there starts the guard" in done.stdout
    assert here.attack(here.base, "-m", "pip").is_held
    assert here.attack(here.base, "-I", "-m", "pip").installed == "public 99.0", "a limit that the README states"
    assert here.attack(here.base, "-m", "pip", PYTHONNOUSERSITE="1").installed == "public 99.0", "another one"

    # Environments: those that a guarded Python makes, and those that were there.
    after = here.venv("after")
    assert here.attack(after, "-m", "pip").is_held
    assert here.attack(after, "-I", "-m", "pip").is_held
    assert here.attack(before, "-m", "pip").installed == "public 99.0"
    assert here.succeed(tool, "seed", before.parent.parent).stdout.endswith(": live\n")
    assert here.attack(before, "-m", "pip").is_held
    # One that is made in an environment that was made.
    inner = here.venv("inner", python=after)
    assert here.attack(inner, "-m", "pip").is_held

    here.succeed(tool, "deactivate", "--user")
    assert tree(here.folder / "base") == tree_before
    assert list(here.folder.glob("*/lib/*/site-packages/indexguard-seed.pth")) == []
    assert [path for path in here.ground.folder.rglob("*") if "_indexguard_hook" in path.name] == []
    for python in (before, after, inner, here.base):
        assert here.attack(python, "-m", "pip").installed == "public 99.0"
        assert here.run(python, "-c", "pass").stderr == ""


def test_seed_whose_guard_is_gone_is_silent(here: Machine, tool: Path) -> None:
    here.succeed(tool, "activate", "--user")
    venv = here.venv("venv")
    (here.ground.folder / "data" / "indexguard").rename(here.folder / "aside")
    done = here.succeed(venv, "-c", "print('goes on')")
    assert (done.stdout, done.stderr) == ("goes on\n", "")


def test_managed_base_takes_the_account_way(here: Machine, tool: Path, guard_wheel: Path) -> None:
    # PEP 668, as Debian and Homebrew have it.
    (here.stdlib / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=use the distribution's packages\n")
    done = here.run(here.base, "-m", "pip", "install", "--user", "--no-index", guard_wheel)
    if "externally-managed-environment" not in done.stderr:
        pytest.skip("the pip of this Python (older than 23.0) does not know PEP 668")
    here.succeed(tool, "activate", "--user")
    assert here.attack(here.base, "-m", "pip").is_held


def test_build_requirements_are_guarded_in_environments(here: Machine, tool: Path) -> None:
    venv = here.venv("venv")
    options = ["--index-url", here.ground.corp.url, "--extra-index-url", here.ground.public.url]

    def fetched(name: str) -> set[str]:
        for index in (here.ground.corp, here.ground.public):
            index.requests.clear()
        here.succeed(venv, "-m", "pip", "install", "--target", here.ground.folder / "out" / name, "source", *options)
        return {asked for asked in here.ground.asked() if asked.endswith(".whl")}

    assert fetched("before") == {"public:acme_tool-99.0-py3-none-any.whl"}
    here.succeed(tool, "activate")
    assert fetched("after") == {"corp:acme_tool-1.0-py3-none-any.whl"}


def test_whoever_comes_with_pip_python_is_guarded(here: Machine, tool: Path) -> None:
    venv = here.venv("venv")
    here.succeed(tool, "activate")
    # A pip that has no guard itself, from 22.3 on; it must run on the venv's Python.
    pip = "23.0.1" if here.stdlib.name == "python3.9" else "26.3"
    outer = pips.plain_environment(pip, pips.pythons_for(pip).found[-1]).python
    assert here.attack(outer, "-m", "pip", "--python", venv).is_held
