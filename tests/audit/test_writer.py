"""Lines that are never torn, and a log that cannot be written."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from integration.harness.children import run_child

from indexguard.audit import writer
from indexguard.audit.place import rotated_files
from indexguard.audit.writer import AuditLog, Limits
from indexguard.logs.chain import Verifier
from support.logged import SOURCE, WRITE_MANY, chained


def events(path: Path) -> list[dict[str, object]]:
    """Return the events of a log without what chains them."""
    return [{key: value for key, value in json.loads(line).items() if key != "prev"} for line in chained(path)]


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
    assert sorted((event["writer"], event["number"]) for event in events(path)) == sorted(
        (str(writer), number) for writer in range(4) for number in range(200)
    )


def test_the_chain_is_on_the_bytes_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    lines = [AuditLog(path).write({"number": number, "filling": "x" * 40_000}) for number in range(4)]
    assert chained(path) == lines


def test_who_does_not_know_the_end_reads_it_and_who_knows_it_need_not(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    one, other = AuditLog(path), AuditLog(path)
    for number in range(3):
        one.write({"number": number})
        one.write({"number": number})
        other.write({"number": number})
    assert len(chained(path)) == 9


def test_line_longer_than_any_of_ours_ends_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LONGEST_LINE", 100_000)
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"first":1}\n' + b"x" * 200_000 + b"\n")
    log = AuditLog(path)
    assert log.write({"number": 1}) == b'{"number":1,"prev":null}'
    assert log.problem is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_log_that_may_not_be_read_is_added_to_without_a_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"first":1}\n')
    path.chmod(0o622)
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from indexguard.audit.writer import AuditLog\n"
        "os.setgid(54321); os.setuid(54321)\n"
        "log = AuditLog(Path(sys.argv[2])); log.write({'second': 2}); print(log.problem)\n"
    )
    done = run_child([sys.executable, "-c", script, str(SOURCE), str(path)], check=True)
    assert done.stdout == "None\n"
    assert path.read_bytes() == b'{"first":1}\n{"second":2,"prev":null}\n'


def test_a_killed_writer_leaves_the_others_the_lock_and_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    endless = WRITE_MANY.replace("range(200)", "__import__('itertools').count()")
    killed = [subprocess.Popen([sys.executable, "-c", endless, str(SOURCE), str(path), str(n)]) for n in range(3)]
    other = subprocess.Popen([sys.executable, "-c", WRITE_MANY, str(SOURCE), str(path), "last"])
    try:
        assert other.wait(timeout=60) == 0
    finally:
        for each in killed:
            each.kill()
            each.wait()
    AuditLog(path).write({"writer": "after", "number": 0})
    # What stands torn, if anything, stands alone; the chain goes over it.
    head = None
    torn = 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            assert json.loads(line)["prev"] == head
        except ValueError:
            torn += 1
        head = sha256(line).hexdigest()
    assert torn <= len(killed)
    found = [json.loads(line) for line in path.read_bytes().split(b"\n")[-2:-1]]
    assert found[0]["writer"] == "after"


WRITE_AND_DIE = """
import json, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from indexguard.audit.writer import AuditLog, Limits

