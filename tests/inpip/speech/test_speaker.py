"""How one run speaks: each thing once, to the user and to the audit log."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from indexguard.audit.event import EventFields
from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from indexguard.decision.verdict import Finding
from indexguard.inpip.speech.refusal import Refusal
from indexguard.inpip.speech.speaker import Speaker
from indexguard.policy.model import Layer, Policy
from support.strategies import layer, make_run

LAYERS = (layer(Policy(mode="audit")), layer(Policy(), 1))
REFUSAL = Refusal(Finding("redirected", LAYERS[1]), "acme", fields=EventFields(name="acme"))


def make_speaker(tmp_path: Path, *more: Layer) -> Speaker:
    """Return one that logs into a folder of the test."""
    recorder = Recorder(RunContext.of_process("1.0", argv=["pip"]), tmp_path / "log" / "audit.jsonl")
    return Speaker(make_run(*LAYERS, *more), recorder)


@pytest.fixture
def speaker(tmp_path: Path) -> Speaker:
    """One of a run with two layers."""
    return make_speaker(tmp_path)


def logged(speaker: Speaker, tmp_path: Path) -> str:
    assert speaker.recorder.problem is None
    return (tmp_path / "log" / "audit.jsonl").read_text(encoding="utf-8")


def test_a_warning_is_given_once(speaker: Speaker, caplog: pytest.LogCaptureFixture) -> None:
    for text in ("one %s", "one %s", "two"):
        speaker.warn(text)
    assert [record.getMessage() for record in caplog.records] == ["one %s", "two"]


def test_audit_mode_is_logged_as_such(speaker: Speaker, tmp_path: Path) -> None:
    for each in LAYERS:
        speaker.record_finding(Finding("redirected", each), "redirected", EventFields(name="acme"))
    lines = logged(speaker, tmp_path).splitlines()
    assert ['"event": "would-refuse"' in line.replace('":"', '": "') for line in lines] == [True, False]


def test_a_refusal_is_noted_and_logged_once(speaker: Speaker, tmp_path: Path, pip_module: Callable[[str], Any]) -> None:
    first, second = speaker.refuse(REFUSAL), speaker.refuse(REFUSAL)
    assert isinstance(first, pip_module("_internal.exceptions").PipError)
    assert isinstance(second, type(first))
    assert list(map(str, speaker.refusals)) == [str(REFUSAL.error)]
    assert len(logged(speaker, tmp_path).splitlines()) == 1


@pytest.mark.parametrize(("mode", "stops"), [("enforce", True), ("audit", False)])
def test_a_log_that_cannot_be_written_stops_pip_where_a_layer_that_enforces_says_so(
    tmp_path: Path, pip_module: Callable[[str], Any], mode: str, stops: bool
) -> None:
    (tmp_path / "log").write_text("a file stands where the folder should be")
    speaker = make_speaker(tmp_path, layer(Policy(mode=mode, log_failure="block", path="policy.toml"), 2))
    if not stops:
        speaker.record("selected", None, EventFields())
        return
    with pytest.raises(pip_module("_internal.exceptions").PipError) as caught:
        speaker.record("selected", None, EventFields())
    assert "log-failed" in str(caught.value)
    # A refusal stays one, with its own words.
    assert "redirected" in str(speaker.refuse(REFUSAL))


def test_a_log_that_cannot_be_written_is_one_warning(
    speaker: Speaker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "log").write_text("a file stands where the folder should be")
    speaker.record("refused", "redirected", EventFields())
    speaker.record("refused", "redirected", EventFields())
    assert len([record for record in caplog.records if record.name == "indexguard"]) == 1
