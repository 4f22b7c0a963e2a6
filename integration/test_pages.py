"""Pages that no route file can tell of: how much they cost, who gets the login, and pages that break pip itself.

The sizes are asserted; the seconds are only printed, because they belong to the machine.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest

from integration.harness import pips
from integration.harness.cases import read_cases
from integration.harness.scenario import Expected, read_scenario
from integration.harness.stage import Outcome, mismatches, staged
from integration.machines.state import Pair

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from integration.harness.pips import Environment
    from integration.harness.scenario import Scenario
    from integration.harness.stage import Stage

CASES = read_cases(__file__)

pytestmark = pytest.mark.usefixtures("no_policy_here")

_PIPS = ("20.3.4", "23.0.1", "26.3")
_POLICY = CASES["policy"]
_LARGE = 100_000_000  # bytes of a page
_LARGE_FOR_HTML5LIB = 4_000_000  # the same for pip < 22.0, whose parser reads about one megabyte a second
_LINE = 1_000  # bytes of one link of it
_MORE = 2.0  # how many times as much memory the guard may take
_MEASURE = (
    "import json, resource, subprocess, sys, time\n"
    "begun = time.perf_counter()\n"
    "done = subprocess.run(sys.argv[1:])\n"
    "told = {'seconds': time.perf_counter() - begun, 'kib': resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}\n"
    "print('measured ' + json.dumps(told))\n"
    "sys.exit(done.returncode)\n"
)

BROKEN = CASES["broken"]
"""What a page may be that breaks pip, or that it takes for none. ``{here}`` is the index."""
LEADING_NOWHERE = ("data", "ftp", "no-address", "no-port")
"""Those that lead to what is no index, or no address at all: that is not followed."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Three pips, or those of ``--pips``."""
    if "plain" in metafunc.fixturenames:
        named = metafunc.config.getoption("--pips")
        metafunc.parametrize("plain", named.split(",") if named else _PIPS, indirect=True)


@pytest.fixture
def plain(request: pytest.FixtureRequest) -> Environment:
    pythons = pips.pythons_for(request.param)
    if not pythons.found:
        pytest.skip("; ".join(pythons.missing))
    return pips.plain_environment(request.param, pythons.found[-1])


@pytest.fixture
def pair(plain: Environment, guarded: Environment | None) -> Pair:
    if guarded is None:
        pytest.skip("every test here looks at a guarded run")
    return Pair(plain, guarded)


def _scenario(command: list[str], **indexes: Mapping[str, object]) -> Scenario:
    """Return a scenario whose expectations are this module's own; a command without indexes gets corp, then public."""
    values: dict[str, object] = {
        "description": "pages",
        "attack": False,
        "command": command,
        "configured": [] if "--index-url" in command else ["corp", "public"],
        "indexes": {name: indexes.get(name, {}) for name in ("corp", "public", "moved")},
        "folders": {"wheels": {"files": [f"acme-{name} 1.0" for name in BROKEN]}},
        "policy": {"text": _POLICY},
        "unguarded": {"exit": 0},
        "guarded": {"exit": 0},
    }
    return read_scenario("pages", "\n".join(f"{key} = {_toml(value)}" for key, value in values.items()))


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)  # what JSON has beside objects, TOML spells alike


def _run(stage: Stage, environment: Environment) -> Outcome:
    return stage.run(environment, "new")


def _check(expected: Expected, outcome: Outcome) -> None:
    found = mismatches(expected, outcome)
    assert not found, "\n".join([*found, outcome.report()])


def _broken(index: str) -> dict[str, str]:
    return {f"acme-{name}": text.replace("{here}", f"{{{index}}}") for name, text in BROKEN.items()}


