"""Several files, one stream: what belongs together, in which order, and what is left out."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from integration.harness.children import run_child

from indexguard.audit.place import log_path
from indexguard.logs import files
from indexguard.logs.files import LogStream
from indexguard.logs.opening import MAX_LINE, LogError
from support.memory import measure


def line(number: int, **fields: Any) -> bytes:
    """Return an event of a given minute."""
    event = {"schema": 1, "time": f"2026-11-26T00:{number:02}:00.000Z", "event": "refused", "seq": number, **fields}
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def numbers(stream: LogStream) -> list[int]:
    """Read a stream to its end."""
    return [event["seq"] for event in stream]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log that was rotated twice, and the side files of two runs."""
    folder = tmp_path / "log"
    folder.mkdir()
    packed = gzip.compress(line(1) + line(2), mtime=0)
    (folder / "audit-20261126T000230.000000Z.jsonl.gz").write_bytes(packed)
    (folder / "audit-20261126T000500.000000Z.jsonl").write_bytes(line(3) + line(5))
    (folder / "audit.jsonl").write_bytes(line(6) + line(9))
    (folder / "audit.0123456789abcdef.jsonl").write_bytes(line(4) + line(8))
    (folder / "audit.fedcba9876543210.jsonl").write_bytes(line(7))
    (folder / "notes.txt").write_bytes(line(10))
    return folder


def test_rotated_and_side_files_are_one_log(folder: Path) -> None:
    stream = LogStream([folder])
    assert numbers(stream) == list(range(1, 10))
    assert sum(reading.events for reading in stream.readings) == 9
    assert stream.notes == []


def test_without_order_every_event_comes_once(folder: Path) -> None:
    assert sorted(numbers(LogStream([folder], in_order=False))) == list(range(1, 10))


def test_named_files_are_sorted_as_those_of_a_folder(folder: Path) -> None:
    named = sorted(folder.glob("audit*"), reverse=True)
    assert numbers(LogStream(named)) == list(range(1, 10))


def test_file_named_twice_is_read_once(folder: Path) -> None:
    (folder / "again.jsonl").symlink_to(folder / "audit.jsonl")
    stream = LogStream([folder, folder / "audit.jsonl", folder / "again.jsonl"])
    assert numbers(stream) == list(range(1, 10))


def test_named_file_is_read_alone(folder: Path) -> None:
    assert numbers(LogStream([folder / "audit.jsonl"])) == [6, 9]


def test_logs_of_several_machines_are_merged(tmp_path: Path) -> None:
    for number, name in enumerate(("north", "south", "west")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "audit.jsonl").write_bytes(line(number) + line(number + 3))
    assert numbers(LogStream([tmp_path / "west", tmp_path / "north", tmp_path / "south"])) == [0, 1, 2, 3, 4, 5]


def test_more_logs_than_files_may_be_open(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "audit.jsonl").write_bytes(line(number))
    code = (
        "import resource, sys; from pathlib import Path; from indexguard.logs.files import LogStream\n"
        "from indexguard.logs.opening import LogError\n"
        "folders = sorted(Path(sys.argv[1]).iterdir())\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))\n"
        "print(sum(1 for _ in LogStream(folders, in_order=False)))\n"
        "try: print(list(LogStream(folders)))\n"
        "except LogError as error: print(error)"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[2])}
    done = run_child([sys.executable, "-c", code, tmp_path], env=environ, check=True)
    counted, error = done.stdout.splitlines()
    assert counted == "60"
    assert error.endswith(": Too many open files")


def test_own_log_with_its_rotated_files(folder: Path) -> None:
    stream = LogStream(own=folder / "audit.jsonl")
    assert stream.size() == sum(path.stat().st_size for path in folder.glob("*.jsonl*"))
    assert numbers(stream) == list(range(1, 10))
    assert stream.position == stream.size()


@pytest.mark.parametrize("path", [Path("/nowhere/audit.jsonl"), Path("~/audit.jsonl")])
def test_own_log_that_is_not_there_is_empty(path: Path) -> None:
    assert (LogStream(own=path).size(), numbers(LogStream(own=path))) == (0, [])


def test_own_log_is_that_of_the_writer() -> None:
    assert LogStream().own == log_path()


