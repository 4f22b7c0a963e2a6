"""Interpreters with real pips, for those who ask a child about them."""

from __future__ import annotations

import sys

import pytest
from integration.harness.pips import plain_environment, pythons_for


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
