"""What ``log summary`` costs, against a loop that only parses the JSON of the same file."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench.processes import run_timed
from integration.bench.ratios import interleave, paired_ratios, spread_of
from integration.bench.report import Result

if TYPE_CHECKING:
    from integration.bench.setting import Setting

LINES = 1_000_000

_CHILD = Path(__file__).with_name("log_child.py")
_BARE = """\
import json, sys
def parse(path):
    with open(path, "rb") as file:
        for line in file:
            json.loads(line)
parse(sys.argv[1])
"""


def measure_log(setting: Setting, lines: int = LINES) -> list[Result]:
    """Time both as processes of the same Python, over one file of about a gigabyte, which is in the cache."""
    folder = setting.scratch("log")
    log = folder / "audit.jsonl"
    python = setting.guarded.python
    environ = setting.environ()
    subprocess.run([python, _CHILD, log, str(lines)], env=environ, cwd=folder, check=True)
    try:
        runs = {
            "bare": functools.partial(run_timed, [python, "-c", _BARE, log], environ, folder),
            "summary": functools.partial(
                run_timed, [python, "-m", "indexguard", "log", "summary", log], environ, folder
            ),
        }
        taken = interleave(runs, setting.rounds or 5)
        size = log.stat().st_size
    finally:
        log.unlink()
    what = f"log summary of {lines:,} lines"
    results = []
    for measure in ("wall", "cpu"):
        bare, summary = ([getattr(cost, measure) for cost in taken[name]] for name in ("bare", "summary"))
        note = f"{spread_of(bare).median:.1f} s -> {spread_of(summary).median:.1f} s (medians), {size / 1e6:.0f} MB"
        words = "wall time" if measure == "wall" else "CPU"
        results.append(
            Result(what, f"against json.loads alone ({words})", paired_ratios(bare, summary), 1.5, note=note)
        )
    return results
