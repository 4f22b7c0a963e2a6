"""Numbered events, also from threads, and no exception whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from indexguard.audit.event import EventFields
from indexguard.audit.output import Output
from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext

SOURCE = Path(__file__).resolve().parents[2] / "src"
CONTEXT = RunContext.of_process("26.3", argv=["pip", "list"])


def test_events_are_numbered_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    recorder = Recorder(CONTEXT, path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: recorder.record("selected", None, EventFields(name=f"p{number}")), range(100)))
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [event["seq"] for event in events] == list(range(1, 101))
    assert {event["name"] for event in events} == {f"p{number}" for number in range(100)}
    assert {event["run"] for event in events} == {CONTEXT.run}


def test_log_that_cannot_be_written_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder(CONTEXT, tmp_path / "file" / "audit.jsonl")
    recorder.record("selected", None, EventFields(name="a"))
    recorder.record("selected", None, EventFields(name="b"))
    assert recorder.problem is not None
    assert "\n" not in recorder.problem


def test_mistake_of_ours_is_a_problem_too(tmp_path: Path) -> None:
    recorder = Recorder(CONTEXT, tmp_path / "audit.jsonl")
    recorder.record("refused", "no-such-code")
    assert recorder.problem is not None
    assert "no-such-code" in recorder.problem


def test_seal_says_how_many_events_there_are(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    recorder = Recorder(CONTEXT, path)
    recorder.seal(0)
    assert not path.exists(), "a run without events leaves nothing"
    recorder.record("selected", None, EventFields(name="a"))
    recorder.seal(1)
    recorder.seal(1)
    recorder.record("selected", None, EventFields(name="b"))
    recorder.seal(None)
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(event["event"], event["seal"]) for event in events] == [
        ("selected", None),
        ("sealed", {"events": 2, "exit": 1}),
        ("selected", None),
        ("sealed", {"events": 4, "exit": None}),
    ]


def test_forked_process_is_a_run_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    recorder = Recorder(CONTEXT, path)
    recorder.record("selected", None, EventFields(name="a"))
    child = os.fork()
    if child == 0:
        recorder.seal(0)  # that of its parent: not its business
        recorder.record("selected", None, EventFields(name="b"))
        recorder.seal(0)
        os._exit(0 if recorder.problem is None else 1)
    assert os.waitpid(child, 0) == (child, 0)
    recorder.seal(0)
    events = [json.loads(line) for line in path.read_text().splitlines()]
    own = [event for event in events if event["run"] == CONTEXT.run]
    others = [event for event in events if event["run"] != CONTEXT.run]
    assert [(event["seq"], event["event"]) for event in own] == [(1, "selected"), (2, "sealed")]
    assert [(event["seq"], event["event"]) for event in others] == [(1, "selected"), (2, "sealed")]
    assert {(event["parent_run"], event["pid"]) for event in others} == {(CONTEXT.run, child)}


@pytest.mark.parametrize(
    ("settings", "loaded"),
    [("", []), ("sinks=('journald',)", ["sinks"]), ("max_size=2**20", ["rotation"])],
)
def test_what_the_settings_need_is_loaded_before_the_first_event(
    tmp_path: Path, settings: str, loaded: list[str]
) -> None:
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from indexguard.audit.recorder import LogSettings, Recorder, RunContext\n"
        f"Recorder(RunContext.of_process('26.3', argv=[]), Path(sys.argv[2]), LogSettings({settings}))\n"
        "print(*(name for name in ('rotation', 'sinks') if f'indexguard.audit.{name}' in sys.modules))\n"
    )
    command = [sys.executable, "-c", script, str(SOURCE), str(tmp_path / "audit.jsonl")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == loaded


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupt_leaves_no_gap_and_no_number_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    recorder = Recorder(CONTEXT, tmp_path / "audit.jsonl")
    recorder.record("selected", None, EventFields(name="a"))
    write = Output.write

    def interrupted(self: Output, event: Mapping[str, Any]) -> None:
        if when == "after":
            write(self, event)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Output, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            recorder.record("selected", None, EventFields(name="b"))
    recorder.seal(-1)
    events = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [event["name"] for event in events] == (["a", None] if when == "before" else ["a", "b", None])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["seal"]["events"] == len(events)
