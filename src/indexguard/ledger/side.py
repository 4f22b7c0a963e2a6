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


def record(store: Store, sightings: Sequence[Sighting], seconds: float) -> Recorded:
    """Have files remembered, those of side files too; in a side file if others hold the ledger too long.

    :param seconds: how long the transaction may take, beside the wait for others. What there is no time for goes into a
        side file, too.
    :raises LedgerError: they are not remembered.
    """
    waiting = {path: _read(path) for path in find(store.path)}
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


def _read(path: Path) -> list[Sighting]:
    found = []
    with suppress(OSError):  # another one was quicker
        for line in path.read_bytes().splitlines():
            with suppress(ValueError):  # not ours
                found.append(parse_line(line))
    return found


def _put_aside(ledger: Path, sightings: Sequence[Sighting]) -> None:
    """Write a side file, which appears when it is whole.

    :raises LedgerError: there is no room for it.
    """
    if not sightings:
        return
    told = f"the ledger {escape(str(ledger))} had no time to take in all, and"
    content = "".join(sighting.as_line() for sighting in sightings if sighting.is_fit).encode("ascii")
    if len(content) + sum(_size(path) for path in find(ledger)) > MOST_BYTES:
        raise LedgerError(f"{told} too much waits to be taken in")
    try:
        descriptor, scratch = tempfile.mkstemp(prefix=f".{ledger.name}.", dir=ledger.parent)
        with open(descriptor, "wb") as file:
            file.write(content)
        unique = os.path.basename(scratch).rpartition(".")[2]
        os.rename(scratch, ledger.with_name(f"{ledger.name}.{os.getpid()}-{unique}.side"))
    except OSError as error:
        raise LedgerError(f"{told} no side file can be written: {error.strerror}") from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
