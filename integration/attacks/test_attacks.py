"""Every attack of the bench on real pips: it succeeds without the guard, one policy holds it, and its benign twin passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import pytest

from integration.attacks.rows import POLICY, ROWS, find_rows, read_row, twin_of
from integration.harness.case import Case, play, play_guarded
from integration.harness.cases import read_cases
from integration.harness.scenario import ScenarioError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.usefixtures("no_policy_here")
def test_attack(
    case: Case, tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    play(case, tmp_path / "attack", request, record_property)
    twin = twin_of(case)
    if twin is not None:
        play_guarded(Case(twin, case.cell), tmp_path / "benign", request)
        record_property("benign", True)


def test_there_are_fourteen_attacks_and_a_control_on_pages_of_both_forms() -> None:
    forms = [row.forms for row in find_rows().values()]
    assert all(tuple(it) == ("html", "json") for it in forms)
    attacks = [sum(form.attack is not None for form in it.values()) for it in forms]
    assert (attacks.count(2), attacks.count(0)) == (14, 1)


def test_every_half_has_the_one_policy() -> None:
    halves = [
        half for row in find_rows().values() for form in row.forms.values() for half in (form.attack, form.benign)
    ]
    assert {half.policy.text for half in halves if half is not None} == {POLICY.read_text(encoding="utf-8")}


CASES = read_cases(__file__)
ROW = (ROWS / "12-young-file.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(("old", "new", "message"), CASES["faults"])
def test_a_faulty_row_is_refused(old: str, new: str, message: str) -> None:
    assert old in ROW
    with pytest.raises(ScenarioError, match=message):
        read_row("a-row", ROW.replace(old, new))
