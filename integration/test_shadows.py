"""What comes before the guard on a Python's path: the real start-up modules of others, and pip's own.

Each of these tools has a program start with its own ``sitecustomize`` first on PYTHONPATH. ddtrace's and New Relic's call
the next one; OpenTelemetry's does not.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from integration.harness import pips
from integration.harness.cases import read_cases
from integration.harness.dists import Dist, NestedPip, write_project
from integration.machines.activated import Machine, machine
from support.environments import require_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_PIP_OF_PYTHON = {"3.9": "23.0.1", "3.13": "26.3"}


@dataclass(frozen=True)
class Tool:
    """A program that starts another one with something of its own in it."""

    name: str
    requirements: Sequence[str]
    words: Sequence[str]
    """Its script, and what comes before the program to start."""
    environ: Mapping[str, str]
    folder: str
    """Where its ``sitecustomize`` is, in site-packages."""
    calls_the_next: bool


TOOLS = [Tool(**values) for values in read_cases(__file__)["tool"]]


@pytest.fixture(params=("3.9", "3.13"))
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A machine of its own."""
    with machine(tmp_path, require_python(request.param)) as made:
        yield made


def _activate(here: Machine, wheel: Path, *options: str) -> None:
    guard = here.folder / "guard"
    _unpack(wheel, guard)
    here.succeed(here.base, "-m", "indexguard", "activate", *options, PYTHONPATH=str(guard))


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def _site(python: Path) -> Path:
    (found,) = python.parent.parent.glob("lib/python3*/site-packages")
    return found


def _put(tool: Tool, python: Path) -> list[str | Path]:
    """Put a tool, and a pip, into the environment of a Python, and return what has it start a Python's module."""
    version = _site(python).parent.name.removeprefix("python")
    source = pips.tool_environment(pips.plain_environment(_PIP_OF_PYTHON[version], version), tool.requirements)
    site = _site(python)
    for old in site.glob("pip*"):
        shutil.rmtree(old)
    shutil.copytree(source.site_packages, site, dirs_exist_ok=True, copy_function=os.link)
    assert (site / tool.folder / "sitecustomize.py").exists()
    started = [] if tool.words[-1] == "run-python" else [python]
    return [python, site / "bin" / tool.words[0], *tool.words[1:], *started, "-m"]


@pytest.mark.parametrize("tool", TOOLS, ids=[tool.name for tool in TOOLS])
def test_tool_in_an_environment(here: Machine, guard_wheel: Path, tool: Tool) -> None:
    venv = here.venv("venv", "--without-pip")
    start = _put(tool, venv)
    path = {**tool.environ, "PATH": f"{venv.parent}:/usr/bin:/bin"}
    assert here.attack(*start, "pip", **path).installed == "public 99.0", here.transcript[-1]
    _activate(here, guard_wheel)
    assert here.attack(venv, "-m", "pip").is_held
    attacked = here.attack(*start, "pip", **path)
    done = here.run(*start, "_indexguard", "status", **path)
    ran = _site(venv) / tool.folder / "sitecustomize.py"
    if tool.calls_the_next:
        assert attacked.is_held, here.transcript[-2]
        assert done.returncode == 0
        assert "shadowed" not in done.stdout
        return
    assert attacked.installed == "public 99.0"
    assert done.returncode == 1
    # The children of some versions start without it.
    own = f"not guarded: this process itself, and a pip that is started in the same way: {ran} ran in the place of"
    told = " ".join(done.stdout.split())
    assert own in told or f"shadowed by PYTHONPATH: {ran} runs in the place of" in told, done.stdout
    # What holds is a path file of the environment's own.
    _activate(here, guard_wheel, "--user")
    here.succeed(here.base, "-m", "_indexguard", "seed", venv.parent.parent)
    assert here.attack(*start, "pip", **path).is_held, here.transcript[-1]
    here.succeed(here.base, "-m", "_indexguard", "deactivate", "--user")
    assert here.attack(*start, "pip", **path).installed == "public 99.0"
    _unpack(guard_wheel, _site(venv))
    assert here.attack(*start, "pip", **path).is_held, here.transcript[-1]


@pytest.mark.parametrize("tool", TOOLS, ids=[tool.name for tool in TOOLS])
def test_tool_in_a_base_with_the_package(here: Machine, guard_wheel: Path, tool: Tool) -> None:
    start = _put(tool, here.base)
    path = {**tool.environ, "PATH": f"{here.base.parent}:/usr/bin:/bin"}
    (here.base.parent / "python").unlink(missing_ok=True)
    (here.base.parent / "python").symlink_to(here.base)
    assert here.attack(*start, "pip", **path).installed == "public 99.0", here.transcript[-1]
    _unpack(guard_wheel, _site(here.base))
    assert here.attack(*start, "pip", **path).is_held, here.transcript[-1]


@pytest.mark.parametrize("options", [[], ["--user"]], ids=["stdlib", "account"])
def test_pip_that_a_build_backend_starts_is_guarded(here: Machine, guard_wheel: Path, options: list[str]) -> None:
    # pip isolates the backend with a sitecustomize of its own, the only one that runs there.
    indexes = ["--index-url", here.ground.corp.url, "--extra-index-url", here.ground.public.url]
    # The environment's pip is not on the backend's path; a backend that needs one brings it.
    words = (f"{pips.pip_wheel('24.0')}/pip", "download", "--no-deps", *indexes, "acme-core")
    write_project(Dist("app", "1.0", "corp", kind="sdist", nested_pip=NestedPip(words)), here.folder / "app")

    def fetched(python: Path) -> set[str]:
        for index in (here.ground.corp, here.ground.public):
            index.requests.clear()
        here.succeed(python, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", here.folder / "w", here.folder / "app")
        return {asked for asked in here.ground.asked() if asked.endswith(".whl")}

    assert fetched(here.base) == {"public:acme_core-99.0-py3-none-any.whl"}
    _activate(here, guard_wheel, *options)
    assert fetched(here.base) == {"corp:acme_core-1.0-py3-none-any.whl"}
