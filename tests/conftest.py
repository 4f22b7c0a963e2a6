"""What several tests share: the built wheel, and environments that hold it."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from integration.harness.dists import Dist

from support.bases import Base, make_base
from support.environments import BUILD_PYTHONS, Environment, Workshop, find_python, require_python
from support.inpip_bench import Bench, Index
from support.shell import ListingIndex, Shell

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


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """A base of this Python's version."""
    return make_base(tmp_path, sys.executable)


@pytest.fixture(params=["3.9", "3.10", "3.11", "3.12", "3.13"])
def any_base(request: pytest.FixtureRequest, tmp_path: Path) -> Base:
    """A base of each version that the machine has."""
    return make_base(tmp_path, require_python(request.param))


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command, away from the policies, settings and logs of the machine."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "INDEXGUARD_", "XDG_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.chdir(home)
    for kind in ("machine", "interpreter"):
        path = str(home / kind / "policy.toml")
        for module in ("indexguard.policy.layers", "indexguard.cli.policy.init"):
            monkeypatch.setattr(f"{module}.{kind}_policy_path", lambda *_, path=path: path)
    return Shell(home, capsys, monkeypatch)


@pytest.fixture
def indexes() -> Iterator[list[ListingIndex]]:
    """Two empty indexes on loopback."""
    with ListingIndex() as one, ListingIndex() as other:
        yield [one, other]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Two indexes: corp has acme-core 1.0, the public one has acme-core 99.0 and foo 1.0."""
    with Index() as corp, Index() as public:
        corp.publish(Dist("acme-core", "1.0", "corp"))
        public.publish(Dist("acme-core", "99.0", "public"))
        public.publish(Dist("foo", "1.0", "public"))
        yield Bench(corp, public, tmp_path)


@pytest.fixture
def pip_module() -> Callable[[str], Any]:
    """Returns a module of the pip that this environment has."""
    pytest.importorskip("pip")

    def module(name: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an old pip on a new Python
            return importlib.import_module(f"pip.{name}")

    module("_internal.exceptions")
    return module
