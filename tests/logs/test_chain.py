"""What is found in a log that somebody has changed, and what is not found in one that nobody has."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from integration.harness.children import run_child

from indexguard.audit.event import EventFields
from indexguard.audit.place import rotated_files
from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from indexguard.audit.shortening import shorten
from indexguard.audit.sinks import format_syslog
from indexguard.audit.writer import LONGEST_LINE, AuditLog
from indexguard.logs import chain
from indexguard.logs.chain import Verification, Verifier
from indexguard.logs.copies import Copies
from indexguard.logs.opening import LogError, list_logs
from indexguard.policy.log import LogSettings, SyslogAddress
from support.memory import SOURCE, measure

Lines = list[bytes]
ADDRESS = SyslogAddress("unix", "/dev/log")


def write_runs(path: Path, *sizes: int, **settings: Any) -> None:
    """Write runs of so many events each, their seals included."""
    for size in sizes:
        recorder = Recorder(RunContext.of_process("26.3", argv=["pip"]), path, LogSettings(**settings))
        for number in range(size - 1):
            recorder.record("selected", None, EventFields(name=f"name-{number}"))
        recorder.seal(0)
        assert recorder.problem is None


def verify(*paths: Path, copies: Lines | None = None) -> Verification:
    kept = Copies()
    if copies is not None:
        kept.add("copy", copies)
    return Verifier(kept).read(paths)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "log" / "audit.jsonl"
    write_runs(found, 3, 4)
    return found


def change(path: Path, alter: Callable[[Lines], object]) -> None:
    lines = path.read_bytes().splitlines()
    alter(lines)
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def compress(path: Path) -> Path:
    found = path.with_name(f"{path.name}.gz")
    found.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return found


def test_log_that_nobody_has_touched(path: Path) -> None:
    for paths in ([path], [path.parent]):
        found = verify(*paths)
        assert found.is_whole
        assert (found.files, found.lines, found.events, found.torn, found.runs) == (1, 7, 7, 0, 2)
        assert found.unsealed == []


def test_changed_line(path: Path) -> None:
    for number in range(6):
        other = path.with_name("other.jsonl")
        shutil.copy2(path, other)

        def alter(lines: Lines, number: int = number) -> None:
            lines[number] = lines[number].replace(b"26.3", b"26.4")

        change(other, alter)
        found = verify(other)
        assert [(fault.path, fault.line) for fault in found.breaks] == [(other, number + 2)]
        assert "changed" in str(found.breaks[0])


@pytest.mark.parametrize("number", range(6))
def test_removed_line(path: Path, number: int) -> None:
    change(path, lambda lines: lines.pop(number))
    found = verify(path)
    assert found.breaks[0].line == number + 1
    assert not found.is_whole


@pytest.mark.parametrize("number", range(7))
def test_inserted_line(path: Path, number: int) -> None:
    change(path, lambda lines: lines.insert(number, lines[3]))
    assert not verify(path).is_whole


@pytest.mark.parametrize("number", range(6))
def test_lines_in_another_order(path: Path, number: int) -> None:
    def swap(lines: Lines) -> None:
        lines[number], lines[number + 1] = lines[number + 1], lines[number]

    change(path, swap)
    assert not verify(path).is_whole


@pytest.mark.parametrize("seal", [{"events": 77, "exit": 0}, {"exit": 0}, None])
def test_seal_that_counts_other_events_than_there_are(tmp_path: Path, seal: object) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    event = {"schema": 1, "time": "2026-11-26T04:00:00.000Z", "run": "ab"}
    log.write({**event, "seq": 1, "event": "selected"})
    log.write({**event, "seq": 2, "event": "sealed", "seal": seal})
    (found,) = verify(tmp_path).breaks
    assert (found.line, found.text) == (2, "the seal of run ab does not stand for the 2 events that it has")


def test_shortened_event_of_a_copy_must_be_in_the_log(path: Path) -> None:
    lines = path.read_bytes().splitlines()
    copies = [format_syslog(shorten(line, json.loads(line), 1000), {}, ADDRESS) for line in lines]
    assert verify(path, copies=copies).is_whole
    change(path, lambda found: found.pop())
    (missing,) = verify(path, copies=copies).missing
    assert missing.endswith("4  sealed")
    found = verify(path, copies=[b'{"shortened":3,"sha256":7}', b'{"shortened":x', b'{"shortened":'])
    assert (found.is_changed, found.empty) == (False, ["copy"])


def test_end_that_is_missing_is_shown_by_the_seal_that_is_missing(path: Path) -> None:
    for left, unsealed in ((6, 1), (5, 1), (4, 1), (3, 0), (2, 1)):
        change(path, lambda lines, left=left: lines.__delitem__(slice(left, None)))  # type: ignore[misc]  # a default
        found = verify(path)
        assert found.is_whole
        assert len(found.unsealed) == unsealed, left


def test_end_that_is_missing_is_shown_by_a_copy(path: Path) -> None:
    sent = [
        b"<86>1 2026-11-26T04:00:00.000Z host indexguard 12 sealed - " + line for line in path.read_bytes().splitlines()
    ]
    assert verify(path, copies=[*sent, b"something else"]).is_whole
    change(path, lambda lines: lines.__delitem__(slice(3, None)))
    found = verify(path, copies=sent)
    assert not found.is_whole
    assert len(found.missing) == 4
    assert "sealed" in found.missing[-1]


def test_rewritten_log_is_shown_by_a_copy(path: Path) -> None:
    sent = path.read_bytes().splitlines()
    path.unlink()
    write_runs(path, 3, 4)
    assert verify(path).is_whole
    assert len(verify(path, copies=sent).missing) == 7


def test_torn_line_is_counted_and_held(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"schema":1,"time":"20')
    write_runs(path, 2)
    found = verify(path)
    assert found.is_whole
    assert (found.torn, found.events) == (1, 9)
    change(path, lambda lines: lines.pop(7))
    assert not verify(path).is_whole


def test_chain_goes_on_over_full_files(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write_runs(path, 30, 30, max_size=5000)
    rotated = rotated_files(tmp_path)
    assert len(rotated) > 5
    assert verify(tmp_path).is_whole
    assert verify(tmp_path).files == len(rotated) + 1
    assert verify(path, *rotated).is_whole, "named in another order"
    compressed = compress(rotated[2])
    assert verify(tmp_path).is_whole
    compressed.unlink()
    found = verify(tmp_path)
    assert (found.breaks[0].path, found.breaks[0].line) == (rotated[3], 1)
    assert f"the last line of {rotated[1].name}" in str(found.breaks[0])


def test_without_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write_runs(path, 30, max_size=5000)
    assert "is missing" in str(verify(path).breaks[0])


@pytest.mark.parametrize("before", [False, True])
def test_log_that_is_rotated_while_it_is_verified(path: Path, monkeypatch: pytest.MonkeyPatch, before: bool) -> None:
    def rotate() -> None:
        os.rename(path, path.with_name("audit-20261126T040000.000000Z.jsonl"))
        write_runs(path, 2)

    def list_and_rotate(folder: Path) -> list[Path]:
        if before:
            rotate()
        found = list_logs(folder)
        if not before:
            rotate()
        return found

    monkeypatch.setattr(chain, "list_logs", list_and_rotate)
    found = verify(path.parent)
    assert found.is_whole
    assert found.events == 7


def test_file_that_is_being_compressed_counts_once(tmp_path: Path) -> None:
    write_runs(tmp_path / "audit.jsonl", 30, max_size=5000)
    events = verify(tmp_path).events
    for rotated in rotated_files(tmp_path):
        rotated.with_name(f"{rotated.name}.gz").write_bytes(gzip.compress(rotated.read_bytes()))
    found = verify(tmp_path)
    assert found.is_whole
    assert found.events == events


def test_file_that_was_begun_after_a_compressed_one_is_not_called_changed(path: Path) -> None:
    full = path.with_name("audit-20261126T040000.000000Z.jsonl")
    path.rename(full)
    packed = compress(full)
    write_runs(path, 2)
    for paths in ([path.parent], [path, packed]):
        found = verify(*paths)
        assert (found.is_whole, found.events) == (True, 9)
        assert [(remark.path, remark.line) for remark in found.unproven] == [(path, 1)]
        assert "cannot be told" in str(found.unproven[0])
    # All else is found as before, that file's own beginning included.
    change(path, lambda lines: lines.pop(0))
    found = verify(path.parent)
    assert (found.is_whole, found.breaks[0].line, found.unproven) == (False, 1, [])


def test_file_that_was_compressed_later_proves_what_it_proved(path: Path) -> None:
    full = path.with_name("audit-20261126T040000.000000Z.jsonl")
    path.rename(full)
    write_runs(path, 2)
    packed = compress(full)
    found = verify(path.parent)
    assert (found.is_whole, found.unproven) == (True, [])
    packed.write_bytes(gzip.compress(gzip.decompress(packed.read_bytes()) + b"x\n"))
    assert f"the last line of {packed.name}" in str(verify(path.parent).breaks[0])


def test_file_that_goes_on_from_none_although_its_writer_could_have(path: Path) -> None:
    path.rename(path.parent / "other")
    write_runs(path, 2)
    (path.parent / "other").rename(path.with_name("audit-20261126T040000.000000Z.jsonl"))
    found = verify(path.parent)
    assert "it was put behind the last line of audit-2026" in str(found.breaks[0])
    assert found.unproven == []


def test_file_of_a_run_without_the_lock(path: Path) -> None:
    side = AuditLog(path.with_name("audit.77.jsonl"))
    context = RunContext.of_process("26.3", argv=["pip"])
    Recorder(context, side.path).record("selected", None)
    found = verify(path.parent)
    assert found.is_whole
    assert (found.files, found.runs, found.unsealed) == (2, 3, [context.run])
    compress(side.path)
    assert verify(path.parent) == found


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="there is no such file"):
        verify(tmp_path / "audit.jsonl")


def test_damaged_compression(path: Path) -> None:
    whole = gzip.compress(path.read_bytes())
    damaged = path.with_name("audit-20261126T040000.000000Z.jsonl.gz")
    damaged.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LogError, match=f"{damaged.name}: its compressed data is damaged"):
        verify(damaged)


@pytest.mark.parametrize("name", ["audit.jsonl", "audit-20261126T040000.000000Z.jsonl", "audit.77.jsonl", "other"])
def test_named_pipe_is_not_waited_for(path: Path, name: str) -> None:
    pipe = path.with_name(name)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    for named in [pipe, path.parent] if name != "other" else [pipe]:
        with pytest.raises(LogError, match=f"{name}: it is a named pipe"):
            verify(named)


def test_device_is_refused() -> None:
    with pytest.raises(LogError, match="/dev/zero: it is a device"):
        verify(Path("/dev/zero"))


def test_folder_that_may_not_be_read(path: Path) -> None:
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from indexguard.logs.chain import LogError, Verifier\n"
        "if os.geteuid() == 0: os.setgid(54321); os.setuid(54321)  # root may read everything\n"
        "try: print(Verifier().read([Path('log')]))\n"
        "except LogError as error: print(error)\n"
    )
    path.chmod(0o644)
    path.parent.chmod(0o311)
    path.parent.parent.chmod(0o711)
    done = run_child([sys.executable, "-c", script, str(SOURCE)], cwd=path.parent.parent, check=True)
    path.parent.chmod(0o700)
    assert done.stdout == "cannot read the folder log: Permission denied\n"


def test_line_that_is_too_long_is_counted_and_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with path.open("ab") as file:
        file.write(b"x" * 100_000 + b"\n")
    write_runs(path, 2)
    expected = verify(path)
    assert (expected.is_whole, expected.torn, expected.lines) == (True, 1, 10)
    monkeypatch.setattr(chain, "LONGEST_LINE", 10_000)
    assert verify(path) == expected
    change(path, lambda lines: lines.__setitem__(7, lines[7] + b"x"))
    assert [fault.line for fault in verify(path).breaks] == [9]
    change(path, lambda lines: lines.pop(7))
    assert [fault.line for fault in verify(path).breaks] == [8]


def test_memory_does_not_grow_with_a_line(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\n")
        file.truncate(64 * LONGEST_LINE)
    torn, grown = measure("from indexguard.logs.chain import Verifier", "Verifier().read([path]).torn", path)
    assert torn == 2
    assert grown * 1024 < 8 * LONGEST_LINE


def write_lines(path: Path, *events: dict[str, Any]) -> None:
    """Write events whose chain is whole, as somebody who may write the file can make it."""
    log = AuditLog(path)
    for event in events:
        log.write({"schema": 1, "time": "2026-11-26T04:00:00.000Z", **event})
    assert log.problem is None


@pytest.mark.parametrize("numbers", [(1, 3), (2,), (1, 1), (1, 2, 4), (2, 1), (0, 1)])
def test_missing_and_repeated_numbers_of_a_run_are_found_where_the_chain_is_whole(
    tmp_path: Path, numbers: tuple[int, ...]
) -> None:
    path = tmp_path / "other.jsonl"
    write_lines(path, *({"run": "ab", "seq": number, "event": "selected"} for number in numbers))
    found = verify(path)
    assert not found.is_whole
    assert f"event {numbers[found.breaks[0].line - 1]} of run ab follows event" in str(found.breaks[0])


def test_runs_whose_events_take_turns_have_numbers_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    write_lines(path, *({"run": run, "seq": seq, "event": "selected"} for seq in (1, 2, 3) for run in ("ab", "cd")))
    assert verify(path).is_whole


def test_events_of_a_run_that_went_on_in_a_file_of_its_own(tmp_path: Path) -> None:
    write_lines(tmp_path / "audit.jsonl", {"run": "ab", "seq": 1, "event": "selected"})
    write_lines(tmp_path / "audit.ab.jsonl", {"run": "ab", "seq": 2, "event": "selected"})
    assert verify(tmp_path).is_whole
    (tmp_path / "audit.jsonl").write_bytes(b"")
    assert "event 2 of run ab follows event 0" in str(verify(tmp_path).breaks[0])


FULL = """
import resource, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from indexguard.audit.event import EventFields
from indexguard.audit.recorder import Recorder, RunContext
path, rooms = Path(sys.argv[2]), [int(room) for room in sys.argv[3:]]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
recorder = Recorder(RunContext.of_process("26.3", argv=[]), path)
for room in rooms:
    size = path.stat().st_size + room if room >= 0 else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    recorder.record("selected", None, EventFields(name="acme"))