def test_rotation_while_reading_loses_nothing_and_doubles_nothing(folder: Path) -> None:
    stream = iter(LogStream([folder]))
    first = next(stream)["seq"]
    (folder / "audit.jsonl").rename(folder / "audit-20261126T001000.000000Z.jsonl")
    (folder / "audit.jsonl").write_bytes(line(30))
    assert [first, *(event["seq"] for event in stream)] == list(range(1, 10))


def test_file_that_is_compressed_while_reading(folder: Path) -> None:
    stream = iter(LogStream([folder]))
    first = next(stream)["seq"]
    rotated = folder / "audit-20261126T000500.000000Z.jsonl"
    rotated.with_name(f"{rotated.name}.gz").write_bytes(gzip.compress(rotated.read_bytes(), mtime=0))
    rotated.unlink()
    assert [first, *(event["seq"] for event in stream)] == list(range(1, 10))


def test_compressed_file_beside_its_original_counts_once(folder: Path) -> None:
    rotated = folder / "audit-20261126T000500.000000Z.jsonl"
    rotated.with_name(f"{rotated.name}.gz").write_bytes(gzip.compress(rotated.read_bytes(), mtime=0))
    assert numbers(LogStream([folder])) == list(range(1, 10))


def test_what_is_left_out_is_counted_by_file(folder: Path) -> None:
    whole = (folder / "audit.jsonl").read_bytes()
    too_long = line(20, message="x" * (3 * MAX_LINE))
    (folder / "audit.jsonl").write_bytes(line(1)[:-20] + b"\n" + too_long + b"something else\n" + whole)
    stream = LogStream([folder])
    assert numbers(stream) == list(range(1, 10))
    path = folder / "audit.jsonl"
    assert stream.notes == [
        f"{path}: 3 lines left out, not a whole event of this version of the log (1 torn, 1 too long)"
    ]


def test_line_of_the_largest_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    room = MAX_LINE - len(line(1, message=""))
    path.write_bytes(line(1, message="x" * room) + line(2, message="x" * (room + 1)) + line(3))
    stream = LogStream([path])
    assert numbers(stream) == [1, 3]
    assert stream.readings[0].too_long == 1


@pytest.mark.parametrize("cut", [20, -1])
def test_damaged_compressed_file_gives_what_it_has(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "audit.jsonl.gz"
    packed = bytearray(
        gzip.compress(b"".join(line(number % 60, salt=str(os.urandom(99))) for number in range(9000)), 1)
    )
    packed[-40:] = b"\xff" * 40
    path.write_bytes(bytes(packed)[:cut])
    stream = LogStream([path])
    assert (len(numbers(stream)) > 8000) == (cut < 0)
    assert stream.notes[-1] == f"{path}: not read to its end: its compressed data is damaged or cut off"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing.jsonl", "cannot read the audit log {path}: there is no such file"),
        ("pipe.jsonl", "cannot read the audit log {path}: it is a named pipe"),
        ("empty", "there is no log in the folder {path}, at any depth: no file whose name ends in .jsonl or .jsonl.gz"),
        ("zero\0byte", "cannot read the audit log {path}: embedded null byte"),
        ("/dev/zero", "cannot read the audit log {path}: it is a device"),
    ],
)
def test_named_file_that_cannot_be_read(folder: Path, name: str, reason: str) -> None:
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe.jsonl")
    with pytest.raises(LogError) as caught:
        numbers(LogStream([folder / "audit.jsonl", folder / name]))
    assert str(caught.value) == reason.format(path=folder / name)


def test_odd_file_of_a_folder_is_reported(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jsonl")
    stream = LogStream([folder])
    assert numbers(stream) == list(range(1, 10))
    assert stream.notes == [f"{folder / 'pipe.jsonl'}: not read to its end: it is a named pipe"]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    block = b"".join(line(number % 60, message="x" * 900) for number in range(2000))
    with path.open("wb") as file:
        for _ in range(60):
            file.write(block)
    events, grown = measure("from indexguard.logs.files import LogStream", "sum(1 for _ in LogStream([path]))", path)
    assert events == 120_000
    assert grown < 20_000  # KiB, of a file of 118 MiB
