"""What the audit log costs: an event in pip, and ``log summary`` against a loop that only parses the JSON of the file."""

from __future__ import annotations

import functools
import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench.processes import run_timed
from integration.bench.ratios import interleave, paired_ratios, spread_of
from integration.bench.report import Result
from integration.bench.served import StaticIndex
from integration.dists import Dist

if TYPE_CHECKING:
    from integration.bench.setting import Setting

LINES = 1_000_000

_EVENT_CHILD = Path(__file__).with_name("event_child.py")
_CHILD = Path(__file__).with_name("log_child.py")
_BARE = """\
import json, sys
def parse(path):
    with open(path, "rb") as file:
        for line in file:
            json.loads(line)
parse(sys.argv[1])
"""


def measure_event(setting: Setting) -> list[Result]:
    """Time each event in a process of its own, of few files and of as many as an event lists; and what a pip run spends."""
    folder = setting.scratch("event")
    results, medians = [], {}
    for files, target in ((3, 200), (50, None)):
        command: list[str | Path] = [
            setting.guarded.python,
            _EVENT_CHILD,
            folder / f"{files}.jsonl",
            "2000",
            str(files),
        ]
        done = subprocess.run(command, env=setting.environ(), cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
        spread = spread_of([seconds * 1e6 for seconds in json.loads(done.stdout)])
        medians[files] = spread.median
        results.append(Result("an event in the audit log", f"{files} files", spread, target, unit=" us", digits=0))
    return [*results, _share_of_a_run(setting, folder, medians[3])]


def _share_of_a_run(setting: Setting, folder: Path, microseconds: float) -> Result:
    """Return what the events of one guarded download take, as a percentage of it."""
    with StaticIndex([Dist("acme-core", "1.0", "corp")]) as index:
        text = f'[indexes.corp]\nurl = "{index.url}"\nnamespaces = ["acme"]\n[log]\nsinks = ["stderr"]\n'
        policy = setting.write_policy("event", text)
        command: list[str | Path] = [
            setting.guarded.python,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--no-cache-dir",
            "--quiet",
        ]
        command += [f"--dest={folder / 'got'}", f"--index-url={index.url}", "acme-core"]
        counts, shares = [], []
        for _ in range(setting.rounds or 7):
            started = time.perf_counter()
            done = subprocess.run(
                command, env=setting.environ(policy), cwd=folder, capture_output=True, text=True, check=True
            )
            took = time.perf_counter() - started
            counts.append(sum(line.startswith('{"schema":') for line in done.stderr.splitlines()))
            shares.append(100 * counts[-1] * microseconds / 1e6 / took)
    note = f"{counts[0]} events of {microseconds:.0f} us"
    return Result("an event in the audit log", "all of a small download", spread_of(shares), 1, unit=" %", note=note)


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
