"""Environments to look at."""

from __future__ import annotations

from pathlib import Path

import pytest

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
