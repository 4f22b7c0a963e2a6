"""The guard inside pip against the model of its policy: what the model forbids never passes, what it allows always does.

By default as many worlds as take a minute, always the same ones, with the pip of this environment. More of them, drawn
anew each time, and other pips:

    python -m pytest tests/inpip/test_model.py --model-worlds 10000 --model-pips 20.3.4,26.3
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from integration.harness.pips import in_range, plain_environment, pythons_for

from indexguard.inpip.children import BOOTSTRAP
from model.errands import Sent, sent_errands, write_errand
from model.odds import all_worlds
from model.policy import Expected, Passing, judge
from model.reference import Errand, Outcome, Reference, judge_errand
from model.web import PYPI_FILES, PYPI_URL, Answer, Download, Failure, Layer, World, normal, place_of
from model.worlds import Played, write_world
from support.environments import PROJECT, clean_environ

PATIENCE = 60
"""Seconds after which a world has hung."""
WORLDS, ERRANDS = 500, 250
"""How many are played by default."""
MANY = 2000
"""So many worlds meet everything."""


class Stage:
    """The process in which worlds are played."""

    def __init__(self, python: str, home: Path) -> None:
        script = Path(__file__).parents[1] / "model" / "stage.py"
        self._process = subprocess.Popen(
            [python, "-W", "ignore", str(script), PYPI_URL.removesuffix("simple/"), PYPI_FILES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # The sources of these tests, whatever else an interpreter's start-up would find.
            env=clean_environ(home, PYTHONPATH=f"{BOOTSTRAP}{os.pathsep}{PROJECT / 'src'}", TMPDIR=str(home)),
            text=True,
        )
        self.pip: str = self._read()["pip"]

    def play(self, world: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what became of each lookup, or of the errand."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(world) + "\n")
        self._process.stdin.flush()
        told = self._read()
        assert "crash" not in told, told["crash"]
        return list(told["told"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        assert ready, f"nothing after {PATIENCE} seconds"
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def stage(model_pip: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage, once for all worlds of a pip."""
    python = sys.executable
    if model_pip == "this":
        pytest.importorskip("pip")
    else:
        pythons = pythons_for(model_pip)
        if not pythons.found:
            pytest.skip("; ".join(pythons.missing))
        python = str(plain_environment(model_pip, pythons.found[-1]).python)
    made = Stage(python, tmp_path_factory.mktemp("stage"))
    yield made
    made.close()


Record = Callable[[str, object], None]


@contextmanager
def recording(counts: Mapping[str, int], record_property: Record) -> Iterator[None]:
    """Have `conftest` print at the end of the tests what the worlds met, also where one of them fails."""
    try:
        yield
    finally:
        record_property("model", dict(counts))


def compare(expected: Expected, told: Mapping[str, Any], *, first: bool) -> None:
    """Compare what the model says with what pip did.

    :param first: whether pip was asked for this very name for the first time; else it asks nobody anew.
    """
    # Without a policy an index that answers 403 is asked for one name more, which nobody can have registered.
    asked = Counter(place_of(url) for url in told["asked"] if "/indexguard-probe-" not in url)
    assert asked == (expected.asked if first else Counter()), "asked"
    if told["refused"] is None:
        assert not expected.refused or expected.may_go_on, "the run is to be refused"
    else:
        assert told["refused"] in expected.refused, "the run is not to be refused for that"
    assert set(told["logged"]) <= expected.reasons, "the log"
    if told["passing"] is not None:
        passing = Counter(
            Passing(page and place_of(page), place_of(url), version) for page, url, version in told["passing"]
        )
        assert passing == expected.passing, "what reaches pip's selection"
    assert told["explain"] == told["guard"], "what `explain` says of the indexes"
    assert told["allowed"] or not told["from_indexes"], "`explain` refuses what the guard lets through"


