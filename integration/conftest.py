"""Which pips, Pythons and resolvers the scenarios run on, the guarded environments, and the table at the end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.attacks.rows import row_cases
from integration.harness import pips, route
from integration.harness.case import Case, environment_of, has_resolver, route_cases, scenario_cases
from integration.harness.children import run_child
from integration.harness.pips import Environment
from integration.harness.results import all_results, empty_counts, print_clients, summary_lines, table_lines
from integration.harness.scenario import FOLDER, find_scenarios
from integration.machines.starts import print_matrix
from integration.machines.state import Ground, Pair, grounds, open_folder

ROOT = Path(__file__).resolve().parent.parent
_LOG = Path("/var/log/indexguard/audit.jsonl")
_ROOTS = ("test_roots.py", "test_roots_activated.py", "test_roots_starts.py", "test_images.py")
_LOG_WAS_THERE = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("scenarios")
    group.addoption(
        "--all-pips", action="store_true", help="run all supported pips, each on its oldest and newest Python"
    )
    group.addoption("--pips", metavar="V,V", help=f"run these pips (default: three of {','.join(pips.CI_PIPS)}, in turns)")
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
        every = [case for case in route_cases(metafunc.config, routes) if has_resolver(case)]
    elif metafunc.function.__name__ == "test_attack":
        every = row_cases(metafunc.config)
    else:
        every = scenario_cases(metafunc.config, find_scenarios(metafunc.config.getoption("--scenarios")))
    metafunc.parametrize("case", every, ids=[case.id for case in every])


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
            done = run_child(command)
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


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A folder for a module's environments that every user may enter."""
    with open_folder() as folder:
        yield folder


@pytest.fixture
def pair(plain: Environment, guarded: Environment | None, shared: Path) -> Pair:
    if guarded is None:
        pytest.skip("--unguarded-only")
    return Pair(_opened(plain, shared / f"plain-{plain.pip}"), _opened(guarded, shared / f"guarded-{plain.pip}"))


def _opened(environment: Environment, folder: Path) -> Environment:
    if folder.exists():
        return Environment(environment.pip, environment.python_version, folder)
    return environment.copy_to(folder)


@pytest.fixture
def ground() -> Iterator[Ground]:
    with grounds() as made:
        yield made


@pytest.fixture
def tls_ground(certificate: Path) -> Iterator[Ground]:
    """A ground whose indexes speak TLS: pip caches nothing that came without."""
    with grounds(certificate) as made:
        yield made


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
    if session.exitstatus == 0 and empty_counts(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    print_clients(terminalreporter)
    if config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"left out: {config.stash[_LEFT_OUT]} tests on further Pythons; --every-python runs them"
        )
    print_matrix(terminalreporter)
    results = all_results(config)
    if not results:
        return
    terminalreporter.section("scenarios")
    for line in [*table_lines(results), *summary_lines(config)]:
        terminalreporter.write_line(line)
    path: Path | None = config.getoption("--routes-table")
    if path is not None:
        path.write_text(route.markdown(route.find_routes(config.getoption("--routes")), results), "utf-8")
        terminalreporter.write_line(f"the table of routes is in {path}")


if sys.version_info < (3, 11):  # pragma: no cover - a clear word instead of "No module named tomllib"
    raise pytest.UsageError("the integration tests need Python 3.11 or later; the pips under test may run on others")