def test_a_broken_page_of_an_index_that_is_only_probed_changes_nothing(pair: Pair, tmp_path: Path) -> None:
    names = [f"acme-{name}" for name in BROKEN]
    scenario = _scenario(
        ["download", "--no-deps", *names],
        corp={"files": [f"{name} 1.0" for name in names]},
        public={"answers": _broken("public")},
    )
    with staged(scenario, tmp_path, None) as stage:
        outcome = _run(stage, pair.guarded)
    _check(Expected(exit=0, installed=dict.fromkeys(names, "corp 1.0"), lacks=("WARNING: indexguard",)), outcome)
    assert {f"public:{name}" for name in names} <= outcome.asked


def test_a_broken_page_of_the_own_index_is_a_failed_index(pair: Pair, tmp_path: Path) -> None:
    names = [f"acme-{name}" for name in BROKEN]
    scenario = _scenario(
        ["download", "--no-deps", "--find-links", "wheels", *names],
        corp={"answers": _broken("corp")},
        public={"files": [f"{name} 99.0" for name in names]},
    )
    with staged(scenario, tmp_path, None) as stage:
        outcome = _run(stage, pair.guarded)
    events = tuple(
        {"event": "redirected", "code": "redirected", "name": f"acme-{name}"}
        if name in LEADING_NOWHERE
        else {"event": "refused", "code": "index-failed", "name": f"acme-{name}"}
        for name in BROKEN
    )
    _check(Expected(exit=0, installed=dict.fromkeys(names, "local 1.0"), events=events), outcome)


@pytest.mark.parametrize("login", [True, False])
def test_the_login_of_an_index_goes_where_pip_alone_sends_it(pair: Pair, tmp_path: Path, *, login: bool) -> None:
    scenario = _scenario(
        ["install", "--index-url", "{corp.login}" if login else "{corp}", "--extra-index-url", "{public}", "acme-core"],
        corp={"answer": "redirect:{moved}", **({"login": "ci:s3cret-of-ci"} if login else {})},
        public={"files": ["acme-core 99.0"]},
        moved={"files": ["acme-core 1.0"]},
    )
    sent: list[set[tuple[str, str, bool]]] = []
    for environment in (pair.plain, pair.guarded):
        with staged(scenario, tmp_path / str(len(sent)), None) as stage:
            outcome = _run(stage, environment)
            asked = {
                (name, request.path, request.credentials)
                for name, index in stage.indexes.items()
                for request in index.requests
                if not request.path.startswith("/files/")
            }
        assert outcome.exit == 0, outcome.report()
        assert "s3cret" not in outcome.output + json.dumps(outcome.events)
        sent.append(asked)
    assert sent[0] == sent[1]
    assert ("moved", "/simple/acme-core/", False) in sent[1]
    assert {credentials for name, _, credentials in sent[1] if name == "corp"} >= {login}


def test_a_login_in_a_redirect_is_not_shown(pair: Pair, tmp_path: Path) -> None:
    place = "http://mirror:s3cret-of-mirror@{public.host}/simple/"
    scenario = _scenario(
        ["install", "acme-core"],
        corp={"answers": {"acme-core": f"raw:302\nLocation: {place}acme-core/?key=s3cret-of-url\n\n"}},
        public={"files": ["acme-core 99.0"]},
    )
    with staged(scenario, tmp_path, None) as stage:
        outcome = _run(stage, pair.guarded)
        log = stage.audit_log().read_bytes()
    _check(Expected(exit=1, installed={}, code="redirected", lacks=("s3cret",)), outcome)
    assert b"s3cret-of-mirror" not in log


