"""What counts as shown: the rules of the verdict, without any pip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from indexguard.demo.environment import read_events
from indexguard.demo.play import Act, Attempt, Outcome
from indexguard.interpreters.python import Answer

_ATTACKED = Attempt(Answer(0, "", ""), "99.0", "public")
_OURS = {"layer": "environment"}
_MACHINE = {"layer": "machine"}


def _event(kind: str, *layers: dict[str, str], name: str = "acme-core") -> dict[str, Any]:
    return {"event": kind, "name": name, "policy": list(layers or (_OURS,))}


_KEPT = Attempt(Answer(0, "", ""), "1.0", "internal", (_event("shadowed"),))
_REFUSED = Attempt(Answer(1, "", ""), None, None, (_event("shadowed"), _event("refused")))


def _outcome(*guarded: Attempt, unguarded: Attempt | None = _ATTACKED, log_is_writable: bool = True) -> Outcome:
    acts = tuple(Act("an act", unguarded, attempt) for attempt in guarded)
    return Outcome("26.3", "", {}, Path("folder"), Path("audit.jsonl"), log_is_writable, acts)


def test_the_right_file_and_a_refusal_are_held() -> None:
    outcome = _outcome(_KEPT, _REFUSED)

    assert (outcome.attack_worked, outcome.is_held, outcome.exit_code) == (True, True, 0)


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(_ATTACKED, id="the attacker's file"),
        pytest.param(
            replace(_ATTACKED, events=(_event("shadowed"),)), id="the attacker's file, and a log that says no"
        ),
        pytest.param(replace(_KEPT, events=()), id="the right file, by chance"),
        pytest.param(replace(_REFUSED, events=()), id="nothing, but not by the guard"),
        pytest.param(replace(_REFUSED, ended=Answer(0, "", "")), id="nothing, and pip says that all is well"),
        pytest.param(replace(_KEPT, events=(_event("shadowed", name="other"),)), id="another name was guarded"),
        pytest.param(replace(_REFUSED, events=(_event("refused"),)), id="refused, and no squatter seen"),
        pytest.param(replace(_REFUSED, events=(_event("guard-failed", _OURS, _MACHINE),)), id="the guard failed"),
    ],
)
def test_one_act_that_does_not_hold_is_enough(attempt: Attempt) -> None:
    assert _outcome(_KEPT, attempt).exit_code == 1


def test_a_policy_of_this_machine_may_refuse_before_anybody_looks_for_squatters() -> None:
    refused = replace(_REFUSED, events=(_event("refused", _MACHINE, _OURS),))

    assert _outcome(refused, refused).exit_code == 0


def test_without_a_log_the_guard_must_have_said_something() -> None:
    silent = replace(_KEPT, events=())
    spoken = replace(silent, ended=Answer(0, "", "WARNING: indexguard: shadowed-name: ..."))

    assert _outcome(silent, log_is_writable=False).exit_code == 1
    assert _outcome(spoken, log_is_writable=False).exit_code == 0


def test_an_attack_that_does_not_work_without_the_guard_shows_nothing() -> None:
    assert _outcome(_KEPT, _REFUSED, unguarded=_KEPT).exit_code == 1


def test_an_interpreter_that_is_guarded_itself_is_judged_by_the_guarded_runs() -> None:
    assert _outcome(_KEPT, _REFUSED, unguarded=None).exit_code == 0
    assert _outcome(_KEPT, _ATTACKED, unguarded=None).exit_code == 1


def test_events_are_those_of_the_folder_after_the_start(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    before = f'{{"cwd": "{tmp_path}", "seq": 1}}\n'
    others = '{"cwd": "/elsewhere", "seq": 2}\n"text"\n{"torn'
    log.write_text(f'{before}{others}\n{{"cwd": "{tmp_path}", "seq": 3}}\n', encoding="utf-8")

    assert [event["seq"] for event in read_events(log, tmp_path, len(before))] == [3]
    assert read_events(tmp_path / "nowhere", tmp_path, 0) == []
