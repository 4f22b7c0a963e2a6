"""What grows: many files of a name that two indexes list, many indexes, and large pages that a run is done with."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from itertools import product
from typing import TYPE_CHECKING

from integration.bench.processes import run_for_peak, run_timed
from integration.bench.ratios import interleave, spread_of
from integration.bench.report import Result
from integration.bench.served import StaticIndex
from integration.bench.startup import time_rows
from integration.harness.dists import Dist

if TYPE_CHECKING:
    from integration.bench.setting import Setting

_FILES = 20_000
_LAGGING = _FILES // 10
_PROJECT = "acme-core"
_INDEXES = (200, 500)
_LARGE_PAGES = 40
_LARGE_PAGE = 4_000_000
"""Bytes. What pip keeps of the files of a page is its own matter; so there are few."""
_CPU = 1.15
_RSS = 8.0
"""Megabytes that a guarded run may hold more than a plain one."""


def measure_growth(setting: Setting) -> list[Result]:
    """Compare downloads where there is much: 20,000 files on two indexes, hundreds of indexes, forty large pages."""
    return [*_many_files(setting), *_many_indexes(setting), *_large_pages(setting)]


def _many_files(setting: Setting) -> list[Result]:
    listed = [Dist(_PROJECT, f"{number // 100}.{number % 100}", "corp") for number in range(_FILES)]
    results = []
    kinds = (("JSON", False), ("HTML", True))
    mirrors = (("alike", listed), ("a mirror that lags", listed[:-_LAGGING]))
    for (kind, html_only), (what, left), hashed in product(kinds, mirrors, (True, False)):
        with ExitStack() as stack:
            first = stack.enter_context(StaticIndex(listed, html_only=html_only, hashed=hashed))
            second = stack.enter_context(StaticIndex(left, html_only=html_only, hashed=hashed))
            row = f"{_FILES:,} files on two indexes, no policy, {kind}, {what}{'' if hashed else ', no hashes'}"
            # Files without hashes are alike to nobody: the guard refuses the name, when it has seen them all.
            results += _compare(setting, row, [first.url, second.url], may_refuse=not hashed)
    return results


def _many_indexes(setting: Setting) -> list[Result]:
    results = []
    with StaticIndex([Dist(_PROJECT, "1.0", "corp")]) as index:
        for count in _INDEXES:
            urls = [index.url, *(f"{index.url}none/{number}/" for number in range(count))]
            results += _compare(setting, f"{count} indexes, no policy", urls)
    return results


def _large_pages(setting: Setting) -> list[Result]:
    names = [f"acme-part-{number:02}" for number in range(_LARGE_PAGES)]
    row = f"{_LARGE_PAGES} names of 4 MB pages, no policy"
    listed = [Dist(name, "1.0", "corp") for name in names]
    with StaticIndex(listed, html_only=True, padding=_LARGE_PAGE) as index:
        commands, environ = _commands(setting, row, [index.url], names)
        runs = {
            what: functools.partial(run_for_peak, command, environ, setting.folder)
            for what, command in commands.items()
        }
        peaks = {what: [size / 2**20 for size in sizes] for what, sizes in interleave(runs, 1).items()}
    note = ", ".join(f"{what} {spread_of(sizes).median:.0f} MB" for what, sizes in peaks.items())
    results = []
    for what in [what for what in peaks if what != "unguarded"]:
        more = spread_of([size - plain for plain, size in zip(peaks["unguarded"], peaks[what], strict=True)])
        target, suffix = (_RSS, "") if what == "guarded" else (None, f", {what}")
        results.append(Result(row + suffix, "RSS above plain", more, target, unit=" MB", digits=1, note=note))
    return results


def _compare(setting: Setting, row: str, urls: list[str], *, may_refuse: bool = False) -> list[Result]:
    commands, environ = _commands(setting, row, urls, [_PROJECT])
    runs = {
        what: functools.partial(run_timed, command, environ, setting.folder, may_refuse=may_refuse)
        for what, command in commands.items()
    }
    # Once is enough of what takes a minute where a plain pip takes a second.
    earlier = runs.pop("earlier", None)
    costs = interleave(runs, setting.rounds or 3)
    results = time_rows(row, costs["unguarded"], costs["guarded"], wall=None, cpu=_CPU)
    if earlier is not None:
        results += time_rows(f"{row}, earlier", costs["unguarded"][-1:], [earlier()], wall=None)
    return results


def _commands(
    setting: Setting, row: str, urls: list[str], names: list[str]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    folder = setting.scratch("growth-" + "".join(char for char in row if char.isalnum()))
    arguments = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--quiet", f"--dest={folder / 'got'}"]
    arguments += [f"--index-url={urls[0]}", *names]
    venvs = {"unguarded": setting.unguarded, "guarded": setting.guarded, "earlier": setting.earlier}
    commands = {what: [str(venv.python), *arguments] for what, venv in venvs.items() if venv is not None}
    return commands, {**setting.environ(), "PIP_EXTRA_INDEX_URL": " ".join(urls[1:])}
