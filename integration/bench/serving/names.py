"""What it costs to tell whether a name is nearly another one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench.ratios import spread_of
from integration.bench.report import Result

if TYPE_CHECKING:
    from integration.bench.setting import Setting

_CHILD = Path(__file__).parent.parent / "children" / "names_child.py"


def measure_names(setting: Setting) -> list[Result]:
    """Time the look at names of every kind, in the list of popular names that the wheel brings."""
    command: list[str | Path] = [setting.guarded.python, _CHILD, str(setting.rounds or 11)]
    folder = setting.scratch("names")
    done = subprocess.run(command, env=setting.environ(), cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    taken: dict[str, list[float]] = json.loads(done.stdout)
    rows = []
    for kind, seconds in taken.items():
        target = None if kind == "reading the list" else 200
        spread = spread_of([value * 1e6 for value in seconds])
        rows.append(Result("is a name nearly another one", f"{kind} (CPU)", spread, target, unit=" us", digits=1))
    return rows