def count(counts: Counter[str], expected: Expected, told: Mapping[str, Any]) -> None:
    """Count what a lookup met."""
    counts["lookups"] += 1
    counts["indexes of which `explain` says what the guard does"] += len(told["guard"])
    counts["files let through"] += sum(expected.passing.values())
    for code, number in expected.dropped.items():
        counts[f"files kept from pip: {code}"] += number
    counts[f"runs refused: {told['refused']}" if told["refused"] else "runs that go on"] += 1


def compare_errand(expected: Outcome, told: Mapping[str, Any]) -> None:
    """Compare what the model says of an errand with what pip did."""
    assert set(map(place_of, told["asked"])) <= expected.may_ask, "asked"
    if told["refused"] is not None:
        assert told["refused"] in expected.codes, "the run is not to be refused for that"
        assert told["status"] != 0
    elif told["status"] == 0:
        assert not expected.must, "the run is to be refused"
        assert not expected.fails, "pip is to fail"
        if not expected.may_fail:
            assert set(map(normal, told["arrived"])) == expected.arrives, "what arrives"
    else:
        # pip < 24 takes `name @ git+file:` for no requirement at all.
        is_no_requirement = "Invalid requirement" in told["said"]
        assert expected.fails or expected.may_fail or is_no_requirement, "pip fails, and nothing was refused"


REFUSED = {
    "claimed-elsewhere",
    "entry-expired",
    "index-not-configured",
    "redirected",
    "typosquat",
    "unmatched-name",
    "unverified-index",
}
"""Codes with which lookups are refused, beside those of files; `unknown-index` seldom comes before another one."""
DROPPED = {
    "ambiguous-name",
    "file-elsewhere",
    "find-links",
    "format-not-allowed",
    "hash-changed",
    "hash-mismatch",
    "hash-missing",
    "index-failed",
    "local-path",
    "shadowed-name",
    "too-young",
    "version-not-allowed",
}
"""Codes with which files are kept from pip; `redirected` and `unverified-index` seldom: a redirect is judged before it is
followed, and few pages come to which one has led. That they alone decide a run is rarer than one in two thousand."""


def check_reached(counts: Counter[str], wanted: set[str], minimum: int) -> None:
    """Check that many worlds have met everything that there is to meet."""
    if counts["worlds"] >= minimum:
        assert not {what for what in wanted if not counts[what]}, "never met: is what draws the worlds worth its time?"


def property_settings(worlds: int, *, is_long: bool) -> settings:
    """Return how hypothesis draws.

    In a short run it draws the same worlds each time, so that a failure in CI is the change's own, and can be repeated;
    to find what nobody has seen is for the long run.
    """
    return settings(
        max_examples=worlds,
        derandomize=not is_long,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=is_long,
    )


def test_what_pip_finds(stage: Stage, record_property: Record, model_worlds: int | None) -> None:
    counts: Counter[str] = Counter()
    reads_json = in_range(stage.pip, ">=22.2")

    @property_settings(model_worlds or WORLDS, is_long=model_worlds is not None)
    @given(all_worlds())
    def check(played: Played) -> None:
        world, looked_up = played
        counts["worlds"] += 1
        seen = set()
        for lookup, told in zip(looked_up, stage.play(write_world(world, looked_up))):
            expected = judge(world, lookup, reads_json=reads_json)
            compare(expected, told, first=lookup.name not in seen)
            seen.add(lookup.name)
            count(counts, expected, told)

    with recording(counts, record_property):
        check()
    wanted = {f"runs refused: {code}" for code in REFUSED} | {f"files kept from pip: {code}" for code in DROPPED}
    check_reached(counts, wanted, MANY)


