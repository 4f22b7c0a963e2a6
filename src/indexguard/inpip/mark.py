"""The mark that a pip gives to the pips that it starts for build requirements; it can only narrow what these may do."""

from __future__ import annotations

import os

MARK = "_INDEXGUARD_PARENT"
"""The environment variable of the mark: the parent's run id, whose the requirements are, the file to report refusals in;
colons between them."""
REQUESTED = "requested"
"""Whose they are: a local project's that the user requested. Any other word: some distribution's."""


def parent_run() -> str | None:
    """Return the id of the run that started this pip for build requirements, or None."""
    mark = os.environ.get(MARK)
    return None if mark is None else mark.partition(":")[0]


def takes_requests() -> bool:
    """Tell whether this pip's root requirements are the user's: not if a parent started it for a distribution's build."""
    mark = os.environ.get(MARK)
    return mark is None or mark.split(":")[1:2] == [REQUESTED]