def die_after(name):
    call = getattr(os, name)
    def last_call(*arguments):
        call(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(os, name, last_call)

def die_in_the_new_file():
    rename = os.rename
    def rename_and_prepare(*arguments):
        rename(*arguments)
        die_after("open")
    os.rename = rename_and_prepare

path = Path(sys.argv[2])
first, second, third = json.loads(sys.argv[3])
AuditLog(path).write(first)
AuditLog(path).write(second)
MOMENT
AuditLog(path, limits=Limits(size=LIMIT)).write(third)
"""


def event(run: str, seq: int) -> dict[str, object]:
    """Return as much of an event as its chain needs."""
    return {"schema": 1, "time": "2026-11-26T04:00:00.000Z", "event": "selected", "run": run, "seq": seq}


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize(
    ("moment", "limit", "written"),
    [
        ("die_after('rename')", 1, 2),
        ("die_in_the_new_file()", 1, 2),
        ("die_after('write')", 1, 3),
        ("die_after('write')", None, 3),
    ],
)
def test_a_writer_that_is_killed_in_between_leaves_a_whole_chain(
    tmp_path: Path, moment: str, limit: int | None, written: int, is_compressed: bool
) -> None:
    path = tmp_path / "audit.jsonl"
    script = WRITE_AND_DIE.replace("MOMENT", moment).replace("LIMIT", str(limit))
    arguments = [str(SOURCE), str(path), json.dumps([event("killed", seq) for seq in (1, 2, 3)])]
    assert subprocess.run([sys.executable, "-c", script, *arguments], check=False).returncode == -signal.SIGKILL
    rotated = rotated_files(tmp_path)
    assert len(rotated) == (limit is not None)
    assert path.exists() == (moment != "die_after('rename')")
    for full in rotated if is_compressed else []:
        full.with_name(f"{full.name}.gz").write_bytes(gzip.compress(full.read_bytes()))
        full.unlink()

    AuditLog(path, limits=Limits(size=limit)).write(event("next", 1))
    AuditLog(path).write(event("next", 2))

    found = Verifier().read([tmp_path])
    assert (found.is_whole, found.events, found.torn) == (True, written + 2, 0)
    assert len(found.unproven) == (is_compressed and written == 2)


def test_half_a_line_of_a_writer_at_work_is_not_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.jsonl"
    with path.open("ab", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b'{"half')

        def finish(_seconds: float) -> None:  # while the log waits
            other.write(b'":1}\n')
            fcntl.flock(other, fcntl.LOCK_UN)

        monkeypatch.setattr(writer, "pause", finish)
        AuditLog(path).write({"next": 2})
    head = sha256(b'{"half":1}').hexdigest()
    assert path.read_text() == f'{{"half":1}}\n{{"next":2,"prev":"{head}"}}\n'


def test_who_gets_no_lock_writes_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.jsonl"
    monkeypatch.setattr(writer, "LOCK_WAIT", 0.0)
    with path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        log = AuditLog(path, "0123")
        log.write({"number": 1})
    log.write({"number": 2})
    assert path.read_bytes() == b""
    assert events(tmp_path / "audit.0123.jsonl") == [{"number": 1}, {"number": 2}]
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
    done = run_child([sys.executable, "-c", script, str(SOURCE), str(tmp_path / "audit.jsonl")], check=True)
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
    torn, whole = path.read_bytes().splitlines()
    assert json.loads(whole) == {"text": "whole", "prev": sha256(torn).hexdigest()}


def test_relative_path_is_refused_and_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = AuditLog(Path("~/.local/state/indexguard/log/audit.jsonl"))
    log.write({})
    assert log.problem is not None
    assert "HOME is not set" in log.problem
    assert list(tmp_path.iterdir()) == []


def test_what_an_earlier_run_left_torn_swallows_no_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"a":1}\n{"b":')
    log = AuditLog(path)
    log.write({"c": 3})
    log.write({"d": 4})
    lines = path.read_bytes().splitlines()
    assert lines[:2] == [b'{"a":1}', b'{"b":']
    assert json.loads(lines[2]) == {"c": 3, "prev": sha256(b'{"b":').hexdigest()}
    assert json.loads(lines[3]) == {"d": 4, "prev": sha256(lines[2]).hexdigest()}
    assert log.problem is None


def test_every_folder_that_is_made_is_closed_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        AuditLog(tmp_path / "state" / "indexguard" / "log" / "audit.jsonl").write({"a": 1})
    finally:
        os.umask(before)
    made = sorted(tmp_path.rglob("*"))
    assert [path.stat().st_mode & 0o027 for path in made] == [0] * 4


def test_one_event_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads the file meanwhile, and a crash, must not find half a line: between two writes there is time for both."""
    written: list[bytes] = []
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        written.append(data)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"torn":')
    log = AuditLog(path)
    log.write({"filling": "x" * 100_000})
    log.write({"number": 2})
    assert len(written) == 2
    assert path.read_bytes() == b'{"torn":' + b"".join(written)