def test_what_goes_round_the_indexes(stage: Stage, record_property: Record, model_worlds: int | None) -> None:
    counts: Counter[str] = Counter()
    locks = in_range(stage.pip, ">=26.1")
    constrains = in_range(stage.pip, ">=21.1")  # before, the new resolver takes no URL as a constraint

    @property_settings(model_worlds or ERRANDS, is_long=model_worlds is not None)
    @given(sent_errands(locks=locks, constrains=constrains))
    def check(sent: Sent) -> None:
        counts["worlds"] += 1
        (told,) = stage.play(write_errand(sent))
        expected = judge_errand(sent[0])
        compare_errand(expected, told)
        counts["references"] += len(sent[0].given) + sum(len(parent.brings) for parent in sent[0].parents)
        outcome = f"runs refused: {told['refused']}" if told["refused"] else "runs that pip fails"
        counts["runs that go on" if told["status"] == 0 else outcome] += 1

    with recording(counts, record_property):
        check()
    wanted = {"direct-url", "local-path", "name-mismatch", *(["locked-link", "version-not-allowed"] if locks else [])}
    check_reached(counts, {f"runs refused: {code}" for code in wanted}, MANY)


@pytest.mark.parametrize("audited", [False, True])
@pytest.mark.parametrize("terms", [{"min-age": "3d"}, {"formats": ["wheel"]}, {"require-hashes": "index"}, {}])
def test_the_page_is_asked_for_a_lock_where_a_policy_asks_something_of_files(
    stage: Stage, terms: Mapping[str, Any], audited: bool
) -> None:
    """Seldom drawn: a lock, such a key, and a name that is not refused for another reason, perhaps beside an audit."""
    if not in_range(stage.pip, ">=26.1"):
        pytest.skip(f"pip {stage.pip} reads no lock")
    corp, wheel = "https://corp.example/simple/", "tool-1.0-py3-none-any.whl"
    # Which refuses the lock's link, as far as it is asked.
    audit = {"version": 1, "mode": "audit", "direct-urls": {"requested": "block"}}
    beside = (Layer("machine", audit),) if audited else ()
    for pattern in ("*", "tool"):
        for folder in (corp, "https://files.example/a/"):
            for page in (None, Failure("status", 503)):
                index = {"url": corp, "packages": [pattern], "files-from": ["files.example", "corp.example"], **terms}
                policy = {"version": 1, "mode": "enforce", "indexes": {"corp": index}}
                web: dict[str, Answer] = {f"{folder}{wheel}": Download(wheel, "tool", ())}
                if page is not None:
                    web[f"{corp}tool/"] = page
                world = World((*beside, Layer("user", policy)), (corp, PYPI_URL), web=web)
                errand = Errand(world, (Reference("tool", f"{folder}{wheel}", "tool"),), locked=True)
                (told,) = stage.play(write_errand((errand, ["named"], False)))
                compare_errand(judge_errand(errand), told)
                asks = place_of(f"{corp}tool/") in map(place_of, told["asked"])
                assert asks == (bool(terms) or audited)


def test_what_only_an_audit_asks_for_a_lock_refuses_nobody(stage: Stage) -> None:
    """Seldom drawn: its `direct-urls` has the page asked, which fails, is not there, or is none of this pip's."""
    if not in_range(stage.pip, ">=26.1"):
        pytest.skip(f"pip {stage.pip} reads no lock")
    corp, wheel = "https://corp.example/simple/", "tool-1.0-py3-none-any.whl"
    index = {"url": corp, "packages": ["tool"], "files-from": ["files.example"]}
    policy = {"version": 1, "mode": "enforce", "indexes": {"corp": index}}
    audit = {"version": 1, "mode": "audit", "direct-urls": {"requested": "block"}}
    layers = (Layer("machine", audit), Layer("user", policy))
    link = f"https://files.example/a/{wheel}"
    arrived = []
    for page in (Failure("status", 503), Failure("status", 401), None):
        for indexes in ((corp, PYPI_URL), (PYPI_URL,)):
            web: dict[str, Answer] = {link: Download(wheel, "tool", ())}
            if page is not None:
                web[f"{corp}tool/"] = page
            errand = Errand(World(layers, indexes, web=web), (Reference("tool", link, "tool"),), locked=True)
            (told,) = stage.play(write_errand((errand, ["named"], False)))
            compare_errand(judge_errand(errand), told)
            arrived += told["arrived"]
    assert list(map(normal, arrived)) == ["tool"] * 6
