"""What several tests share: the built wheel, and environments that hold it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from environments import BUILD_PYTHONS, Environment, Workshop, find_python, require_python

LOG = Path("/var/log/indexguard/audit.jsonl")  # where the guard logs when it runs as root
_LOG_WAS_THERE = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the comparison with the policy's model."""
    group = parser.getgroup("indexguard model")
    group.addoption("--model-worlds", type=int, metavar="N", help="draw N worlds anew, instead of the few of each run")
    group.addoption("--model-pips", default="this", metavar="VERSIONS", help="pips that play them, such as 20.3.4,26.3")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each pip that is asked for to the tests that play worlds."""
    if "model_pip" in metafunc.fixturenames:
        metafunc.parametrize("model_pip", metafunc.config.getoption("--model-pips").split(","), scope="module")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the worlds met."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for counts in (value for name, value in report.user_properties if name == "model"):
                terminalreporter.section(f"model: {report.nodeid.rpartition('::')[2]}")
                for what, number in sorted(counts.items()):
                    terminalreporter.write_line(f"{number:9,} {what}")


def pytest_configure(config: pytest.Config) -> None:
    """Remember whether the log of root was there before the tests."""
    config.stash[_LOG_WAS_THERE] = LOG.exists()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the log of root if the tests made it."""
    is_worker = hasattr(session.config, "workerinput")
    if not is_worker and not session.config.stash[_LOG_WAS_THERE] and LOG.exists():
        LOG.unlink()
        if not any(LOG.parent.iterdir()):
            LOG.parent.rmdir()


@pytest.fixture
def model_worlds(request: pytest.FixtureRequest) -> int | None:
    """How many worlds are to be drawn anew; None for the few of each run."""
    worlds: int | None = request.config.getoption("--model-worlds")
    return worlds


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Workshop:
    """The place where slow things are made once for all workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "workshop"
    folder.mkdir(exist_ok=True)
    return Workshop(folder)


@pytest.fixture(scope="session")
def build_python() -> str:
    """The version of the Python that builds: this one if it can."""
    own = f"3.{sys.version_info.minor}"
    return next(version for version in (own, *BUILD_PYTHONS) if version in BUILD_PYTHONS and find_python(version))


@pytest.fixture(scope="session")
def wheel(workshop: Workshop, build_python: str) -> Path:
    """The wheel, built from the source tree."""
    return workshop.build("wheel", workshop.builder(build_python), workshop.tree("tree"), "wheel")


@pytest.fixture(scope="session")
def plain(workshop: Workshop) -> Environment:
    """An environment without the guard; not to be changed."""
    version = f"3.{sys.version_info.minor}"
    return workshop.environment(f"plain-{version}", require_python(version))


def _guarded(workshop: Workshop, wheel: Path, version: str) -> Environment:
    plain = workshop.environment(f"plain-{version}", require_python(version))
    with workshop.once(f"guarded-{version}") as (root, new):
        if new:
            plain.copy(root).install(wheel)
    return Environment(root)


@pytest.fixture(scope="session")
def guarded(workshop: Workshop, wheel: Path) -> Environment:
    """An environment with the guard, installed from the wheel; not to be changed."""
    return _guarded(workshop, wheel, f"3.{sys.version_info.minor}")


@pytest.fixture
def guarded_copy(guarded: Environment, tmp_path: Path) -> Environment:
    """An environment with the guard that the test may break."""
    return guarded.copy(tmp_path / "guarded")


@pytest.fixture
def guarded_copy_of(workshop: Workshop, wheel: Path, tmp_path: Path) -> Callable[[str], Environment]:
    """As `guarded_copy`, for a version of Python; skips if the machine has none."""
    return lambda version: _guarded(workshop, wheel, version).copy(tmp_path / f"guarded-{version}")
