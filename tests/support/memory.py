"""How much memory a piece of work takes, in a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from integration.harness.children import run_child

import indexguard

SOURCE = Path(indexguard.__file__).parents[1]


def measure(imports: str, work: str, path: Path) -> tuple[int, int]:
    """Return the number that some work on a path has found, and by how many KiB the process has grown.

    :param imports: what is loaded before.
    :param work: an expression, in which ``path`` is the path.
    """
    code = (
        f"import resource, sys; from pathlib import Path; {imports}\n"
        "path = Path(sys.argv[1])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"print({work})\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    environ = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = run_child([sys.executable, "-c", code, path], env=environ, check=True)
    found, grown = map(int, done.stdout.split())
    return found, grown
