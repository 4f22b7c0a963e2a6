"""What a log file may be, and lines of any length."""

from __future__ import annotations

import gzip
import os
from hashlib import sha256
from pathlib import Path

import pytest

from indexguard.logs import opening
from indexguard.logs.opening import LongLine, list_logs, open_file, open_or_compressed, read_lines


def long_line(text: bytes) -> LongLine:
    return LongLine(sha256(text).hexdigest())


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"a\n\nb\n", [b"a\n", b"\n", b"b\n"]),
        (b"a\nb", [b"a\n", b"b"]),
        (b"1234567\nb\n", [b"1234567\n", b"b\n"]),
        (b"12345678\nb\n", [long_line(b"12345678"), b"b\n"]),
        (b"a\n" + b"1234567890" * 9 + b"\nb\n", [b"a\n", long_line(b"1234567890" * 9), b"b\n"]),
        (b"a\n" + b"12345678" * 2, [b"a\n", long_line(b"12345678" * 2)]),
    ],
)
def test_lines_of_any_length(tmp_path: Path, pack: type[bytes], content: bytes, expected: list[object]) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(pack(content))
    with open_file(path) as file:
        assert list(read_lines(file, 8)) == expected


def test_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "audit.jsonl")
    with pytest.raises(OSError, match="it is a named pipe"):
        open_file(tmp_path / "audit.jsonl")


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no /dev/fd here")
def test_pipe_of_a_shell_is_read() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb"), open(writing, "wb") as pipe:
        pipe.write(b"a\nb\n")
        pipe.close()
        with open_file(Path(f"/dev/fd/{reading}")) as file:
            assert list(read_lines(file)) == [b"a\n", b"b\n"]


def test_device_is_refused_and_nothing_is_empty() -> None:
    with pytest.raises(OSError, match="it is a device"):
        open_file(Path("/dev/zero"))
    with open_file(Path(os.devnull)) as file:
        assert list(read_lines(file)) == []


def test_file_that_was_compressed_since_it_was_listed(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.with_name("audit.jsonl.gz").write_bytes(gzip.compress(b"a\n"))
    with open_or_compressed(path) as file:
        assert list(read_lines(file)) == [b"a\n"]


def test_file_that_is_being_compressed_is_listed_once(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.jsonl.gz", "b.jsonl.gz", "c.txt", ".d.jsonl"):
        (tmp_path / name).touch()
    assert list_logs(tmp_path) == [tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"]


@pytest.mark.parametrize("tail", [b"\x1f\x8b\x08", b"something else"])
def test_damaged_compression(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "audit.jsonl.gz"
    path.write_bytes(gzip.compress(b"a\n") + tail)
    with open_file(path) as file, pytest.raises(OSError, match="its compressed data is damaged or cut off"):
        list(read_lines(file))


def test_every_refusal_has_a_reason(tmp_path: Path) -> None:
    assert str(opening.unreadable(tmp_path, FileNotFoundError(2, "x"))).endswith(f"{tmp_path}: there is no such file")
    assert opening.explain(OSError()) == "OSError"
    assert opening.explain(OSError("only words")) == "only words"
    assert opening.explain(ValueError("embedded null byte")) == "embedded null byte"
