"""Whether a log is as it was written, as the one sees it who asks."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from indexguard.audit.event import EventFields
from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from indexguard.cli.console import count
from support.shell import Shell


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of one run."""
    path = tmp_path / "log" / "audit.jsonl"
    recorder = Recorder(RunContext.of_process("26.3", argv=["pip"]), path)
    recorder.record("selected", None, EventFields(name="acme"))
    recorder.seal(0)
    return path


def test_whole_log(shell: Shell, log: Path) -> None:
    for named in (log, log.parent):
        answer = shell("log", "verify", str(named))
        assert (answer.code, answer.out, answer.err) == (0, "whole: 2 events of 1 run in 1 file\n", "")


def test_changed_log(shell: Shell, log: Path) -> None:
    log.write_bytes(log.read_bytes().replace(b"acme", b"acne"))
    answer = shell("log", "verify", str(log))
    assert answer.code == 1
    assert answer.out.startswith(f"BROKEN   {log}, line 2: it does not go on from line 1")
    assert answer.out.endswith("NOT as it was written: 2 events of 1 run in 1 file\n")
    found = shell("log", "verify", "--json", str(log)).json
    assert (found["whole"], [fault["line"] for fault in found["breaks"]]) == (False, [2])


def test_folders_at_any_depth(shell: Shell, tmp_path: Path) -> None:
    for folder in ("a", "b/c"):
        recorder = Recorder(RunContext.of_process("26.3", argv=["pip"]), tmp_path / "logs" / folder / "audit.jsonl")
        recorder.record("selected", None, EventFields(name="acme"))
        recorder.seal(0)
    assert shell("log", "verify", str(tmp_path / "logs")).code == 0
    deep = tmp_path / "logs" / "b" / "c" / "audit.jsonl"
    deep.write_bytes(deep.read_bytes().replace(b"acme", b"acne"))
    answer = shell("log", "verify", str(tmp_path / "logs"))
    assert answer.code == 1
    assert answer.out.startswith(f"BROKEN   {deep}, line 2")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_copy(shell: Shell, log: Path, pack: type[bytes]) -> None:
    copy = log.parent.parent / "copy"
    copy.write_bytes(pack(b"Nov 26 host indexguard: ".join(log.read_bytes().splitlines(keepends=True))))
    assert shell("log", "verify", "--copy", str(copy), str(log)).code == 0
    log.write_bytes(log.read_bytes().splitlines(keepends=True)[0])
    answer = shell("log", "verify", "--copy", str(copy), str(log))
    assert answer.code == 1
    assert answer.out.startswith("MISSING  a copy has it, the log has not: ")


def test_number_of_events_compared_is_said(shell: Shell, log: Path) -> None:
    copy = log.parent.parent / "copy.json"
    for text in (b"", b"something else\n", b'{"MESSAGE":"x"}\n'):
        copy.write_bytes(text)
        answer = shell("log", "verify", "--copy", str(copy), str(log))
        assert answer.code == 2
        assert answer.out == "NOT verified: 2 events of 1 run in 1 file; 0 events of 1 copy compared\n"
        assert f"{copy}: no event in {count(len(text.splitlines()), 'line')} of this copy" in answer.err
        found = shell("log", "verify", "--json", "--copy", str(copy), str(log))
        assert (found.code, found.json["whole"], found.json["compared"], found.json["empty"]) == (
            2,
            False,
            0,
            [str(copy)],
        )
    copy.write_text("".join(json.dumps({"MESSAGE": line}) + "\n" for line in log.read_text().splitlines()))
    answer = shell("log", "verify", "--copy", str(copy), "--copy", str(log), str(log))
    assert (answer.code, answer.out) == (0, "whole: 2 events of 1 run in 1 file; 2 events of 2 copies compared\n")


def test_where_there_is_no_event_nothing_is_whole(shell: Shell, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = log.parent.parent / "folder"
    folder.mkdir()
    (folder / "other.jsonl").write_bytes(log.read_bytes())
    empty, foreign = folder / "empty", folder / "foreign"
    empty.touch()
    foreign.write_text("something else\n")
    for path, why in (
        (folder, "no event in this folder: it has no audit.jsonl with one"),
        (empty, "no event in this file"),
        (foreign, "no event in this file"),
    ):
        for more in ([], [str(log)]):
            answer = shell("log", "verify", str(path), *more)
            assert answer.code == 2
            assert answer.out.startswith("NOT verified: ")
            assert f"{path}: {why}" in answer.err
    monkeypatch.setattr("indexguard.cli.log.verify.log_path", lambda: folder / "nowhere" / "audit.jsonl")
    answer = shell("log", "verify")
    assert (answer.code, answer.out) == (2, "NOT verified: 0 events of 0 runs in 0 files\n")
    assert f"{folder}/nowhere: there is no such folder: nothing was recorded" in answer.err
    # What a copy has is missing there.
    answer = shell("log", "verify", "--copy", str(log))
    assert answer.code == 1
    assert answer.out.count("MISSING") == 2


@pytest.mark.parametrize("words", [[], ["--copy"]])
def test_what_cannot_be_read_is_named(shell: Shell, log: Path, words: list[str]) -> None:
    pipe = log.with_name("pipe")
    os.mkfifo(pipe)
    nowhere = log.with_name("nowhere")
    for path, why in (
        (pipe, "it is a named pipe"),
        (Path("/dev/zero"), "it is a device"),
        (nowhere, "there is no such file"),
    ):
        answer = shell("log", "verify", str(log), *words, str(path))
        assert (answer.code, answer.out) == (2, "")
        assert f"cannot read the audit log {path}: {why}" in answer.err


def test_what_is_not_proven_is_said(shell: Shell, log: Path) -> None:
    whole = log.read_bytes()
    log.with_name("audit-20261126T040000.000000Z.jsonl.gz").write_bytes(gzip.compress(whole))
    log.unlink()
    recorder = Recorder(RunContext.of_process("26.3", argv=["pip"]), log)
    recorder.record("selected", None, EventFields(name="acme"))
    recorder.seal(0)
    answer = shell("log", "verify", str(log.parent))
    assert (answer.code, answer.out) == (0, "whole: 4 events of 2 runs in 2 files\n")
    assert answer.err.startswith(f"{log}, line 1: it goes on from no line: ")
    found = shell("log", "verify", "--json", str(log.parent)).json
    assert (found["whole"], found["breaks"], [each["line"] for each in found["unproven"]]) == (True, [], [1])
