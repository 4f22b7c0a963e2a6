"""What ``pip download`` pays: one small package, and forty on slow indexes."""

from __future__ import annotations

import functools
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

from integration.bench.processes import import_times, run_timed
from integration.bench.ratios import Cost, interleave, spread_of
from integration.bench.report import Result
from integration.bench.served import StaticIndex
from integration.bench.startup import compare_pips, time_rows
from integration.harness.dists import Dist

if TYPE_CHECKING:
    from pathlib import Path

    from integration.bench.setting import Setting
    from integration.harness.pips import Environment

COPIES = ("packaging", "wrapt", "tomli", "platformdirs")
_ONE = "pip download of one small package"
_FORTY = "pip download of 40 names, two indexes, 100 ms a request"
_NAMES = 40
_LATENCY = 0.1


def measure_download(setting: Setting) -> list[Result]:
    """Compare the download of one claimed package from one index; then tell what the guard imports for it."""
    folder = setting.scratch("download")
    with StaticIndex([Dist("acme-core", "1.0", "corp")]) as index:
        policy = setting.write_policy("download", _policy(index.url, 'namespaces = ["acme"]'))
        arguments = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--quiet"]
        arguments += [f"--dest={folder / 'got'}", f"--index-url={index.url}", "acme-core"]
        environ = setting.environ(policy)
        results = compare_pips(setting, _ONE, arguments, environ, folder, target=1.05, rounds=30)
        results += _import_rows(setting, arguments, environ, folder)
        bare = setting.environ()
        results += compare_pips(setting, f"{_ONE}, no policy", arguments, bare, folder, target=None, rounds=15)
    return results


def measure_latency(setting: Setting) -> list[Result]:
    """Compare forty claimed names on two slow indexes, of which one has them: only there does an unguarded pip do more."""
    folder = setting.scratch("latency")
    names = [f"acme-part-{number:02}" for number in range(_NAMES)]
    with ExitStack() as stack:
        corp = stack.enter_context(StaticIndex([Dist(name, "1.0", "corp") for name in names], latency=_LATENCY))
        public = stack.enter_context(StaticIndex([], latency=_LATENCY))
        arguments = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--quiet", f"--dest={folder / 'got'}"]
        arguments += [f"--index-url={corp.url}", f"--extra-index-url={public.url}", *names]
        runs = {"unguarded": _Download(setting.unguarded, arguments, setting.environ(), folder, (corp, public))}
        for probe in ("never", "always"):
            text = _policy(corp.url, 'namespaces = ["acme"]', public.url) + f'[shadow]\nprobe = "{probe}"\n'
            policy = setting.write_policy(f"latency-{probe}", text)
            runs[probe] = _Download(setting.guarded, arguments, setting.environ(policy), folder, (corp, public))
        # One round is half a minute.
        costs = interleave(runs, setting.rounds or 3)
    results = []
    for probe, target in (("never", 0.8), ("always", 1.03)):
        wall, cpu = time_rows(f'{_FORTY}, probe = "{probe}"', costs["unguarded"], costs[probe], wall=target)
        results += [_with_note(wall, f"{runs['unguarded'].requests} requests -> {runs[probe].requests}"), cpu]
    return results


class _Download:
    """One ``pip download`` into an empty folder; remembers how many requests the last one sent."""

    def __init__(
        self,
        venv: Environment,
        arguments: list[str],
        environ: dict[str, str],
        folder: Path,
        indexes: tuple[StaticIndex, StaticIndex],
    ) -> None:
        self._run = functools.partial(run_timed, [venv.python, *arguments], environ, folder)
        self._folder = folder
        self._indexes = indexes
        self.requests = 0

    def __call__(self) -> Cost:
        shutil.rmtree(self._folder / "got", ignore_errors=True)
        before = sum(index.requests for index in self._indexes)
        cost = self._run()
        self.requests = sum(index.requests for index in self._indexes) - before
        if len(list((self._folder / "got").iterdir())) != _NAMES:
            raise RuntimeError("pip did not download every name")
        return cost


def _policy(corp: str, entries: str, public: str = "pypi") -> str:
    public_keys = f'url = "{public}"\npublic = true\npackages = ["*"]\n'
    return f'[indexes.corp]\nurl = "{corp}"\n{entries}\n[indexes.public]\n{public_keys}'


def _with_note(result: Result, note: str) -> Result:
    return Result(**{**vars(result), "note": f"{result.note}; {note}"})


def _import_rows(setting: Setting, arguments: list[str], environ: dict[str, str], folder: Path) -> list[Result]:
    """Return one line for each private copy, and for the rest of the guard: its share of the run's import time."""
    shares: dict[str, list[float]] = {group: [] for group in (*COPIES, "own modules")}
    modules: dict[str, set[str]] = {group: set() for group in shares}
    totals = []
    for _ in range(min(setting.rounds or 7, 7)):
        imported = import_times(setting.guarded.python, arguments, environ, folder)
        totals.append(sum(seconds for _, seconds in imported))
        times = dict.fromkeys(shares, 0.0)
        for path, seconds in imported:
            group = group_of(path)
            if group is not None:
                times[group] += seconds
                modules[group].add(path[-1])
        for group, seconds in times.items():
            shares[group].append(seconds)
    total = spread_of(totals).median
    rows = []
    for group, seconds_taken in shares.items():
        spread = spread_of([seconds * 1e3 for seconds in seconds_taken])
        foreign = sorted(name for name in modules[group] if not name.startswith(("indexguard", "_indexguard")))
        note = f"{spread.median / 1e3 / total:.1%} of the run's import time; {len(modules[group])} modules"
        note += f", of the standard library: {', '.join(foreign)}" if foreign else ""
        rows.append(Result(_ONE, f"importing {group}", spread, unit=" ms", digits=2, note=note))
    return rows


def group_of(path: tuple[str, ...]) -> str | None:
    """Return which private copy, or our own modules, an import is due to; None: pip's own, or Python's.

    :param path: the module, after those whose import it is part of, outermost first.
    """
    for name in reversed(path):
        if name.startswith("indexguard._vendor."):
            return name.split(".")[2]
        if name.partition(".")[0] in ("indexguard", "_indexguard_hook"):
            return "own modules"
    return None
