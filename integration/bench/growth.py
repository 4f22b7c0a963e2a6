"""What grows: many files of a name that two indexes list, and many indexes."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from typing import TYPE_CHECKING

from integration.bench.processes import run_timed
from integration.bench.ratios import interleave
from integration.bench.served import StaticIndex
from integration.bench.startup import time_rows
from integration.harness.dists import Dist

if TYPE_CHECKING:
    from integration.bench.report import Result
    from integration.bench.setting import Setting

_FILES = 20_000
_LAGGING = _FILES // 10
_PROJECT = "acme-core"
_INDEXES = (200, 500)


def measure_growth(setting: Setting) -> list[Result]:
    """Compare the download of a name of 20,000 files from two indexes, alike or not, and from hundreds of indexes."""
    listed = [Dist(_PROJECT, f"{number // 100}.{number % 100}", "corp") for number in range(_FILES)]
    results = []
    for kind, html_only in (("JSON", False), ("HTML", True)):
        for what, left in (("alike", listed), ("a mirror that lags", listed[:-_LAGGING])):
            with ExitStack() as stack:
                first = stack.enter_context(StaticIndex(listed, html_only=html_only))
                second = stack.enter_context(StaticIndex(left, html_only=html_only))
                row = f"{_FILES:,} files on two indexes, no policy, {kind}, {what}"
                results += _compare(setting, row, [first.url, second.url], target=1.15)
    with StaticIndex(listed[:1]) as index:
        for count in _INDEXES:
            urls = [index.url, *(f"{index.url}none/{number}/" for number in range(count))]
            results += _compare(setting, f"{count} indexes, no policy", urls, target=1.15)
    return results


def _compare(setting: Setting, row: str, urls: list[str], *, target: float) -> list[Result]:
    folder = setting.scratch("growth-" + "".join(char for char in row if char.isalnum()))
    arguments = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--quiet", f"--dest={folder / 'got'}"]
    arguments += [f"--index-url={urls[0]}", _PROJECT]
    environ = {**setting.environ(), "PIP_EXTRA_INDEX_URL": " ".join(urls[1:])}
    runs = {
        what: functools.partial(run_timed, [venv.python, *arguments], environ, folder)
        for what, venv in (("unguarded", setting.unguarded), ("guarded", setting.guarded))
    }
    costs = interleave(runs, setting.rounds or 3)
    return time_rows(row, costs["unguarded"], costs["guarded"], wall=None, cpu=target)
