"""Where the audit log lies, and what its files are called: the one door to ``platformdirs`` for the log."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from .._vendor.platformdirs import user_log_path

FILE_NAME = "audit.jsonl"

SYSTEM_FOLDER = Path("/var/log/indexguard")

NO_HOME = "this user has no home folder (HOME is not set)"

_ROTATED = re.compile(r"audit-([0-9]{8}T[0-9]{6}\.[0-9]{6})Z\.jsonl(?:\.gz)?")


def log_path() -> Path:
    """Return where this user's audit log is: ``/var/log/indexguard`` for root, the user's log folder otherwise.

    No variable of ours moves it. Never raises; where the user has no home the path is not absolute, and ``AuditLog``
    reports that at the first write.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return SYSTEM_FOLDER / FILE_NAME
    return user_log_path("indexguard", appauthor=False) / FILE_NAME


def mark_of_loss(log: Path, run: str) -> Path:
    """Return where a run says that the log has not taken all its events: an empty file, as long as events are lost.

    It has a length and no content, so that there is room for it on a full disk.
    """
    return log.with_name(f"audit.{run}.lost")


def is_rotated(path: Path) -> bool:
    """Tell whether a file was full, by its name."""
    return _ROTATED.fullmatch(path.name) is not None


def rotated_files(folder: Path) -> list[Path]:
    """Return the files of a folder that were full, the oldest first; none where the folder cannot be read."""
    try:
        names = without_copies(os.listdir(folder))
    except OSError:
        return []
    return [folder / name for name in sorted(names) if _ROTATED.fullmatch(name)]


def without_copies(names: Iterable[str]) -> set[str]:
    """Return the names without those of compressed files that are there uncompressed too, as while ``gzip`` works."""
    found = set(names)
    return {name for name in found if not (name.endswith(".gz") and name[: -len(".gz")] in found)}
