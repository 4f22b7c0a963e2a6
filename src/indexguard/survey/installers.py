"""Whether the packages of an environment came by an installer that no guard in pip sees: uv, on its own or in other tools.

pipx and hatch take uv where one is on PATH.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..interpreters.discovery import is_environment

_UV = "uv"


def find_uv(path: str) -> str | None:
    """Return what shows that uv made a virtual environment, or installed into it; None where nothing does. Never raises.

    :param path: the environment's folder, or its Python.
    """
    root = Path(os.path.abspath(path))
    root = root if root.is_dir() else root.parent.parent
    if not is_environment(root):
        return None
    packages = sorted(root.glob("lib/*/site-packages/*.dist-info/INSTALLER"))
    installed = sum(_read(file).strip() == _UV for file in packages)
    if installed:
        return f"the installer of {installed} of its {len(packages)} packages is uv, which no guard in pip sees"
    # uv writes its version into the file of each environment that it makes.
    keys = [line.partition("=")[0].strip() for line in _read(root / "pyvenv.cfg").splitlines()]
    return "uv made it: the installer may be uv, which no guard in pip sees" if _UV in keys else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""
