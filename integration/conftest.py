"""Which pips, Pythons and resolvers the scenarios run on, the guarded environments, and the table at the end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration import pips, route, route_table
from integration.playing import environment_of
from integration.scenario import FOLDER, Scenario, find_scenarios
from integration.starts import print_matrix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integration.pips import Environment

ROOT = Path(__file__).resolve().parent.parent
_LOG = Path("/var/log/indexguard/audit.jsonl")
_ROOTS = ("test_roots.py", "test_roots_activated.py", "test_roots_starts.py", "test_images.py")
_LOG_WAS_THERE = pytest.StashKey[bool]()


@dataclass(frozen=True)
class Cell:
    """One column of the table, on one Python."""

    pip: str
    python: str
    resolver: str

    @property
    def column(self) -> str:
        """The name of the column."""
        return self.pip if self.resolver == "new" else f"{self.pip} legacy"


@dataclass(frozen=True)
class Case:
    """One test: a scenario on a cell."""

    scenario: Scenario
    cell: Cell

    @property
    def id(self) -> str:
        """The name of the test, after the brackets."""
        return f"{self.scenario.name}-{self.cell.pip}-py{self.cell.python}-{self.cell.resolver}"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("scenarios")
    group.addoption(
        "--all-pips", action="store_true", help="run all supported pips, each on its oldest and newest Python"
    )
    group.addoption("--pips", metavar="V,V", help=f"run these pips (default: {','.join(pips.CI_PIPS)})")
    group.addoption(
        "--legacy-pips",
        metavar="V,V",
        help="run the legacy resolver too on these pips "
        f"(default: {','.join(pips.CI_LEGACY_PIPS)}; with --all-pips or --pips: the same pips)",
    )
    group.addoption(
        "--scenarios", metavar="FOLDER", type=Path, default=FOLDER, help="read the scenarios of this folder"
    )
    group.addoption(
        "--every-python",
        action="store_true",
        help="what starts, shadows and conflicts there are: on every Python, not on the oldest and the newest in turns",
    )
    group.addoption(
        "--routes", metavar="FOLDER", type=Path, default=route.FOLDER, help="read the routes of this folder"
    )
    group.addoption("--routes-table", metavar="FILE", type=Path, help="write the table of routes there")
    group.addoption("--unguarded-only", action="store_true", help="run only the unguarded half of each scenario")
    group.addoption("--guarded-wheel", metavar="PATH", type=Path, help="the built wheel (default: built from the tree)")
    group.addoption("--roots", action="store_true", help=f"run {', '.join(_ROOTS)} too: Debian's own pips")


def _chosen(text: str) -> tuple[str, ...]:
    chosen = tuple(filter(None, text.split(",")))
    unknown = [version for version in chosen if version not in pips.ALL_PIPS]
    if unknown:
        raise pytest.UsageError(f"unknown pip {', '.join(unknown)}; known: {', '.join(pips.ALL_PIPS)}")
    return chosen


def chosen_pips(
    config: pytest.Config, default: tuple[str, ...] = pips.CI_PIPS
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the pips for the new and for the legacy resolver.

    :param default: those for the new one, where no option says otherwise.
    """
    named, legacy = config.getoption("--pips"), config.getoption("--legacy-pips")
    if config.getoption("--all-pips"):
        new = pips.ALL_PIPS
    elif named is not None:
        new = _chosen(named)
    else:
        return default, pips.CI_LEGACY_PIPS if legacy is None else _chosen(legacy)
    return new, new if legacy is None else _chosen(legacy)


def cases(config: pytest.Config, scenarios: Iterable[Scenario], default: tuple[str, ...] = pips.CI_PIPS) -> list[Case]:
    """Return every pair of scenario and cell; without --all-pips a scenario runs on one of a pip's two Pythons."""
    new, legacy = chosen_pips(config, default)
    columns = [(pip, "new") for pip in new] + [(pip, "legacy") for pip in legacy]
    found: list[Case] = []
    for row, scenario in enumerate(scenarios):
        for column, (pip, resolver) in enumerate(columns):
            pythons = pips.pythons_for(pip).found
            if not config.getoption("--all-pips"):
                pythons = pythons[(row + column) % len(pythons) :][:1] if pythons else ()
            elif resolver == "legacy":
                pythons = pythons[-1:]
            found.extend(Case(scenario, Cell(pip, python, resolver)) for python in pythons)
    return found


_IN_TURNS = {
    "test_conflicts.py": {("3.9", "stdlib"), ("3.13", "package")},
    "test_shadows.py": {"3.13"},
    "test_start_matrix.py": {"3.9", "3.13", "3.14", "3.15"},
}
"""What runs without --every-python: values of the parameter that names the Python."""
_LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out Debian's roots without --roots, and the Pythons that only --every-python runs: the summary counts them."""
    left_out = set() if config.getoption("--roots") else {item for item in items if item.path.name in _ROOTS}
    further = set() if config.getoption("--every-python") else set(filter(_is_for_every_python, items))
    config.stash[_LEFT_OUT] = len(further)
    if left_out | further:
        config.hook.pytest_deselected(items=left_out | further)
        items[:] = [item for item in items if item not in left_out | further]