def test_nothing_raw_reaches_the_terminal_or_the_log(pair: Pair, tmp_path: Path) -> None:
    odd = "\x1b[31m\x07\x9b31m\u202e\u2066\u200f\u2028"
    links = "".join(
        f"<a href='/f/acme_core-{number}.0{text}-py3-none-any.whl' data-yanked='{odd}'>{odd}</a>"
        for number, text in enumerate((odd, "%1B%5B31m%0D%0AERROR: owned", "%E2%80%AE%C2%9B31m%00", "&#27;[2J&#x202e;"))
    )
    html = f"html:<!DOCTYPE html><html><head><title>{odd}</title></head><body>{links}</body></html>"
    scenario = _scenario(
        ["install", "--no-deps", "acme-core"],
        corp={"answer": "redirect:{public}"},
        public={"answers": {"acme-core": html}},
    )
    with staged(scenario, tmp_path, None) as stage:
        outcome = _run(stage, pair.guarded)
        log = stage.audit_log().read_bytes()
    _check(Expected(exit=1, installed={}, code="redirected"), outcome)
    assert outcome.events
    assert re.fullmatch(rb"[\n\x20-\x7e]+", log)
    raw = {char for char in outcome.output if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")}
    assert not raw


def _large_page(kind: str, size: int) -> str:
    """Return a page with one file that pip would take.

    :param kind: ``links`` to other versions, or ``text`` that is no link at all.
    :param size: in bytes.
    """
    file = "<a href='{here.files}acme_core-1.0-py3-none-any.whl'>acme_core-1.0-py3-none-any.whl</a>\n"
    if kind == "text":
        return f"html:<!DOCTYPE html><html><body>{file}<p>{'x' * size}</p></body></html>"
    links = (
        f"<a href='/f/acme_core-0.{number}-py3-none-any.whl'>{'y' * (_LINE - 54)}</a>\n"
        for number in range(size // _LINE)
    )
    return f"html:<!DOCTYPE html><html><body>{file}{''.join(links)}</body></html>"


@pytest.mark.parametrize("kind", ["links", "text", "text without a file"])
@pytest.mark.parametrize("large", ["corp", "public"])
def test_a_page_of_100_megabytes(pair: Pair, tmp_path: Path, large: str, kind: str) -> None:
    size = _LARGE_FOR_HTML5LIB if pips.in_range(pair.plain.pip, "<22.0") else _LARGE
    page = _large_page(kind.partition(" ")[0], size)
    if kind.endswith("without a file"):
        page = re.sub("<a .*</a>\n", "", page)
    scenario = _scenario(
        ["install", "--no-deps", "acme-core"],
        corp={"files": ["acme-core 1.0"]},
        public={"files": ["acme-core 1.0"]},
    )
    told: list[dict[str, float]] = []
    for environment in (pair.plain, pair.guarded):
        with staged(scenario, tmp_path / str(len(told)), None) as stage:
            index = stage.indexes[large]
            # Not through the scenario: its placeholders are looked for in every text.
            index.answers = {"acme-core": page.replace("{here.files}", index.files_url)}
            outcome = _measured(stage, environment)
        told.append(json.loads(outcome.stdout.partition("measured ")[2].splitlines()[0]))
    _print_ratio(pair, f"{kind} of {large}", told)
    if large == "corp" and kind.endswith("without a file"):
        # A page with text and without a file is none: an index that failed, and nobody stands in for it.
        _check(Expected(exit=1, installed={}, code="index-failed"), outcome)
    else:
        _check(Expected(exit=0, installed={"acme-core": "corp 1.0"}), outcome)
    assert told[1]["kib"] <= _MORE * told[0]["kib"]


def _measured(stage: Stage, environment: Environment) -> Outcome:
    """Run the scenario's command below a process that tells how much it took."""
    measuring = (sys.executable, "-c", _MEASURE, "{python}", "-m", "pip")
    stage.scenario = dataclasses.replace(stage.scenario, launch=measuring)
    outcome = stage.run(environment, "new")
    assert "measured " in outcome.stdout, outcome.report()
    return outcome


def _print_ratio(pair: Pair, what: str, told: list[dict[str, float]]) -> None:
    seconds, size = (told[1][key] / told[0][key] for key in ("seconds", "kib"))
    print(  # noqa: T201  # for `pytest -s`, or `-rP`
        f"\npip {pair.plain.pip}, {what}: unguarded {told[0]['seconds']:.1f} s, {told[0]['kib'] / 1024:.0f} MiB; "
        f"guarded {seconds:.2f} times as long, {size:.2f} times the memory"
    )
