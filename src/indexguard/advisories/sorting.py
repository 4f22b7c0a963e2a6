"""Sorts lines that need not fit into memory; loaded where an index is made."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from heapq import merge
from typing import IO

_IN_MEMORY = 50_000
"""Lines that are sorted at once: usually some ten megabytes."""
_BYTES = 32 * 1024 * 1024
"""Bytes that are, however few lines they are."""


class SortedLines:
    """Takes lines in any order, each with its line end, and gives them back sorted."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0
        self._parts: list[IO[bytes]] = []

    def add(self, line: bytes) -> None:
        """Take one line."""
        self._lines.append(line)
        self._size += len(line)
        if len(self._lines) >= _IN_MEMORY or self._size >= _BYTES:
            self._spill()

    def __iter__(self) -> Iterator[bytes]:
        if not self._parts:
            return iter(sorted(self._lines))
        self._spill()
        for part in self._parts:
            part.seek(0)
        return merge(*self._parts)

    def close(self) -> None:
        """Give all memory and files back."""
        self._lines = []
        for part in self._parts:
            part.close()
        self._parts = []

    def _spill(self) -> None:
        part = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        part.writelines(sorted(self._lines))
        self._parts.append(part)
        self._lines, self._size = [], 0
