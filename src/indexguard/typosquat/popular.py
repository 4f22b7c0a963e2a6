"""The list of popular names that comes with the guard."""

from __future__ import annotations

import os
from functools import lru_cache

from .names import Names

LIST = os.path.join(os.path.dirname(__file__), "popular-names.txt")
"""The most downloaded project names of the public index; its first line says where it is from."""
PREPARED = os.path.join(os.path.dirname(__file__), "popular-names.bin")
"""What the build of the wheel makes of it (``preparation``); the source tree has none."""


@lru_cache(maxsize=1)
def popular_names() -> Names:
    """Return it, prepared."""
    try:
        with open(PREPARED, "rb") as file:
            return Names(file.read())
    except (OSError, ValueError):
        from .preparation import prepare, read_list  # noqa: PLC0415  # a source tree has nothing prepared

        return Names(prepare(read_list(LIST)))
