"""Every route on every chosen pip: the attack and its benign twin, each first without the guard, then with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import pytest

from integration.playing import play

if TYPE_CHECKING:
    from pathlib import Path

    from integration.conftest import Case


@pytest.mark.usefixtures("no_policy_here")
def test_route(
    case: Case, tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    route, _, half = case.scenario.name.partition("/")
    record_property("route", route)
    record_property("half", half)
    outcome = play(case, tmp_path, request, record_property)
    if outcome is not None:
        record_property("exit", outcome.exit)
        codes = (event["code"] for event in outcome.events if event["event"] not in ("selected", "not-asked"))
        record_property("codes", sorted({code for code in codes if code}))
