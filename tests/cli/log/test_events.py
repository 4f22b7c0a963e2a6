"""The log as its reader sees it."""

from __future__ import annotations

import gzip
import json
import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from integration.harness.cases import read_cases

from indexguard.audit.event import EventFields
from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from indexguard.cli import main
from indexguard.decision.verdict import Finding
from indexguard.patterns import parse_pattern
from indexguard.policy.model import Layer, Policy
from indexguard.policy.rules import Rule
from support.logged import event, sealed, selected, write
from support.shell import Shell

CASES = read_cases(__file__)

FINDING = Finding(
    "shadowed-name",
    Layer("machine", "/etc/indexguard/policy.toml", "0" * 64, Policy()),
    Rule(parse_pattern("acme-*"), ("corp",), "indexes.corp.namespaces[0]"),
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of three events."""
    path = tmp_path / "audit.jsonl"
    recorder = Recorder(RunContext.of_process("26.3", argv=["pip", "install", "acme-core"]), path)
    recorder.record(
        "shadowed",
        "shadowed-name",
        EventFields(
            name="acme-core",
            versions=[f"{n}.0" for n in range(9, 0, -1)],
            files=18,
            index_asked="https://mirror.example/simple/",
            index_answered="https://elsewhere.example/acme-core/",
            finding=FINDING,
        ),
    )
    recorder.record("selected", None, EventFields(name="acme-core", versions=["1.0"], files=1, index_asked="https://a.example/simple/",
        index_answered="https://a.example/simple/acme-core/"))  # fmt: skip
    recorder.record("refused", "unmatched-name", EventFields(name="other", message="not asked"))
    assert recorder.problem is None
    return path


def test_one_line_per_event(shell: Shell, log: Path) -> None:
    answer = shell("log", "--file", str(log))
    assert (answer.code, answer.err) == (0, "")
    assert [line.split("  ", 1)[1] for line in answer.out.splitlines()] == [
        (
            "shadowed  shadowed-name  acme-core  9.0, 8.0, 7.0, 6.0, 5.0 and 4 more  (18 files)"
            "  from https://mirror.example/simple/ answered by https://elsewhere.example/acme-core/"
            "  by /etc/indexguard/policy.toml indexes.corp.namespaces[0]"
        ),
        "selected  acme-core  1.0  (1 file)  from https://a.example/simple/",
        "refused  unmatched-name  other  - not asked",
    ]


@pytest.mark.parametrize(
    ("options", "events"),
    CASES["filters"],
)
def test_filters(shell: Shell, log: Path, options: list[str], events: list[str]) -> None:
    answer = shell("log", "--json", "--file", str(log), *options)
    assert answer.code == 0
    assert [json.loads(line)["event"] for line in answer.out.splitlines()] == events


def test_since_compares_moments_not_texts(shell: Shell, log: Path) -> None:
    zone = timezone(timedelta(hours=-8))
    earlier = (datetime.now(zone) - timedelta(minutes=5)).isoformat(timespec="seconds")
    later = (datetime.now(zone) + timedelta(minutes=5)).isoformat(timespec="seconds")
    assert len(shell("log", "--file", str(log), f"--since={earlier}").out.splitlines()) == 3
    assert shell("log", "--file", str(log), f"--since={later}").out == ""


@pytest.mark.parametrize("when", ["tomorrow", "2x", "25:00", "monday 8", "2026-13-01", "", "999999w", "1e3h"])
def test_since_that_is_no_time(shell: Shell, log: Path, when: str) -> None:
    answer = shell("log", "--file", str(log), "--since", when)
    assert answer.code == 2
    assert "expected a time ago" in answer.err


def test_torn_and_foreign_lines_are_counted(shell: Shell, log: Path) -> None:
    whole = log.read_bytes()
    log.write_bytes(
        b'{"schema": 1, "time": "2026-01-01T0\n' + b"\xff\xfe\x00\n\n" + b'["schema"]\n' + b'{"schema": 2, "time": "", "event": ""}\n'
        + b"[" * 5000 + b"\n" + b'{"schema": true, "time": "", "event": ""}\n' + whole + whole[:40]
    )  # fmt: skip
    answer = shell("log", "--file", str(log))
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 3
    assert answer.err == f"{log}: 7 lines left out, not a whole event of this version of the log (1 torn)\n"


def test_event_with_odd_fields_is_shown(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    event = {"schema": 1, "time": "now", "event": "refused", "name": 5, "versions": "x", "rule": [], "files": "many", "more_versions": "x",
             "message": "\x1b[2Jgone\nand more", "code": None}  # fmt: skip
    path.write_text(json.dumps(event) + "\n")
    answer = shell("log", "--file", str(path))
    assert answer.code == 0
    assert answer.out == "now  refused  - \\x1b[2Jgone\\nand more\n"


@pytest.mark.parametrize(
    "fields",
    [
        {"versions": ["1"] * 9, "more_versions": "x"},
        {"versions": [{"a": 1}], "more_versions": [1]},
        {"rule": {"key": {"a": 1}, "file": 5}},
        {"message": {"a": 1}, "files": [1]},
        {"files": 1.5, "index_asked": 5, "index_answered": "https://a.example/"},
    ],
)
def test_fields_of_another_type_are_no_traceback(shell: Shell, tmp_path: Path, fields: dict[str, object]) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text(json.dumps({"schema": 1, "time": "now", "event": "refused", **fields}) + "\n")
    assert shell("log", "--file", str(path)).out.startswith("now  refused")


@pytest.mark.parametrize("content", [b"\0" * 3_000_000, gzip.compress(b"{}\n" * 1000, mtime=0), b"\r\r\r", b""])
def test_file_that_is_no_log(shell: Shell, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(content)
    answer = shell("log", "--file", str(path))
    assert (answer.code, answer.out) == (2, "")
    assert f"there is no event in {path}" in answer.err


def test_named_pipe_does_not_make_it_wait(shell: Shell) -> None:
    os.mkfifo(shell.home / "pipe")
    answer = shell("log", "--file", "pipe")
    assert (answer.code, answer.err) == (2, "indexguard: cannot read the audit log pipe: it is a named pipe\n")


def test_no_home(shell: Shell) -> None:
    # Not a file of the folder in which the command happens to run.
    folder = shell.home / "~"
    folder.mkdir()
    (folder / "audit.jsonl").write_text('{"schema": 1, "time": "now", "event": "refused"}\n')
    shell.monkeypatch.setattr("indexguard.cli.log.source.log_path", lambda: Path("~/audit.jsonl"))
    answer = shell("log")
    assert (answer.code, answer.out) == (2, "")
    assert "this user has no home folder" in answer.err


def test_no_log_yet(shell: Shell) -> None:
    shell.monkeypatch.setattr("indexguard.cli.log.source.log_path", lambda: Path("/nowhere/audit.jsonl"))
    answer = shell("log")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "indexguard: nothing was recorded: there is no audit log /nowhere/audit.jsonl\n"


def test_folders_at_any_depth(shell: Shell, tmp_path: Path) -> None:
    for place, folder in enumerate(("a", "a/b/c", "a/b/d.jsonl", ".hidden", "z")):
        (tmp_path / "logs" / folder).mkdir(parents=True, exist_ok=True)
        write(tmp_path / "logs" / folder / "audit.jsonl", selected(9 - place, f"from-{place}"))
    (tmp_path / "logs" / "link").symlink_to(tmp_path / "logs" / "a")
    answer = shell("log", str(tmp_path / "logs"))
    assert answer.code == 0
    assert [line.split()[2] for line in answer.out.splitlines()] == ["from-4", "from-2", "from-1", "from-0"]
    assert shell("log", "summary", "--json", str(tmp_path / "logs")).json["events"] == 4
    assert shell("log", "verify", str(tmp_path / "logs" / "z")).code in (0, 1)
    assert "4 events" in shell("log", "export", "--format", "csv", "-o", "out", str(tmp_path / "logs")).err


def test_no_silent_limit(shell: Shell, tmp_path: Path) -> None:
    log = write(tmp_path / "audit.jsonl", *(selected(minute, "acme-core", run=f"{minute:016}") for minute in range(35)))
    for command, what in ((["log"], "event"), (["log", "runs"], "run")):
        answer = shell(*command, log)
        assert len(answer.out.splitlines()) == 20
        assert f"the last 20 of 35 {what}s; --last N shows more" in answer.err
        assert len(shell(*command, "--json", log).out.splitlines()) == 35
        assert len(shell(*command, "--json", "--last", "3", log).out.splitlines()) == 3
        answer = shell(*command, "--last", "35", log)
        assert (len(answer.out.splitlines()), answer.err) == (35, "")


@pytest.mark.parametrize(
    ("option", "names"),
    [
        (["--host", "build"], ["in-job"]),
        (["--user", "root"], ["in-job"]),
        (["--ci"], ["in-job"]),
        (["--ci", "acme/app"], ["in-job"]),
        (["--ci", "other"], []),
        (["--without-policy"], ["bare"]),
        (["--audit"], ["in-job"]),
        (["--host", "build", "--host", "laptop"], ["in-job", "bare", "enforced"]),
    ],
)
def test_filters_by_run(shell: Shell, tmp_path: Path, option: list[str], names: list[str]) -> None:
    layer = {"layer": "machine", "file": "p", "sha256": "0", "mode": "audit"}
    job = {"provider": "gitlab-ci", "job": "1", "run": "2", "repository": "acme/app", "ref": None}
    log = write(
        tmp_path / "audit.jsonl",
        selected(1, "in-job", host="build", user="root", ci=job, policy=[layer]),
        selected(2, "bare", policy=[]),
        selected(3, "enforced", policy=[{**layer, "mode": "enforce"}]),
    )
    answer = shell("log", log, *option)
    assert [line.split()[2] for line in answer.out.splitlines()] == names
    assert len(shell("log", "runs", "--json", log, *option).out.splitlines()) == len(
        {name == "in-job" for name in names}
    )


def test_a_file_is_not_taken_for_the_text_of_a_job(shell: Shell, tmp_path: Path) -> None:
    log = write(tmp_path / "audit.jsonl", selected(1, "acme-core"))
    answer = shell("log", "--ci", log)
    assert answer.code == 2
    assert "which is a file" in answer.err


@pytest.mark.parametrize("file", ["/nowhere/audit.jsonl", "empty"])
def test_log_that_cannot_be_read(shell: Shell, file: str) -> None:
    (shell.home / "empty").mkdir()
    answer = shell("log", "--file", file)
    assert (answer.code, answer.out) == (2, "")


def test_later_fields_are_shown(shell: Shell, tmp_path: Path) -> None:
    log = write(
        tmp_path / "audit.jsonl",
        selected(1, "acme-core", requested_by=["app", "acme-web"]),
        sealed(2, 2, 1),
        {**sealed(3, 1), "seal": "odd"},
    )
    assert [line.split("  ", 1)[1] for line in shell("log", log).out.splitlines()] == [
        "selected  acme-core  1.0  (1 file)  from https://packages.corp.example/simple/  for app > acme-web",
        "sealed  run 0123456789abcdef, 2 events, exit 1",
        "sealed  run 0123456789abcdef, exit not known",
    ]


def test_run_and_those_that_it_started(shell: Shell, tmp_path: Path) -> None:
    runs = [{"run": "a" * 16}, {"run": "b" * 16, "parent_run": "a" * 16}, {"run": "c" * 16}]
    log = write(tmp_path / "audit.jsonl", *(event(number, "refused", **run) for number, run in enumerate(runs)))
    found = [json.loads(line)["run"][0] for line in shell("log", "--json", "--run", "aaaa", log).out.splitlines()]
    assert found == ["a", "b"]


def test_own_log_with_rotated_and_side_files(shell: Shell) -> None:
    shell.monkeypatch.setattr("indexguard.cli.log.source.log_path", lambda: shell.home / "audit.jsonl")
    write(shell.home / "audit-20261126T000200.000000Z.jsonl", event(1, "refused"), event(2, "refused"))
    write(shell.home / "audit.0123456789abcdef.jsonl", event(3, "refused"))
    write(shell.home / "audit.jsonl", event(4, "refused"))
    found = [json.loads(line)["seq"] for line in shell("log", "--json").out.splitlines()]
    assert found == [2, 3, 4, 5]


def test_none_of_the_events_matches(shell: Shell, log: Path) -> None:
    assert shell("log", str(log), "--event", "guard-failed").err == "none of 3 events matches\n"


def test_long_work_on_a_terminal_shows_how_far_it_is(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("indexguard.cli.log.source._LONG_WORK", 100)
    monkeypatch.setattr("indexguard.cli.log.source._PAUSE", -1)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["log", str(log)]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert re.fullmatch(r"\r\x1b\[Kread 0 of 0 MB, 0 events\r\x1b\[K", err)
