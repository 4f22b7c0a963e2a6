"""What the audit log costs: an event in pip; ``log summary`` and an engine against a loop that only parses the JSON."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench.processes import run_timed
from integration.bench.ratios import interleave, paired_ratios, spread_of
from integration.bench.report import Result
from integration.bench.served import StaticIndex
from integration.harness.dists import Dist

if TYPE_CHECKING:
    from integration.bench.setting import Setting

LINES = 1_000_000
MACHINES = 10
"""How many logs of so many lines the engine reads."""

_EVENT_CHILD = Path(__file__).parent / "children" / "event_child.py"
_CHILD = Path(__file__).parent / "children" / "log_child.py"
_BARE = """\
import json, sys
def parse(path):
    with open(path, "rb") as file:
        for line in file:
            json.loads(line)
for path in sys.argv[1:]:
    parse(path)
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


def measure_fleet(setting: Setting, lines: int = LINES) -> list[Result]:
    """Time the engine over the logs of several machines, about 8 GB on the disk; it comes from the registry."""
    folder = setting.scratch("fleet")
    library = folder / "library"
    install: list[str | Path] = [
        setting.unguarded.python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--target",
        library,
        "duckdb",
    ]
    subprocess.run(install, check=True)
    environ = {**setting.environ(), "PYTHONPATH": str(library)}
    python = setting.guarded.python
    logs = [folder / "logs" / f"build-{number}" / "audit.jsonl" for number in range(MACHINES)]
    try:
        for log in logs:
            log.parent.mkdir(parents=True)
            subprocess.run([python, _CHILD, log, str(lines)], env=environ, cwd=folder, check=True)
        ask: list[str | Path] = [python, "-m", "indexguard", "log", "summary", "--engine=duckdb", folder / "logs"]
        page: list[str | Path] = [
            python,
            "-m",
            "indexguard",
            "report",
            "--engine=duckdb",
            "-o",
            "page.html",
            folder / "logs",
        ]
        runs = {
            "bare": functools.partial(run_timed, [python, "-c", _BARE, *logs], environ, folder),
            "log summary": functools.partial(run_timed, ask, environ, folder),
            "report": functools.partial(run_timed, page, environ, folder),
        }
        taken = interleave(runs, setting.rounds or 1)
    finally:
        shutil.rmtree(folder / "logs", ignore_errors=True)
    results = []
    for command in ("log summary", "report"):
        what = f"{command} --engine duckdb of {MACHINES * lines:,} lines"
        bare, engine = ([cost.wall for cost in taken[name]] for name in ("bare", command))
        note = f"{spread_of(bare).median:.1f} s -> {spread_of(engine).median:.1f} s (medians)"
        results.append(Result(what, "against json.loads alone (wall time)", paired_ratios(bare, engine), note=note))
    return results
