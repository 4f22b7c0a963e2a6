"""What every start of Python pays, and what pip pays where it looks for nothing."""

from __future__ import annotations

import functools
import subprocess
from typing import TYPE_CHECKING

from integration.bench.processes import count_instructions, find_valgrind, import_times, run_timed
from integration.bench.ratios import Cost, interleave, paired_ratios, spread_of
from integration.bench.report import Result
from integration.machines.bases import copy_base

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from integration.bench.setting import Setting
    from integration.harness.pips import Environment

_START = "python -c pass"
_CODEC = "encodings.utf_8_sig"
_OURS = "_indexguard_hook"


def measure_startup(setting: Setting) -> list[Result]:
    """Compare ``python -c pass`` with the same start where the .pth does nothing, or is not there."""
    folder = setting.scratch("startup")
    environ = setting.environ()
    no_writing = {**environ, "PYTHONDONTWRITEBYTECODE": "1"}
    variants: dict[str, tuple[Environment, dict[str, str]]] = {
        "none": (setting.unguarded, environ),
        "nothing": (setting.does_nothing, environ),
        "guarded": (setting.guarded, environ),
        "no bytecode": (setting.no_bytecode, no_writing),
    }
    runs = {
        name: functools.partial(run_timed, [venv.python, "-c", "pass"], variables, folder)
        for name, (venv, variables) in variants.items()
    }
    costs = interleave(runs, setting.rounds or 200)
    results = []
    for what, base, other, target in (
        (f"{_START}, against a .pth that does nothing", "nothing", "guarded", 1.05),
        (f"{_START}, against no .pth", "none", "guarded", None),
        (f"{_START}, without bytecode, against a .pth that does nothing", "nothing", "no bytecode", None),
    ):
        results += time_rows(what, costs[base], costs[other], wall=target)
        counts = {name: _count_start(setting, *variants[name], folder) for name in (base, other)}
        results.append(instruction_row(what, counts[base], counts[other], 1.03 if target else None))
    return results


def measure_activated(setting: Setting) -> list[Result]:
    """Compare a start in an environment of an activated interpreter with one whose ``sitecustomize`` does nothing."""
    folder = setting.scratch("activated")
    environ = setting.environ()
    pythons = {name: _make_activated(setting, folder / name, name) for name in ("none", "nothing", "activated")}
    runs = {
        name: functools.partial(run_timed, [python, "-c", "pass"], environ, folder) for name, python in pythons.items()
    }
    costs = interleave(runs, setting.rounds or 200)
    results = []
    for base, words, target in (("nothing", "one that does nothing", 1.05), ("none", "no sitecustomize", None)):
        what = f"{_START} in an environment, activated, against {words}"
        results += time_rows(what, costs[base], costs["activated"], wall=target)
        counts = [
            count_all([pythons[name], "-c", "pass"], environ, folder, 3) if setting.with_valgrind else None
            for name in (base, "activated")
        ]
        results.append(instruction_row(what, counts[0], counts[1], 1.03 if target else None))
    added = {
        name: {path[-1] for path, _ in import_times(python, ["-c", "pass"], environ, folder)}
        for name, python in pythons.items()
    }
    new = added["activated"] - added["none"]
    listed = "added: " + (", ".join(sorted(new)) or "none")
    return [*results, Result("modules added by activation", "all", spread_of([len(new)]), 2, digits=0, note=listed)]


def _make_activated(setting: Setting, folder: Path, kind: str) -> Path:
    """Make a base interpreter of its own and an environment of it, and return the environment's Python."""
    base = copy_base(str(setting.guarded.python), folder / "base")
    (stdlib,) = (folder / "base").glob("lib/python3*")
    environ = setting.environ()
    if kind == "activated":
        command = [str(setting.guarded.python), "-m", "indexguard", "activate", "--python", str(base)]
        subprocess.run(command, env=environ, check=True, capture_output=True)
    elif kind == "nothing":
        (stdlib / "sitecustomize.py").write_text("import sys\n", encoding="utf-8")
    root = folder / "venv"
    subprocess.run([base, "-m", "venv", "--without-pip", root], env=environ, check=True)
    python = root / "bin" / "python"
    subprocess.run([python, "-c", "pass"], env=environ, check=True)  # what is compiled at the first start
    return python


