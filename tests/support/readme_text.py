"""The README as the tests read it, and the files of the tree."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_MADE = {"__pycache__", "_vendor", "build", "dist"}
"""Names of what .gitignore leaves out, beside what begins with a dot."""
_KEPT = {".ci", ".gitignore"}


def readme() -> str:
    """Return the text of the README."""
    return (ROOT / "README.md").read_text(encoding="utf-8")


def marked(marker: str) -> str:
    """Return what stands between ``<!-- marker -->`` and the next ``<!-- end -->``, without a code fence around it.

    :raises LookupError: the README has no such marker, or more than one.
    """
    parts = readme().split(f"<!-- {marker} -->")
    if len(parts) != 2:  # before and after
        raise LookupError(f"README.md has the marker {marker!r} {len(parts) - 1} times")
    body = parts[1].partition("<!-- end -->")[0].strip("\n")
    fenced = re.fullmatch(r"```\w*\n(.*)\n```", body, re.DOTALL)
    return fenced[1] if fenced else body


def command(name: str) -> str:
    """Return one of the README's two commands, as a shell gets it."""
    lines = marked(f"command: {name}").splitlines()
    return "\n".join(line[4:] for line in lines if line.startswith("    "))


def rows(marker: str) -> list[list[str]]:
    """Return the rows of a marked table as cells, without its heading."""
    lines = marked(marker).splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def tree_files() -> list[Path]:
    """Return every file that belongs to the tree, relative to its root; a file that git has not seen yet counts too."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):  # no git, an unpacked sdist, or a checkout of somebody else's
        return sorted(_walk())
    return sorted({Path(name) for name in done.stdout.split("\0") if name and (ROOT / name).is_file()})


def _walk() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _MADE and (name in _KEPT or not name.startswith("."))]
        names = [name for name in files if not name.endswith(".pyc") and (name in _KEPT or not name.startswith("."))]
        found += [(Path(folder) / name).relative_to(ROOT) for name in names]
    return found
