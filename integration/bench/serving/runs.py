"""What a pip run pays for the keys that say what may be served: nothing without them, and little with all of them.

In instructions: they do not depend on what else a machine does.
"""

from __future__ import annotations

import functools
from contextlib import ExitStack
from typing import TYPE_CHECKING

from integration.bench.advisories import make_records, no_indexes_left
from integration.bench.page import PageChild
from integration.bench.processes import import_times, run_timed
from integration.bench.ratios import interleave, spread_of
from integration.bench.report import Result
from integration.bench.served import StaticIndex
from integration.bench.startup import count_all, instruction_row, time_rows
from integration.harness.dists import Dist

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from integration.bench.setting import Setting
    from integration.harness.pips import Environment

_ONE = "pip download of one small package"
OFF = '[typosquat]\naction = "off"\n'
_POPULAR, _OTHER = "requests", "billing-models"
_PROJECT, _FILES = "acme-core", 5000
_RECORDS = 1000
_PAGE = f"a page of {_FILES:,} files, JSON, all keys, against none of them"
_ROOMS = ("ledger", "advisories", "typosquat", "policy.serving", "inpip.serving", "inpip.filter.typos")
ALL_KEYS = """
[defaults]
min-age = {{ for = "3d", unknown = "first-seen" }}
formats = ["wheel", "sdist"]
require-hashes = "index"
[[deny]]
packages = ["evil-name", "other-name<2"]
reason = "not ours"
[advisories]
paths = ["{records}"]
[status]
quarantined = "block"
archived = "warn"
deprecated = "warn"
[provenance]
downgrade = "block"
[ledger]
path = "{ledger}"
[typosquat]
action = "block"
[[waive]]
code = "too-young"
packages = ["other-name==2.0"]
reason = "we wrote it"
expires = 2099-01-01
"""
"""Every key that says what may be served."""


def measure_serving(setting: Setting) -> list[Result]:
    """Compare runs without these keys, with what holds where a policy says nothing, and with all of them."""
    folder = setting.scratch("serving")
    with no_indexes_left():
        return [*_small(setting, folder), *_page(setting, folder)]


def write_policies(setting: Setting, folder: Path, what: str, url: str) -> dict[str, Path]:
    """Return policies of one public index, by name: ``plain``, ``off``, ``warn`` and ``all``.

    :param folder: where the ledger and the advisory records of ``all`` lie.
    """
    records = folder / "records.json"
    records.write_text(f"[{','.join(text for _, text in make_records(_RECORDS))}]", encoding="utf-8")
    own = '[indexes.own]\nurl = "https://own.example/simple/"\nnamespaces = ["acme"]\n'
    text = f'{own}[indexes.public]\nurl = "{url}"\npublic = true\npackages = ["*", "{_PROJECT}"]\n'
    more = {"plain": "", "off": OFF, "warn": "", "all": ALL_KEYS.format(records=records, ledger=folder / f"{what}.db")}
    return {name: setting.write_policy(f"{what}-{name}", text + keys) for name, keys in more.items()}


class _Runs:
    """Downloads of one name; each is done once before it is counted: then everything is compiled, indexed and seen."""

    def __init__(self, setting: Setting, folder: Path, policies: dict[str, Path], url: str, name: str) -> None:
        self._setting, self._folder, self._policies = setting, folder, policies
        self._arguments = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--quiet"]
        self._arguments += [f"--dest={folder / 'got'}", f"--index-url={url}", name]

    def run(self, policy: str) -> None:
        """Run it, uncounted."""
        environ = self._setting.environ(self._policies[policy])
        run_timed([self._setting.guarded.python, *self._arguments], environ, self._folder)

    def count(self, venv: Environment, policy: str) -> list[float] | None:
        """Return its instructions."""
        if not self._setting.with_valgrind:
            return None
        environ = self._setting.environ(self._policies[policy])
        run_timed([venv.python, *self._arguments], environ, self._folder)
        return count_all([venv.python, *self._arguments], environ, self._folder, 1)

    def modules(self, venv: Environment, policy: str) -> set[str]:
        """Return the modules of ours that it loads."""
        environ = self._setting.environ(self._policies[policy])
        found = import_times(venv.python, self._arguments, environ, self._folder)
        return {path[-1] for path, _ in found if path[-1].partition(".")[0] == "indexguard"}


def _small(setting: Setting, folder: Path) -> list[Result]:
    results = []
    with StaticIndex([Dist(name, "1.0", "public") for name in (_POPULAR, _OTHER)]) as index:
        policies = write_policies(setting, folder, "small", index.url)
        popular, other = (_Runs(setting, folder, policies, index.url, name) for name in (_POPULAR, _OTHER))
        loaded = popular.modules(setting.guarded, "off")
        extra = [it for it in loaded if it.removeprefix("indexguard.").startswith(_ROOMS)]
        results.append(_modules(f"{_ONE}, none of the keys", "modules of what may be served", extra))
        off = popular.count(setting.guarded, "off")
        if setting.earlier is not None:
            what = f"{_ONE}, none of the keys, against the earlier wheel"
            more = loaded - popular.modules(setting.earlier, "plain")
            results.append(_modules(what, "modules more", sorted(more)))
            results.append(instruction_row(what, popular.count(setting.earlier, "plain"), off, 1.001))
        for runs, name, none in ((popular, _POPULAR, off), (other, _OTHER, other.count(setting.guarded, "off"))):
            what = f'{_ONE} ({name}), typosquat "warn", against "off"'
            results.append(instruction_row(what, none, runs.count(setting.guarded, "warn"), 1.005))
        what = f"{_ONE}, all keys, against none of them"
        results.append(instruction_row(what, off, popular.count(setting.guarded, "all"), 1.03))
    return results


def _modules(what: str, measure: str, names: Sequence[str]) -> Result:
    note = ", ".join(sorted(names)) or "none"
    return Result(what, measure, spread_of([len(names)]), 0, digits=0, note=note)


def _page(setting: Setting, folder: Path) -> list[Result]:
    """Compare the evaluation of one large page, and a whole download from it; the ledger has seen its files before."""
    listed = [Dist(_PROJECT, f"{number // 100}.{number % 100}", "public") for number in range(_FILES)]
    with ExitStack() as stack:
        index = stack.enter_context(StaticIndex(listed))
        policies = write_policies(setting, folder, "page", index.url)
        runs = _Runs(setting, folder, policies, index.url, _PROJECT)
        runs.run("all")
        start = functools.partial(PageChild, setting.guarded, url=index.url, folder=folder, expected=_FILES)
        children = {name: stack.enter_context(start(setting.environ(policies[name]))) for name in ("off", "all")}
        costs = interleave(children, setting.rounds or 25)
        counts = [runs.count(setting.guarded, name) for name in ("off", "all")]
    rows = time_rows(f"{_PAGE}: evaluated", costs["off"], costs["all"], wall=None, cpu=None)
    return [*rows, instruction_row(f"{_PAGE}: pip download", counts[0], counts[1], 1.10)]
