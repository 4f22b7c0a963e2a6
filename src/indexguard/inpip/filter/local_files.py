"""Files of this machine that pip's finder meets: loaded with the first one."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..objects import Link


def is_bundled(link: Link) -> bool:
    """Tell whether a local file is one of the wheels bundled in ``ensurepip``, which are always allowed."""
    spec = importlib.util.find_spec("ensurepip")
    if spec is None or spec.origin is None:
        return False
    bundled = os.path.join(os.path.dirname(spec.origin), "_bundled", link.filename)
    if not os.path.isfile(bundled):
        return False
    from filecmp import cmp  # few meet such a file

    return cmp(bundled, link.file_path, shallow=False)