recorder.seal(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit to the size of a file on Windows")
@pytest.mark.parametrize(
    ("rooms", "lost", "torn"),
    [([-1, 0, 0, -1], 2, 0), ([0, 0], 3, 0), ([-1, 100, -1], 1, 1), ([-1, -1], 0, 0), ([0, -1], 1, 0)],
    ids=["in the middle", "to the end", "half a line", "there was room", "at the beginning"],
)
def test_run_that_a_full_disk_cost_events_says_how_many(path: Path, rooms: list[int], lost: int, torn: int) -> None:
    run_child([sys.executable, "-c", FULL, str(SOURCE), str(path), *map(str, rooms)]).check_returncode()
    assert [mark.stat().st_size for mark in path.parent.glob("audit.*.lost")] == ([lost] if lost else [])
    for paths in ([path.parent], [path]):
        found = verify(*paths)
        assert (found.is_whole, sum(found.lost.values()), found.torn) == (True, lost, torn), found


def test_mark_of_loss_excuses_no_removed_line_and_no_further_gap(path: Path) -> None:
    run = json.loads(path.read_bytes().splitlines()[0])["run"]
    mark = path.with_name(f"audit.{run}.lost")
    mark.write_bytes(b"1")
    change(path, lambda lines: lines.pop(1))
    found = verify(path)
    assert "it does not go on from line 1" in str(found.breaks[0])
    other = path.with_name("other.jsonl")
    write_lines(other, *({"run": run, "seq": number, "event": "selected"} for number in (1, 4)))
    assert not verify(other).is_whole
    mark.write_bytes(b"12")
    assert verify(other).is_whole
    write_lines(other, *({"run": run, "seq": number, "event": "selected"} for number in (1, 1)))
    assert not verify(other).is_whole
