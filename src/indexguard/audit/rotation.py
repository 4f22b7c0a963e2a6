"""When a log file is full, and what it is called then; loaded only where a policy limits the log."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .place import rotated_files

_CHUNK = 16 * 1024
_TIME = re.compile(rb'"time":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15})Z"')


def find_name(size: int | None, age: timedelta | None, path: Path, descriptor: int, more: int) -> Path | None:
    """Return the name that the file gets if it is full; None while it may grow.

    :param size: its limit in bytes; None for no limit.
    :param age: since its first line; None for no limit.
    :param more: bytes that are to be added.
    """
    return _rotated_name(path) if _is_full(descriptor, more, size, age) else None


def _is_full(descriptor: int, more: int, limit: int | None, age: timedelta | None) -> bool:
    size = os.fstat(descriptor).st_size
    if size == 0:
        return False
    return (limit is not None and size + more > limit) or (age is not None and _is_older(descriptor, age))


def _is_older(descriptor: int, age: timedelta) -> bool:
    """Tell whether the first line of a file was written longer ago than that; no if it does not say when."""
    try:
        found = _TIME.search(os.pread(descriptor, _CHUNK, 0))
        first = None if found is None else datetime.fromisoformat(found[1].decode("ascii"))
    except (OSError, ValueError):
        return False
    return first is not None and datetime.now(timezone.utc).replace(tzinfo=None) - first > age


def _rotated_name(path: Path) -> Path | None:
    """Return the name that a full file gets: later than all others, whatever the clock says; None if none is."""
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    last = "".join(rotated.name for rotated in rotated_files(path.parent)[-1:])
    # Not strptime, which imports: pip 26.3 refuses that by now.
    day, _, clock = last[len("audit-") :].partition("Z")[0].partition("T")
    written = f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}"
    with suppress(ValueError, OverflowError):  # there is none, it is no time, or the last that there can be
        now = max(now, datetime.fromisoformat(written) + timedelta(microseconds=1))
    name = f"audit-{now:%Y%m%dT%H%M%S}.{now.microsecond:06}Z.jsonl"
    return path.with_name(name) if name > last else None
