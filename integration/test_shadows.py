"""What comes before the guard on a Python's path: the real start-up modules of others, and pip's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from environments import require_python
from integration import pips
from integration.activated import Machine, machine
from integration.dists import Dist, NestedPip, write_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=("3.9", "3.13"))
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A machine of its own."""
    with machine(tmp_path, require_python(request.param)) as made:
        yield made


@pytest.mark.parametrize("options", [[], ["--user"]], ids=["stdlib", "account"])
def test_pip_that_a_build_backend_starts_is_guarded(here: Machine, guard_wheel: Path, options: list[str]) -> None:
    # pip isolates the backend with a sitecustomize of its own, the only one that runs there.
    tool = here.venv("tool")
    here.succeed(tool, "-m", "pip", "install", "--no-index", guard_wheel)
    indexes = ["--index-url", here.ground.corp.url, "--extra-index-url", here.ground.public.url]
    # The environment's pip is not on the backend's path; a backend that needs one brings it.
    words = (f"{pips.pip_wheel('24.0')}/pip", "download", "--no-deps", *indexes, "acme-core")
    write_project(Dist("app", "1.0", "corp", kind="sdist", nested_pip=NestedPip(words)), here.folder / "app")

    def fetched(python: Path) -> set[str]:
        for index in (here.ground.corp, here.ground.public):
            index.requests.clear()
        here.succeed(python, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", here.folder / "w", here.folder / "app")
        return {asked for asked in here.ground.asked() if asked.endswith(".whl")}

    assert fetched(here.venv("before")) == {"public:acme_core-99.0-py3-none-any.whl"}
    here.succeed(tool.parent / "indexguard", "activate", *options)
    assert fetched(here.venv("after")) == {"corp:acme_core-1.0-py3-none-any.whl"}
