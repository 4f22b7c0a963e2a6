"""What the evaluation of a page of 5,000 files pays, file by file."""

from __future__ import annotations

import functools
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench.ratios import Cost, interleave
from integration.bench.report import Result
from integration.bench.served import StaticIndex
from integration.bench.startup import time_rows
from integration.harness.dists import Dist

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from integration.bench.setting import Setting
    from integration.harness.pips import Environment

_FILES = 5000
_PROJECT = "acme-core"
_CHILD = Path(__file__).parent / "children" / "page_child.py"
_PAGE = "a page of 5,000 files"

_CASES = (
    # what, target, entries of the page's index, its files that remain
    ("unclaimed", 1.01, 'packages = ["*"]', _FILES),
    ("claimed and allowed", 1.05, f'packages = ["{_PROJECT}"]', _FILES),
    ("claimed, narrowed, files-from", 1.05, f'packages = ["{_PROJECT}>=0"]\nfiles-from = ["127.0.0.1"]', _FILES),
    ("all refused", 1.25, f'packages = ["{_PROJECT}>=99999"]', 0),
    ("all refused, squatters", 1.25, 'public = true\npackages = ["*"]', 0),
)


def measure_page(setting: Setting) -> list[Result]:
    """Compare ``PackageFinder.find_all_candidates`` on one page, under policies that judge it in every way."""
    listed = [Dist(_PROJECT, f"{number // 100}.{number % 100}", "corp") for number in range(_FILES)]
    results = []
    for kind, html_only in (("JSON", False), ("HTML", True)):
        with StaticIndex(listed, html_only=html_only) as index:
            results += _measure(setting, index.url, kind)
    return results


def _measure(setting: Setting, url: str, kind: str) -> list[Result]:
    folder = setting.scratch(f"page-{kind}")
    with ExitStack() as stack:
        start = functools.partial(PageChild, url=url, folder=folder)
        children = {
            "unguarded": stack.enter_context(start(setting.unguarded, setting.environ(), expected=_FILES)),
            "again": stack.enter_context(start(setting.unguarded, setting.environ(), expected=_FILES)),
            "no policy": stack.enter_context(start(setting.guarded, setting.environ(), expected=_FILES)),
        }
        for number, (what, _, entries, expected) in enumerate(_CASES):
            text = f'[indexes.page]\nurl = "{url}"\n{entries}\n'
            if what.endswith("squatters"):
                text += f'[indexes.corp]\nurl = "https://corp.example/simple/"\npackages = ["{_PROJECT}"]\n'
            environ = setting.environ(setting.write_policy(f"page-{kind}-{number}", text))
            children[what] = stack.enter_context(start(setting.guarded, environ, expected=expected))
        costs = interleave(children, setting.rounds or 25)
    targets: dict[str, float | None] = {what: target for what, target, _, _ in _CASES}
    results = []
    for what, target in {**targets, "no policy": None, "again": None}.items():
        shown = "unguarded against itself (the noise)" if what == "again" else what
        row = f"{_PAGE}, {kind}, {shown}"
        results += time_rows(row, costs["unguarded"], costs[what], wall=target, cpu=target)
    return results


class PageChild:
    """A pip that waits for its turn; called, it evaluates the page once."""

    def __init__(self, venv: Environment, environ: dict[str, str], *, url: str, folder: Path, expected: int) -> None:
        self._expected = expected
        self._process = subprocess.Popen(
            [venv.python, _CHILD, url, _PROJECT],
            env=environ,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "errors.txt").open("ab"),
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # closes its standard input, at which it ends

    def __call__(self) -> Cost:
        """Evaluate it; return what that took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the pip that evaluates the page ended: {self._process.args!r}")
        wall, cpu, found = json.loads(answer)
        if found != self._expected:
            raise RuntimeError(f"{found} files remained, not {self._expected}: this would measure something else")
        return Cost(wall, cpu)