def _is_for_every_python(item: pytest.Item) -> bool:
    chosen: set[Any] | None = _IN_TURNS.get(item.path.name)  # type: ignore[assignment]  # of tuples, or of text
    given = getattr(item, "callspec", None)
    if chosen is None or given is None:
        return False
    pythons = [value for value in given.params.values() if _names_python(value)]
    return bool(pythons) and not any(value in chosen for value in pythons)


def _names_python(value: object) -> bool:
    version = value[0] if isinstance(value, tuple) and value else value
    return isinstance(version, str) and re.fullmatch(r"3\.[0-9]+", version) is not None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    if metafunc.function.__name__ == "test_route":
        routes = route.find_routes(metafunc.config.getoption("--routes"))
        every = [case for case in _route_cases(metafunc.config, routes) if _has_resolver(case)]
    else:
        every = cases(metafunc.config, find_scenarios(metafunc.config.getoption("--scenarios")))
    metafunc.parametrize("case", every, ids=[case.id for case in every])


def _route_cases(config: pytest.Config, routes: Iterable[route.Route]) -> list[Case]:
    """Return the halves of every route on the pips that are asked for.

    Without --pips or --all-pips: the attack on the newest pip of the table that has the route and its benign twin on
    the oldest, or the other way round, in turns.
    """
    every = cases(config, [half for found in routes for half in found.halves], pips.ROUTE_PIPS)
    if config.getoption("--all-pips") or config.getoption("--pips"):
        return every
    chosen = {half.name: _some(half, row) for row, found in enumerate(routes) for half in found.halves}
    return [case for case in every if case.cell.pip in chosen[case.scenario.name]]


def _some(half: Scenario, row: int) -> set[str]:
    having = [pip for pip in pips.ROUTE_PIPS if pips.in_range(pip, half.pip)]
    return set(having[-1:] if half.attack == (row % 2 == 0) else having[:1])


def _has_resolver(case: Case) -> bool:
    return case.cell.resolver in case.scenario.resolvers


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def no_policy_here() -> None:
    """Fail if this machine has a policy of its own: it would be a layer of every run."""
    places = [Path("/etc/indexguard/policy.toml")]
    for minor in range(9, 18):
        interpreter = pips.find_interpreter(f"3.{minor}")
        if interpreter is not None:
            places.append(interpreter.parent.parent / "etc" / "indexguard" / "policy.toml")
    found = [str(place) for place in places if place.exists()]
    if found:
        pytest.fail(f"these policies would take part in every run: {', '.join(found)}")


