"""Whether a project's own lock has a name: then somebody has decided for it."""

from __future__ import annotations

import os
import re
import stat

_LOCKS = re.compile(r"pylock(\.[^.]+)?\.toml|uv\.lock|poetry\.lock|pdm\.lock")
_NAME = re.compile(r'^[ \t]*name[ \t]*=[ \t]*["\']([A-Za-z0-9._-]+)["\']', re.MULTILINE)
_SEPARATORS = re.compile(r"[-_.]+")
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
"""Opening a named pipe would otherwise wait for a writer."""
_LARGEST = 16 * 1024 * 1024


def is_locked(name: str, folder: str) -> bool:
    """Tell whether a lock file in a folder names a project. A file that cannot be read names none.

    :param name: normalised.
    :param folder: the project's; pip's current one.
    """
    try:
        files = sorted(it for it in os.listdir(folder) if _LOCKS.fullmatch(it))
    except OSError:
        return False
    return any(name in _names_in(os.path.join(folder, file)) for file in files)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAIT)


def _names_in(path: str) -> set[str]:
    try:
        with open(path, encoding="utf-8", errors="replace", opener=_open) as file:
            text = file.read(_LARGEST) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else ""
    except OSError:
        return set()
    return {_SEPARATORS.sub("-", found).lower() for found in _NAME.findall(text)}
