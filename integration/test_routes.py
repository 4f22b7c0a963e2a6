"""Every route on every chosen pip: the attack and its benign twin, each first without the guard, then with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable

import pytest

from integration.harness import pips
from integration.harness.case import play
from integration.harness.cases import read_cases
from integration.harness.route import GROUPS, expected, find_routes, markdown, read_route, without_codes
from integration.harness.scenario import ScenarioError
from support.documents import marked

if TYPE_CHECKING:
    from pathlib import Path

    from integration.harness.case import Case

CASES = read_cases(__file__)


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
        codes = (event["code"] for event in outcome.events if event["event"] not in ("selected", "not-asked", "probed"))
        record_property("codes", sorted({code for code in codes if code}))


def test_the_document_has_the_table_of_all_routes() -> None:
    routes = find_routes()
    table = marked("routes").strip()
    assert re.match(r"Run on \d{4}-\d\d-\d\d on pip ", table)
    ended_as_the_files_say = markdown(routes, expected(routes, pips.ROUTE_PIPS)).strip()
    assert without_codes(table) == without_codes(ended_as_the_files_say)


def test_every_group_has_routes() -> None:
    assert {route.group for route in find_routes()} == set(GROUPS)


ROUTE = CASES["route"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    CASES["faults"],
)
def test_a_faulty_route_is_refused(old: str, new: str, message: str) -> None:
    assert read_route("a-way", ROUTE).attack.attack
    assert old in ROUTE
    with pytest.raises(ScenarioError, match=message):
        read_route("a-way", ROUTE.replace(old, new))


def test_a_route_out_of_reach_must_be_seen_to_be_so() -> None:
    text = ROUTE.partition("[benign]")[0].replace('title = "A way"', 'title = "A way"\nout-of-reach = "no pip"')
    with pytest.raises(ScenarioError, match="the attack succeeds with the guard, too"):
        read_route("a-way", text.replace("guarded = { exit = 1 }", "guarded = { exit = 1, installed = {} }"))
    reached = text.replace("guarded = { exit = 1 }", 'guarded = { exit = 0, installed = { x = "corp 1.0" } }')
    assert read_route("a-way", reached).benign is None


def test_neighbouring_pips_with_the_same_end_are_one_line() -> None:
    ended = {"status": "passed", "half": "attack", "route": "a-way", "codes": []}
    pairs = [("20.3.4", 1), ("21.3.1", 1), ("23.0.1", 0), ("26.3", 1)]
    table = markdown([read_route("a-way", ROUTE)], [{**ended, "column": pip, "exit": code} for pip, code in pairs])
    assert table.splitlines()[-3:] == [
        "| A way | 20.3.4 to 21.3.1 | refused |",
        "| A way | 23.0.1 | guarded |",
        "| A way | 26.3 | refused |",
    ]
    failed = markdown([read_route("a-way", ROUTE)], [{**ended, "column": "26.3", "status": "failed"}])
    assert "**FAILED**" in failed
