"""Log files as one finds and opens them, plain or gzip: none makes a reader wait for ever, and no line fills the memory.

For the command line: inside pip nothing reads logs so, and ``gzip`` need not be imported there.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ..audit.place import without_copies

MAX_LINE = 2 * 1024 * 1024
"""Bytes of a line, more than any event has: a log that someone else filled must not fill the memory."""

ENDINGS = (".jsonl", ".jsonl.gz")
"""Of the names of logs."""
GZIP = b"\x1f\x8b"
_BUFFER = 256 * 1024
_DESCRIPTORS = (Path("/dev/fd"), Path("/proc/self/fd"))


class LogError(Exception):
    """A log that was named cannot be read; the text says which and why."""


@dataclass(frozen=True)
class LongLine:
    """A line that was too long to be kept."""

    digest: str
    """What the next line should say of it: see ``writer.digest``."""


def list_logs(folder: Path) -> list[Path]:
    """Return the logs in a folder, sorted; a compressed one that is there uncompressed too is left out.

    :raises OSError: the folder cannot be read.
    """
    names = without_copies(os.listdir(folder))
    return [folder / name for name in sorted(names) if name.endswith(ENDINGS) and not name.startswith(".")]


def find_logs(folder: Path) -> tuple[list[Path], list[tuple[Path, OSError]]]:
    """Return the logs in a folder at any depth, as ``list_logs`` does; and the folders below that cannot be read, with why.

    Links to folders are not followed.

    :raises OSError: the folder itself cannot be read.
    """
    found = list_logs(folder)
    unread: list[tuple[Path, OSError]] = []
    below: list[Path] = []
    for place, folders, _ in os.walk(folder, onerror=lambda error: unread.append((Path(error.filename), error))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below += [Path(place, name) for name in folders if not os.path.islink(os.path.join(place, name))]
    for each in below:
        with suppress(OSError):  # noted above
            found += [path for path in list_logs(each) if path.is_file()]
    return [path for path in found if not path.is_dir()], unread


def may_wait(path: Path) -> bool:
    """Tell whether to open a file may mean to wait for ever: it is a named pipe, and none of a shell's ``<(command)``.

    :raises OSError: it cannot be looked at.
    """
    return path.is_fifo() and path.parent not in _DESCRIPTORS


def open_file(path: Path) -> io.BufferedReader:
    """Open a file to read its bytes; see ``may_wait``.

    :raises OSError: it cannot be opened, or is none that can be read to an end.
    :raises ValueError: no file has such a name.
    """
    if may_wait(path):
        raise OSError(0, "it is a named pipe")
    file: io.BufferedReader = io.BufferedReader(io.FileIO(os.fspath(path)), _BUFFER)
    kind = stat.S_IFMT(os.fstat(file.fileno()).st_mode)
    if kind in (stat.S_IFBLK, stat.S_IFCHR) and path != Path(os.devnull):
        file.close()
        raise OSError(0, "it is a device")
    return file


def open_or_compressed(path: Path) -> io.BufferedReader:
    """Open a file that was listed, and may have been compressed since.

    :raises OSError: as of ``open_file``.
    :raises ValueError: as of ``open_file``.
    """
    try:
        return open_file(path)
    except FileNotFoundError:
        return open_file(path.with_name(f"{path.name}.gz"))


def read_lines(file: io.BufferedReader, longest: int = MAX_LINE) -> Iterator[bytes | LongLine]:
    """Yield the lines of a file, unpacked where it is compressed, with their ends.

    :param longest: bytes of a line with its end; what is longer is read and not kept.
    :raises OSError: the file cannot be read to its end.
    """
    with ExitStack() as stack:
        lines = file
        try:
            if file.peek(len(GZIP))[: len(GZIP)] == GZIP:
                unpacked = stack.enter_context(gzip.GzipFile(fileobj=file))
                lines = stack.enter_context(io.BufferedReader(unpacked, _BUFFER))
            yield from _bounded_lines(lines, longest)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise OSError(0, "its compressed data is damaged or cut off") from None


def read_named(
    path: Path, longest: int = MAX_LINE, opened: io.BufferedReader | None = None
) -> Iterator[bytes | LongLine]:
    """Yield the lines of a file that was named or listed; see ``read_lines``.

    :param opened: the file, if it is open.
    :raises LogError: it cannot be read to its end.
    """
    try:
        with opened or open_or_compressed(path) as file:
            yield from read_lines(file, longest)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


def _bounded_lines(file: BinaryIO, longest: int) -> Iterator[bytes | LongLine]:
    readline = file.readline
    while line := readline(longest):
        if len(line) == longest and line[-1:] != b"\n":
            yield _pass_over(line, file)
        else:
            yield line


def _pass_over(piece: bytes, file: BinaryIO) -> LongLine:
    """Read a line to its end, in pieces."""
    longest, hashed = len(piece), sha256()
    while piece and piece[-1:] != b"\n":
        hashed.update(piece)
        piece = file.readline(longest)
    hashed.update(piece[:-1])
    return LongLine(hashed.hexdigest())


def unreadable(path: Path, error: OSError | ValueError) -> LogError:
    """Return the error about a log that was named."""
    why = "there is no such file" if isinstance(error, FileNotFoundError) else explain(error)
    return LogError(f"cannot read the audit log {path}: {why}")


def explain(error: OSError | ValueError) -> str:
    """Return why a file could not be read, without its path."""
    told = error.strerror if isinstance(error, OSError) else None
    return told or str(error) or type(error).__name__
