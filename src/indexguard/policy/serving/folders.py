"""Folders that the guard makes for what a policy has it keep: ledgers, indexes of advisories."""

from __future__ import annotations

import os

_OPEN = 0o755
"""Everybody may search it; only its owner writes."""


def make_folder(folder: str) -> None:
    """Make a folder, and those above it, where there is none: root's may be searched by everybody, whatever the umask is.

    :param folder: absolute. Another user's is for that user alone.
    :raises OSError: the system refuses.
    """
    missing = []
    place = folder
    while not os.path.isdir(place) and place != os.path.dirname(place):
        missing.append(place)
        place = os.path.dirname(place)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    for place in reversed(missing):
        try:
            os.mkdir(place, 0o700 if place == folder else 0o777)
        except FileExistsError:  # another one was quicker
            continue
        if is_root:
            os.chmod(place, _OPEN)
