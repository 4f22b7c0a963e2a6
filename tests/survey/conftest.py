"""Environments to look at."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from integration.harness.pips import plain_environment, pythons_for

from support.activated import VERSIONS, make_environment
from support.environments import Environment, find_python, require_python


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with nothing in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture(params=VERSIONS)
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Environment:
    """A virtual environment of each Python that the machine has, with nothing in it."""
    return make_environment(tmp_path / "environment", require_python(request.param))


@pytest.fixture
def newest(tmp_path: Path) -> Environment:
    """A virtual environment of the newest Python that the machine has."""
    python = next(python for python in map(find_python, reversed(VERSIONS)) if python is not None)
    return make_environment(tmp_path / "environment", python)


@pytest.fixture(scope="module")
def python(request: pytest.FixtureRequest) -> str:
    """An interpreter with the pip that the module's parameter names; ``own`` is the one that runs the tests."""
    if request.param == "own":
        return sys.executable
    found = pythons_for(request.param).found
    if not found:
        pytest.skip(f"no Python here runs pip {request.param}")
    try:
        return str(plain_environment(request.param, found[0]).python)
    except RuntimeError as error:
        pytest.skip(str(error))
