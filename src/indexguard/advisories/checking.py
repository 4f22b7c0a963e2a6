"""Who else may write what a source consists of: looked at when its index is made, which costs no run after that."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from ..policy.trust import Trust, find_foreign
from .sources import Check, SourceError


def make_check(source: str, kind: str, *, own: bool = True) -> Check | None:
    """Return what looks at each file and folder of a source, as policy files are looked at.

    :param kind: of the layer that names it.
    :param own: whether it has to belong to those who may own a policy file; else its owner may own all of it, too.
    :return: None on Windows, where owners are not checked in this version.
    """
    trust = Trust.of(None, sys.base_prefix)
    if trust is None:
        return None  # pragma: no cover
    if not own:
        with suppress(OSError):  # whoever reads it says that it is not there
            trust = Trust(trust.euid, trust.owners | {os.stat(source).st_uid})

    def check(what: str, path: str, info: os.stat_result) -> None:
        faults = find_foreign(((what, path, info),), trust, kind)
        if faults:
            raise SourceError(source, f"others may write it: {faults[0].message}")

    return check
