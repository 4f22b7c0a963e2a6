"""Copies of base interpreters, which may be changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from integration.harness.children import run_child

_NOT_NEEDED = frozenset(("idlelib", "include", "share", "test", "tests", "tkinter", "turtledemo", "__pycache__"))


def copy_base(python: str, root: Path) -> Path:
    """Make a base interpreter that the tests may change, by hard links to a real one, and return its executable.

    It has the real one's pip and nothing else in its site-packages. What is changed must be replaced, never written
    into; the guard's activation and pip do so.

    :raises RuntimeError: it is the system's, whose folders hold everything else, too.
    """
    question = "import sys, os; print(sys.base_prefix); print(os.path.dirname(os.__file__))"
    told = run_child([python, "-I", "-c", question], check=True).stdout
    prefix, stdlib = map(Path, told.split("\n")[:2])
    if prefix == Path("/usr"):
        raise RuntimeError(f"{python} is the system's: its standard library cannot be copied apart from /usr")

    def unneeded(folder: str, names: list[str]) -> set[str]:
        if Path(folder).name == "site-packages":
            return {name for name in names if not name.startswith("pip")}
        return {name for name in names if name in _NOT_NEEDED or name.endswith((".a", ".pyc"))}

    for part in ("bin", stdlib.relative_to(prefix).as_posix()):
        shutil.copytree(prefix / part, root / part, symlinks=True, ignore=unneeded, copy_function=hard_link)
    for library in (prefix / "lib").glob("libpython*"):
        hard_link(library, root / "lib" / library.name)
    return root / "bin" / f"python3.{stdlib.name.partition('.')[2].rstrip('t')}"


def hard_link(source: str | Path, target: str | Path) -> None:
    """Link a file, or copy it where that cannot be."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system
        shutil.copy2(source, target, follow_symlinks=False)
