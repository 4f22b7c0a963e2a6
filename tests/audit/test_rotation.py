"""A full or old log file is renamed, and the next one goes on from it."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest
from integration.harness.children import run_child

from indexguard.audit import writer
from indexguard.audit.output import Output
from indexguard.audit.place import rotated_files
from indexguard.audit.writer import AuditLog, Limits
from indexguard.policy.log import LogSettings
from support.logged import SOURCE, WRITE_MANY, chained

DAY = timedelta(days=1)


def test_full_file_is_renamed_and_the_next_goes_on_from_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path, limits=Limits(size=500))
    for number in range(20):
        log.write({"number": number})
    files = [*rotated_files(tmp_path), path]
    assert len(files) > 3
    head, numbers = None, []
    for file in files:
        assert file.stat().st_size <= 500
        lines = chained(file, head)
        head = sha256(lines[-1]).hexdigest()
        numbers += [json.loads(line)["number"] for line in lines]
    assert numbers == list(range(20))
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o640}
    assert log.problem is None


def test_next_file_goes_on_from_a_full_one_that_is_being_compressed(tmp_path: Path) -> None:
    line = AuditLog(tmp_path / "audit.jsonl").write({"number": 1})
    full = tmp_path / "audit-20261126T040000.000000Z.jsonl"
    (tmp_path / "audit.jsonl").rename(full)
    (tmp_path / f"{full.name}.gz").write_bytes(b"\x1f\x8b")
    AuditLog(tmp_path / "audit.jsonl").write({"number": 2})
    assert rotated_files(tmp_path) == [full]
    assert len(chained(tmp_path / "audit.jsonl", sha256(line).hexdigest())) == 1


def test_writers_at_once_lose_no_line_to_rotation(tmp_path: Path) -> None:
    script = WRITE_MANY.replace(
        "AuditLog(Path(sys.argv[2]))", "AuditLog(Path(sys.argv[2]), limits=Limits(size=200_000))"
    )
    script = script.replace("import AuditLog", "import AuditLog, Limits")
    path = tmp_path / "audit.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", script, str(SOURCE), str(path), str(n)]) for n in range(4)]
    assert [it.wait(timeout=60) for it in writers] == [0, 0, 0, 0]
    files = [*rotated_files(tmp_path), path]
    assert len(files) > 10
    head, found = None, []
    for file in files:
        lines = chained(file, head)
        head = sha256(lines[-1]).hexdigest()
        found += [(json.loads(line)["writer"], json.loads(line)["number"]) for line in lines]
    assert sorted(found) == sorted((str(writer), number) for writer in range(4) for number in range(200))


@pytest.mark.parametrize(("age", "files"), [(timedelta(days=2), 0), (timedelta(hours=2), 1)])
def test_old_file_is_renamed(tmp_path: Path, age: timedelta, files: int) -> None:
    path = tmp_path / "audit.jsonl"
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    written = yesterday.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    path.write_bytes(b'{"schema":1,"time":"%b"}\n' % written.encode())
    AuditLog(path, limits=Limits(age=age)).write({"number": 2})
    assert len(rotated_files(tmp_path)) == files


def test_names_of_full_files_follow_one_another_whatever_the_clock_says(tmp_path: Path) -> None:
    (tmp_path / "audit-29991231T235959.999999Z.jsonl").write_bytes(b'{"first":1}\n')
    log = AuditLog(tmp_path / "audit.jsonl", limits=Limits(size=10))
    for number in range(3):
        log.write({"number": number})
    assert [path.name for path in rotated_files(tmp_path)] == [
        "audit-29991231T235959.999999Z.jsonl",
        "audit-30000101T000000.000000Z.jsonl",
        "audit-30000101T000000.000001Z.jsonl",
    ]
    assert json.loads((tmp_path / "audit.jsonl").read_text())["number"] == 2


def test_who_waited_for_a_file_that_was_renamed_meanwhile_writes_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rotated = tmp_path / "audit.jsonl", tmp_path / "audit-20261126T040000.000000Z.jsonl"
    line = b'{"last":1}'
    with path.open("ab", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(line + b"\n")

        def rotate(_seconds: float) -> None:  # while the log waits
            path.rename(rotated)
            fcntl.flock(other, fcntl.LOCK_UN)

        monkeypatch.setattr(writer, "pause", rotate)
        AuditLog(path).write({"next": 2})
    assert rotated.read_bytes() == line + b"\n"
    assert path.read_bytes() == b'{"next":2,"prev":"%b"}\n' % sha256(line).hexdigest().encode()


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "empty"])
def test_what_somebody_put_in_the_place_of_a_full_file_is_not_read(tmp_path: Path, kind: str) -> None:
    placed = tmp_path / "audit-29991231T235959.999999Z.jsonl"
    (tmp_path / "elsewhere").write_bytes(b"{}\n")
    if kind == "link":
        placed.symlink_to(tmp_path / "elsewhere")
    elif kind == "fifo":
        os.mkfifo(placed)
    elif kind == "folder":
        placed.mkdir()
    else:
        placed.touch()
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from indexguard.audit.writer import AuditLog\n"
        "log = AuditLog(Path(sys.argv[2])); log.write({'number': 1}); print(log.problem)\n"
    )
    path = tmp_path / "audit.jsonl"
    done = run_child([sys.executable, "-c", script, str(SOURCE), str(path)], check=True, timeout=60)
    assert done.stdout == "None\n"
    assert path.read_bytes() == b'{"number":1,"prev":null}\n'


@pytest.mark.parametrize("name", ["audit-99991231T235959.999999Z.jsonl", "audit-99999999T999999.999999Z.jsonl"])
def test_full_file_grows_where_no_name_comes_after_the_last_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'{"first":1}\n')
    log = AuditLog(tmp_path / "audit.jsonl", limits=Limits(size=10))
    for number in range(3):
        log.write({"number": number})
    assert log.problem is None
    assert len(chained(tmp_path / "audit.jsonl", sha256(b'{"first":1}').hexdigest())) == 3


@pytest.mark.parametrize(
    "moment", [b"2020-01-01T00:00-05:00", b"2020-13-99T99:99:99", b"----------", b"9999-12-31T23:59:59.999", b"T" * 30]
)
def test_first_line_that_tells_no_time_keeps_no_event_out(tmp_path: Path, moment: bytes) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"schema":1,"time":"%bZ"}\n' % moment)
    log = AuditLog(path, limits=Limits(age=timedelta(hours=1)))
    log.write({"number": 2})
    assert log.problem is None
    assert len(path.read_bytes().splitlines()) == 2


def test_oldest_full_files_go_where_no_policy_limits_the_log(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path, limits=Limits(size=500, kept=3))
    seen = []
    for number in range(80):
        log.write({"number": number})
        seen += [file for file in rotated_files(tmp_path) if file not in seen]
        assert len(rotated_files(tmp_path)) <= 3
    assert len(seen) > 6
    assert rotated_files(tmp_path) == seen[-3:]
    assert log.problem is None


def test_usual_limits(tmp_path: Path) -> None:
    assert LogSettings().is_unlimited
    assert not LogSettings(max_size=100_000).is_unlimited
    assert not LogSettings(max_age=DAY).is_unlimited
    full = [tmp_path / f"audit-202611{day}T000000.000000Z.jsonl" for day in range(10, 22)]
    for each in full:
        each.write_text("{}\n")
    path = tmp_path / "audit.jsonl"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024 - 10)
    Output(LogSettings(), path, "run").write({"number": 1})
    assert len(rotated_files(tmp_path)) == 8
    assert path.stat().st_size < 500
