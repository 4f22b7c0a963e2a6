"""Side files: what a pip has seen while others held the ledger too long. Whoever writes the ledger next takes them in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import escape
from .sighting import LedgerError, Sighting, parse_line
from .store import BusyError, Recorded, Store

MOST_BYTES = 16 * 2**20
"""Of all side files of a ledger."""
AT_ONCE = 2 * 2**20
"""Bytes of side files that one run writes, or takes in."""


def record(store: Store, sightings: Sequence[Sighting], seconds: float) -> Recorded:
    """Have files remembered, those of side files too; in a side file if others hold the ledger too long.

    :param seconds: how long the transaction may take, beside the wait for others. What there is no time for goes into a
        side file, too.
    :raises LedgerError: none of them is remembered.
    """
    waiting = _read_some(find(store.path))
    try:
        # What has waited was seen first.
        recorded = store.record([*(it for found in waiting.values() for it in found), *sightings], seconds)
    except BusyError:
        _put_aside(store.path, sightings)
        return Recorded()
    left = set(recorded.left)
    for path, found in waiting.items():
        if left.isdisjoint(found):
            with suppress(OSError):  # another one was quicker
                path.unlink()
    _put_aside(store.path, [sighting for sighting in sightings if sighting in left])
    return recorded


def find(ledger: Path) -> list[Path]:
    """Return the side files of a ledger; none where its folder cannot be read."""
    beginning, end = f"{ledger.name}.", ".side"
    try:
        names = os.listdir(ledger.parent)
    except OSError:
        return []
    return [ledger.with_name(name) for name in sorted(names) if name.startswith(beginning) and name.endswith(end)]


def _read_some(files: Sequence[Path]) -> dict[Path, list[Sighting]]:
    """Return what the first files hold: no run takes in more than it has time for."""
    found: dict[Path, list[Sighting]] = {}
    room = AT_ONCE
    for path in files:
        room -= _size(path)
        if found and room < 0:
            break
        found[path] = _read(path)
    return found


def _read(path: Path) -> list[Sighting]:
    found = []
    with suppress(OSError):  # another one was quicker
        for line in path.read_bytes().splitlines():
            with suppress(ValueError):  # not ours
                found.append(parse_line(line))
    return found


def _put_aside(ledger: Path, sightings: Sequence[Sighting]) -> None:
    """Write a side file, which appears when it is whole. What there is no room for will be seen again.

    :raises LedgerError: no file can be written.
    """
    room = min(AT_ONCE, MOST_BYTES - sum(map(_size, find(ledger))))
    lines = []
    for sighting in sightings:
        line = sighting.as_line().encode("ascii") if sighting.is_fit else b""
        room -= len(line)
        if room < 0:
            break
        lines.append(line)
    if not any(lines):
        return
    try:
        descriptor, scratch = tempfile.mkstemp(prefix=f".{ledger.name}.", dir=ledger.parent)
        with open(descriptor, "wb") as file:
            file.writelines(lines)
        unique = os.path.basename(scratch).rpartition(".")[2]
        os.rename(scratch, ledger.with_name(f"{ledger.name}.{os.getpid()}-{unique}.side"))
    except OSError as error:
        told = f"the ledger {escape(str(ledger))} is in use by others for too long"
        raise LedgerError(f"{told}, and no file can be written beside it: {error.strerror}") from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
