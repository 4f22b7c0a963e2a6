"""What a run says of its process, whatever a program has made of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from indexguard.audit import failure
from indexguard.audit.run_context import DRILL, RunContext, command_line
from indexguard.policy.model import Layer, Policy
from indexguard.policy.reader import read_policy


@pytest.mark.parametrize(
    ("original", "own", "told"),
    [
        (["python", "-m", "pip"], ["pip"], ["python", "-m", "pip"]),
        (None, ["pip", "list"], ["pip", "list"]),
        ([], ("pip",), ["pip"]),
        ("pip", [b"pip", 7, None, "list"], ["bytes", "int", "NoneType", "list"]),
        (None, None, []),
        (7, 7, []),
    ],
)
def test_command_line_of_any_kind(monkeypatch: pytest.MonkeyPatch, original: Any, own: Any, told: list[str]) -> None:
    monkeypatch.setattr(sys, "orig_argv", original, raising=False)
    monkeypatch.setattr(sys, "argv", own)
    assert command_line() == told


def test_command_line_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "orig_argv", raising=False)
    monkeypatch.delattr(sys, "argv")
    assert command_line() == []


def test_failure_is_recorded_without_a_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(sys, "orig_argv", raising=False)
    monkeypatch.delattr(sys, "argv")
    monkeypatch.setattr(failure, "log_path", lambda: tmp_path / "audit.jsonl")
    failure.record_failure("26.3", "guard-broken", "ZeroDivisionError", "ab")
    events = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [(event["event"], event["code"], event["parent_run"]) for event in events] == [
        ("guard-failed", "guard-broken", "ab"),
        ("sealed", None, "ab"),
    ]


def test_what_reports_a_failure_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []

    def fail() -> Path:
        asked.append(None)
        raise OSError("no home")

    monkeypatch.setattr(failure, "log_path", fail)
    failure.record_failure("26.3", "guard-broken", "ZeroDivisionError")
    assert asked == [None]


LOOPBACK = "http://127.0.0.1:8080/simple/"
ELSEWHERE = "https://packages.corp.example/simple/"


@pytest.mark.parametrize(
    ("kind", "urls", "mode", "mark", "is_drill"),
    [
        ("environment", [LOOPBACK], "enforce", "1", True),
        ("environment", [LOOPBACK], "enforce", "", False),
        # Nobody hides what comes from elsewhere by saying that it is a drill.
        ("environment", [LOOPBACK, ELSEWHERE], "enforce", "1", False),
        ("environment", [LOOPBACK], "audit", "1", False),
        ("machine", [LOOPBACK], "enforce", "1", False),
        ("environment", [], "enforce", "1", False),
    ],
)
def test_drill(
    monkeypatch: pytest.MonkeyPatch, kind: str, urls: list[str], mode: str, mark: str, *, is_drill: bool
) -> None:
    monkeypatch.setenv(DRILL, mark)
    tables = "".join(
        f'[indexes.i{place}]\nurl = "{url}"\npackages = ["acme-{place}"]\n' for place, url in enumerate(urls)
    )
    policy = read_policy(f'version = 1\nmode = "{mode}"\n{tables}'.encode(), "policy.toml")
    layers = [Layer("machine", "/m", "", Policy()), Layer(kind, "/p", "", policy)]
    assert RunContext.of_process("26.3", layers, argv=[]).drill is is_drill
    assert RunContext.of_process("26.3", [], argv=[]).drill is False
