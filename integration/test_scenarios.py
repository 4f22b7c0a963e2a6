"""Every scenario on every chosen pip: first without the guard, then with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import pytest

from integration.harness.case import play

if TYPE_CHECKING:
    from pathlib import Path

    from integration.harness.case import Case


@pytest.mark.usefixtures("no_policy_here")
def test_scenario(
    case: Case, tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    play(case, tmp_path, request, record_property)