@pytest.fixture(scope="session")
def guard_wheel(session_folder: Path, request: pytest.FixtureRequest) -> Path:
    """The wheel of this tree, built once per session by a pip that is not guarded."""
    given: Path | None = request.config.getoption("--guarded-wheel")
    if given is not None:
        return given.resolve(strict=True)
    folder = session_folder / "wheel"
    with pips.locked(session_folder / "wheel.lock"):
        found = sorted(folder.glob("indexguard-*.whl"))
        if not found:
            newest = pips.ALL_PIPS[-1]
            builder = pips.plain_environment(newest, pips.pythons_for(newest).found[-1])
            command = [str(builder.python), "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
            # Build requirements come from the machine's registry, so the machine's pip configuration stays.
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found = sorted(folder.glob("indexguard-*.whl"))
            if done.returncode != 0 or not found:
                pytest.fail(f"the wheel cannot be built:\n{done.stdout}{done.stderr}")
    return found[0]


@pytest.fixture
def plain(case: Case) -> Environment:
    return environment_of(case)


@pytest.fixture
def guarded(plain: Environment, session_folder: Path, request: pytest.FixtureRequest) -> Environment | None:
    """The same environment with the guard in it; None under --unguarded-only."""
    if request.config.getoption("--unguarded-only"):
        return None
    folder = session_folder / "guarded" / plain.folder.name
    folder.parent.mkdir(exist_ok=True)
    wheel: Path = request.getfixturevalue("guard_wheel")
    return pips.guarded_environment(plain, wheel, folder)


@pytest.fixture(scope="session")
def certificate(session_folder: Path) -> Path:
    """A key and a certificate that nobody signed, in one PEM file."""
    path = session_folder / "certificate.pem"
    with pips.locked(session_folder / "certificate.lock"):
        if not path.exists():
            options = (
                "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
            )
            command = ["openssl", *options.split(), "-keyout", "key.pem", "-out", "crt.pem"]
            subprocess.run(command, cwd=session_folder, check=True, capture_output=True)
            path.write_text((session_folder / "key.pem").read_text() + (session_folder / "crt.pem").read_text())
    return path


def _is_controller(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput")


def pytest_sessionstart(session: pytest.Session) -> None:
    if _is_controller(session.config):
        # Only root writes that log; another user need not clean up, and may not even look.
        session.config.stash[_LOG_WAS_THERE] = os.geteuid() != 0 or _LOG.exists()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not _is_controller(session.config):
        return
    if not session.config.stash[_LOG_WAS_THERE]:
        _LOG.unlink(missing_ok=True)
        if _LOG.parent.is_dir() and not any(_LOG.parent.iterdir()):
            _LOG.parent.rmdir()
    if session.exitstatus == 0 and _empty_counts(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _results(config: pytest.Config) -> list[dict[str, Any]]:
    """Return the properties that each scenario test recorded, with the test's own result."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    found = []
    for status in ("passed", "failed", "skipped", "error") if reporter else ():
        for report in reporter.stats.get(status, ()):
            properties = dict(getattr(report, "user_properties", ()))
            if "scenario" in properties:
                found.append({**properties, "status": status})
    return found


def _counts(config: pytest.Config) -> Counter[str]:
    counts: Counter[str] = Counter()
    for result in _results(config):
        for key in ("attack shown", "refusal", "benign", "not applicable", "missing tool"):
            counts[key] += bool(result.get(key))
    return counts


def _empty_counts(config: pytest.Config) -> list[str]:
    """Return which of the three counts is 0 although the whole suite ran: then it proves nothing."""
    results, counts = _results(config), _counts(config)
    selected = config.option.keyword or config.option.markexpr or any("::" in str(arg) for arg in config.args)
    if not results or selected or config.option.collectonly:
        return []
    wanted = ["attack shown"] if config.getoption("--unguarded-only") else ["attack shown", "refusal", "benign"]
    return [key for key in wanted if counts[key] == 0]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    _print_clients(terminalreporter)
    if config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"left out: {config.stash[_LEFT_OUT]} tests on further Pythons; --every-python runs them"
        )
    print_matrix(terminalreporter)
    results = _results(config)
    if not results:
        return
    terminalreporter.section("scenarios")
    for line in [*_table(results), *_summary(config)]:
        terminalreporter.write_line(line)
    path: Path | None = config.getoption("--routes-table")
    if path is not None:
        path.write_text(route_table.markdown(route.find_routes(config.getoption("--routes")), results), "utf-8")
        terminalreporter.write_line(f"the table of routes is in {path}")


def _print_clients(reporter: Any) -> None:
    """Print what makes environments, who does that, and whether their pip was guarded (test_clients.py)."""
    rows = [("made with", "by", "its pip", "")]
    for status in ("passed", "failed", "skipped"):
        for report in reporter.stats.get(status, ()):
            told = dict(getattr(report, "user_properties", ()))
            if "client" in told:
                state = {True: "guarded", False: "not reached", None: "not run"}[told.get("guarded")]
                rows.append((told["client"], told["made by"], state, "" if status == "passed" else status.upper()))
    if len(rows) == 1:
        return
    reporter.section("clients")
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows[:1] + sorted(rows[1:]):
        line = "  ".join(word.ljust(width) for word, width in zip(row, widths))
        reporter.write_line(line.rstrip())


def _table(results: list[dict[str, Any]]) -> list[str]:
    """Return version x scenario; narrow columns, because there may be fifty."""
    columns = sorted({result["column"] for result in results}, key=_column_key)
    rows: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    pythons: dict[str, set[str]] = defaultdict(set)
    for result in results:
        word = {"passed": "ok", "skipped": "--"}.get(result["status"], "**")
        rows[result["scenario"]][result["column"]].add(word)
        pythons[result["column"]].add(result["python"])
    width = max(map(len, rows))
    letters = {column: f"{number:>3}" for number, column in enumerate(columns, 1)}
    lines = [
        f"{number} = pip {column} on Python {', '.join(sorted(pythons[column], key=pips.version_key))}"
        for column, number in letters.items()
    ]
    lines += [" ok = as expected, ** = failed, -- = not applicable or a tool is missing"]
    lines.append(f"{'':<{width}} {''.join(letters.values())}")
    for name, cells in sorted(rows.items()):
        words = (next((word for word in ("**", "ok", "--") if word in cells[column]), "") for column in columns)
        lines.append(f"{name:<{width}} {''.join(f'{word:>3}' for word in words)}")
    return lines


def _column_key(column: str) -> tuple[bool, tuple[int, ...]]:
    version, _, legacy = column.partition(" ")
    return bool(legacy), pips.version_key(version)


def _summary(config: pytest.Config) -> list[str]:
    counts = _counts(config)
    new, legacy = chosen_pips(config)
    missing = [reason for pip in dict.fromkeys((*new, *legacy)) for reason in pips.pythons_for(pip).missing]
    lines = [
        f"attacks that succeeded unguarded: {counts['attack shown']}",
        f"guarded runs with something refused, dropped or stopped: {counts['refusal']}",
        f"benign passes under the guard: {counts['benign']}",
        f"not applicable: {counts['not applicable']}",
        f"not run, a tool is missing: {counts['missing tool']}",
        f"missing interpreters: {len(missing)}",
        *(f"  {reason}" for reason in missing),
    ]
    return lines + [f"FAILED: no {key} at all, so this run proves nothing" for key in _empty_counts(config)]


if sys.version_info < (3, 11):  # pragma: no cover - a clear word instead of "No module named tomllib"
    raise pytest.UsageError("the integration tests need Python 3.11 or later; the pips under test may run on others")