def measure_modules(setting: Setting) -> list[Result]:
    """List the modules that the guard adds to a start (``-X importtime``)."""
    folder = setting.scratch("modules")
    arguments = ["-c", "pass"]
    with_guard, without = (
        {path[-1] for path, _ in import_times(venv.python, arguments, setting.environ(), folder)}
        for venv in (setting.guarded, setting.unguarded)
    )
    added = with_guard - without
    allowed = {_CODEC} if _minor(setting) >= 13 else set()
    ours = {name for name in added if name == _OURS or name.partition(".")[0] == "indexguard"}
    foreign = added - ours - allowed
    listed = "added: " + (", ".join(sorted(added)) or "none")
    what = "modules added at start-up"
    return [
        Result(what, "ours", spread_of([len(ours)]), 2, digits=0, note=listed),
        Result(what, f"others (but {_CODEC} on 3.13 and later)", spread_of([len(foreign)]), 0, digits=0),
    ]


def measure_idle_pip(setting: Setting) -> list[Result]:
    """Compare pip commands that look for nothing."""
    results = []
    folder = setting.scratch("idle-pip")
    for option in ("--version", "list"):
        arguments = ["-m", "pip", option]
        results += compare_pips(setting, f"pip {option}", arguments, setting.environ(), folder, target=1.03, rounds=30)
    return results


def compare_pips(
    setting: Setting,
    what: str,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    *,
    target: float | None,
    rounds: int,
) -> list[Result]:
    """Compare one command of the guarded and of the unguarded pip; ``target`` is for wall time and for CPU time."""
    venvs = {"unguarded": setting.unguarded, "guarded": setting.guarded}
    runs = {
        name: functools.partial(run_timed, [venv.python, *arguments], environ, folder) for name, venv in venvs.items()
    }
    costs = interleave(runs, setting.rounds or rounds)
    results = time_rows(what, costs["unguarded"], costs["guarded"], wall=target, cpu=target)
    if setting.with_valgrind:
        counts = [count_all([venv.python, *arguments], environ, folder, 1) for venv in venvs.values()]
        results.append(instruction_row(what, counts[0], counts[1], None))
    return results


def time_rows(
    what: str, base: Sequence[Cost], other: Sequence[Cost], *, wall: float | None, cpu: float | None = None
) -> list[Result]:
    """Return the lines for wall and CPU time of paired runs, each with its target if it has one."""
    rows = []
    for measure, field, target in (("wall", 0, wall), ("CPU", 1, cpu)):
        firsts, seconds = [cost[field] for cost in base], [cost[field] for cost in other]
        millis = [spread_of(values).median * 1e3 for values in (firsts, seconds)]
        note = f"{millis[0]:.1f} ms -> {millis[1]:.1f} ms (medians)"
        rows.append(Result(what, measure, paired_ratios(firsts, seconds), target, note=note))
    return rows


def _count_start(setting: Setting, venv: Environment, environ: Mapping[str, str], folder: Path) -> list[float] | None:
    return count_all([venv.python, "-c", "pass"], environ, folder, 3) if setting.with_valgrind else None


def count_all(
    command: Sequence[str | Path], environ: Mapping[str, str], folder: Path, times: int
) -> list[float] | None:
    """Return how many instructions each of some runs executes; None where there is no valgrind."""
    if find_valgrind() is None:
        return None
    return [float(count_instructions(command, environ, folder)) for _ in range(times)]


def instruction_row(what: str, base: list[float] | None, other: list[float] | None, target: float | None) -> Result:
    """Return the line for instructions; None is what was not counted."""
    if base is None or other is None:
        reason = "valgrind is missing" if find_valgrind() is None else "switched off by --no-valgrind"
        return Result(what, "instructions", None, target, note=f"not counted: {reason}")
    millions = [spread_of(values).median / 1e6 for values in (base, other)]
    note = f"{millions[0]:.1f} M -> {millions[1]:.1f} M"
    return Result(what, "instructions", paired_ratios(base, other), target, note=note)


def _minor(setting: Setting) -> int:
    return int(setting.guarded.python_version.partition(".")[2])
