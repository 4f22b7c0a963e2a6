"""Base interpreters that the tests may change."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bases import Base, make_base
from environments import require_python


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """A base of this Python's version."""
    return make_base(tmp_path, sys.executable)


@pytest.fixture(params=["3.9", "3.10", "3.11", "3.12", "3.13"])
def any_base(request: pytest.FixtureRequest, tmp_path: Path) -> Base:
    """A base of each version that the machine has."""
    return make_base(tmp_path, require_python(request.param))
