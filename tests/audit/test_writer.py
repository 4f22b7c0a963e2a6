"""Lines that are never torn, and a log that cannot be written."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexguard.audit import writer
from indexguard.audit.writer import AuditLog, log_path

SOURCE = Path(sys.modules[AuditLog.__module__].__file__ or "").parents[2]

WRITE_MANY = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from indexguard.audit.writer import AuditLog
log = AuditLog(Path(sys.argv[2]))
for number in range(200):
    log.write({"writer": sys.argv[3], "number": number, "filling": "x" * (number * 97 % 9000)})
sys.exit(log.problem)
"""


def test_one_event_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "audit.jsonl"
    log = AuditLog(path)
    log.write({"text": "two\nlines \udc80 \u202e"})
    log.write({"text": "next"})
    assert path.read_bytes().count(b"\n") == 2
    assert [json.loads(line)["text"] for line in path.read_text("ascii").splitlines()] == [
        "two\nlines \udc80 \u202e",
        "next",
    ]
    assert log.problem is None


def test_file_is_not_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "audit.jsonl"
    before = os.umask(0)
    try:
        AuditLog(path).write({})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_processes_writing_at_once_tear_no_line(tmp_path: Path) -> None:
    path = tmp_path / "log" / "audit.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE_MANY, str(SOURCE), str(path), str(number)]) for number in range(4)
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0, 0]
    events = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert sorted((event["writer"], event["number"]) for event in events) == sorted(
        (str(writer), number) for writer in range(4) for number in range(200)
    )


def test_half_a_line_of_a_writer_at_work_is_not_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.jsonl"
    with path.open("ab", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b'{"half')

        def finish(_seconds: float) -> None:  # while the log waits
            other.write(b'":1}\n')
            fcntl.flock(other, fcntl.LOCK_UN)

        monkeypatch.setattr(time, "sleep", finish)
        AuditLog(path).write({"next": 2})
    assert path.read_bytes() == b'{"half":1}\n{"next":2}\n'


def test_lock_that_nobody_gives_back_does_not_keep_a_line_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.jsonl"
    monkeypatch.setattr(writer, "LOCK_WAIT", 0.0)
    with path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        log = AuditLog(path)
        log.write({"number": 1})
    assert path.read_bytes() == b'{"number":1}\n'
    assert log.problem is None


def test_folder_that_cannot_be_made_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log = AuditLog(tmp_path / "file" / "audit.jsonl")
    log.write({})
    first = log.problem
    log.write({})
    assert first is not None
    assert first == log.problem == f"the audit log {tmp_path}/file/audit.jsonl cannot be written: Not a directory"


def test_read_only_folder_is_one_problem(tmp_path: Path) -> None:
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from indexguard.audit.writer import AuditLog\n"
        "if os.geteuid() == 0: os.setgid(54321); os.setuid(54321)  # root may write everywhere\n"
        "log = AuditLog(Path(sys.argv[2]))\n"
        "log.write({}); log.write({})\n"
        "print(log.problem)\n"
    )
    tmp_path.chmod(0o500)
    done = subprocess.run(
        [sys.executable, "-c", script, str(SOURCE), str(tmp_path / "audit.jsonl")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"the audit log {tmp_path}/audit.jsonl cannot be written: Permission denied\n"
    assert done.stderr == ""


def test_link_in_the_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("")
    (tmp_path / "audit.jsonl").symlink_to(target)
    log = AuditLog(tmp_path / "audit.jsonl")
    log.write({})
    assert log.problem is not None
    assert target.read_text() == ""


def test_fifo_in_the_place_of_the_log_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "audit.jsonl")
    log = AuditLog(tmp_path / "audit.jsonl")
    log.write({})
    assert log.problem is not None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_device_in_the_place_of_the_log_is_refused() -> None:
    log = AuditLog(Path("/dev/full"))
    log.write({})
    assert log.problem == "the audit log /dev/full cannot be written: it is not a regular file"


def test_full_disk_is_a_problem_and_the_next_line_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A limit on the size of files stops a write in its middle, as a full disk does. Python ignores the signal.
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
    try:
        log.write({"text": "x" * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert log.problem is not None
    assert "only 20 of" in log.problem
    log.write({"text": "whole"})
    assert json.loads(path.read_text().splitlines()[-1]) == {"text": "whole"}


def test_relative_path_is_refused_and_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = AuditLog(Path("~/.local/state/indexguard/log/audit.jsonl"))
    log.write({})
    assert log.problem is not None
    assert "HOME is not set" in log.problem
    assert list(tmp_path.iterdir()) == []


def test_log_of_root_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert log_path() == Path("/var/log/indexguard/audit.jsonl")


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of Linux")
def test_log_of_a_user_is_in_the_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    assert log_path() == Path("/home/someone/.local/state/indexguard/log/audit.jsonl")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become a user without an entry")
def test_user_without_entry_and_home(tmp_path: Path) -> None:
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from indexguard.audit.event import RunContext\n"
        "from indexguard.audit.recorder import Recorder\n"
        "from indexguard.audit.writer import log_path\n"
        "os.setgid(54321); os.setuid(54321)\n"
        "recorder = Recorder(RunContext.of_process('26.3', argv=[]), log_path())\n"
        "recorder.record('selected', None, name='a')\n"
        "print(recorder.context.user, '|', recorder.problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(SOURCE)], env={}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("54321 | the audit log ")
    assert (done.stderr, list(tmp_path.iterdir())) == ("", [])


def test_what_an_earlier_run_left_torn_swallows_no_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"a":1}\n{"b":')
    log = AuditLog(path)
    log.write({"c": 3})
    log.write({"d": 4})
    assert path.read_bytes() == b'{"a":1}\n{"b":\n{"c":3}\n{"d":4}\n'
    assert log.problem is None


def test_every_folder_that_is_made_is_closed_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        AuditLog(tmp_path / "state" / "indexguard" / "log" / "audit.jsonl").write({"a": 1})
    finally:
        os.umask(before)
    made = sorted(tmp_path.rglob("*"))
    assert [path.stat().st_mode & 0o027 for path in made] == [0] * 4
