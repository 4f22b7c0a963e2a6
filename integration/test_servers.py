"""Real pips against real index servers: pypiserver, devpi, simple-repository-server, nginx, and the default index by name.

Each test is a scenario (``scenario.py``) whose indexes are servers from the registry. It is run without the guard, where
the attack must succeed, then with it.
"""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest

from integration.harness import namespace, pips, servers
from integration.harness.cases import read_cases
from integration.harness.children import run_child
from integration.harness.dists import Dist
from integration.harness.scenario import read_scenario
from integration.harness.scripted_index import Listed, ScriptedIndex
from integration.harness.servers import RealIndex
from integration.harness.stage import Stage, mismatches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.harness.pips import Environment

CASES = read_cases(__file__)

pytestmark = pytest.mark.usefixtures("no_policy_here")

_PIPS = ("21.3.1", "26.3")
_LOGIN = "ci:s3cret-of-ci"
_PUBLIC = (
    Dist("acme-core", "99.0", "public"),
    Dist("acme-app", "1.0", "public"),
    Dist("pubdep", "2.0", "public"),
)
_INTERNAL = (
    Dist("acme-core", "1.0", "internal"),
    Dist("acme-app", "1.0", "internal", requires=("acme-core", "pubdep")),
)


@dataclass(frozen=True)
class Trial:
    """Runs a scenario on one pip, without and with the guard."""

    plain: Environment
    guarded: Environment | None
    """None under --unguarded-only."""
    public: ScriptedIndex
    folder: Path
    record: Callable[[str, object], None]

    def skip(self, reason: str) -> None:
        """Skip the test, and have the summary count it."""
        self._record_name("servers")
        self.record("missing tool", True)
        pytest.skip(reason)

    def _record_name(self, name: str) -> None:
        for key, value in (("scenario", name), ("column", self.plain.pip), ("python", self.plain.python_version)):
            self.record(key, value)

    def run(self, name: str, text: str, **urls: str) -> None:
        """Run the scenario ``text``, in which ``{NAME}`` stands for one of ``urls``, and fail where it goes otherwise.

        ``{public}`` is the public index.
        """
        for key, url in urls.items():
            text = text.replace(f"{{{key}}}", url)
        scenario = read_scenario(name, text)
        self._record_name(name)
        for half, environment, expected in (
            ("unguarded", self.plain, scenario.unguarded),
            ("guarded", self.guarded, scenario.guarded),
        ):
            if environment is None:
                return
            stage = Stage(scenario, self.folder / name / half, {"public": self.public})
            stage.prepare()
            outcome = stage.run(environment, "new")
            found = mismatches(expected, outcome)
            if found:
                pytest.fail(
                    "\n".join([f"{half}:", *(f"  - {item}" for item in found), outcome.report()]), pytrace=False
                )
            if half == "unguarded":
                self.record("attack shown", scenario.attack)
        self.record("refusal", outcome.exit != 0 or any(event["event"] == "shadowed" for event in outcome.events))
        self.record("benign", not scenario.attack and outcome.exit == 0)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Two pips, an old and the newest, or those of ``--pips``."""
    if "environments" in metafunc.fixturenames:
        named = metafunc.config.getoption("--pips")
        chosen = _PIPS if named is None else tuple(filter(None, named.split(",")))
        metafunc.parametrize("environments", chosen, indirect=True, scope="module")


@pytest.fixture(scope="module")
def environments(request: pytest.FixtureRequest, session_folder: Path) -> tuple[Environment, Environment | None]:
    """One pip without and with the guard."""
    found = pips.pythons_for(request.param).found
    if not found:
        pytest.skip(f"no Python for pip {request.param}")
    plain = pips.plain_environment(request.param, found[-1])
    if request.config.getoption("--unguarded-only"):
        return plain, None
    folder = session_folder / "guarded" / f"pip-{plain.pip}-python-{plain.python_version}"
    folder.parent.mkdir(exist_ok=True)
    return plain, pips.guarded_environment(plain, request.getfixturevalue("guard_wheel"), folder)


@pytest.fixture(scope="module")
def public() -> Iterator[ScriptedIndex]:
    """The public index, with an attacker's files."""
    with ScriptedIndex("public", [Listed(dist) for dist in _PUBLIC], json_pages=True) as index:
        yield index


@pytest.fixture
def trial(
    environments: tuple[Environment, Environment | None],
    public: ScriptedIndex,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> Trial:
    return Trial(*environments, public, tmp_path, record_property)


def _text(*, command: str, policy: str, unguarded: str, guarded: str, attack: bool = True) -> str:
    """Return a scenario file; ``command`` is what stands after ``install``, blank-separated."""
    words = ", ".join(f'"{word}"' for word in ["install", *command.split()])
    return (
        f'description = "a real server"\nattack = {str(attack).lower()}\ncommand = [{words}]\n'
        f"[policy]\ntext = '''\nversion = 1\n{policy}'''\n[unguarded]\n{unguarded}\n[guarded]\n{guarded}\n"
    )


_BOTH = CASES["both"]
_GOT_PUBLIC = 'exit = 0\ninstalled = { acme-core = "public 99.0" }\n'
_GOT_INTERNAL = 'exit = 0\ninstalled = { acme-core = "internal 1.0" }\n'
_SHADOWED = 'events = [{ event = "shadowed", code = "shadowed-name", name = "acme-core", versions = ["99.0"] }]\n'
_QUIET = 'lacks = ["s3cret"]\n'


def _refused(code: str, *more: str) -> str:
    event = f'events = [{{ event = "refused", code = "{code}", name = "acme-core" }}]\n'
    return f'exit = 1\ninstalled = {{}}\ncode = "{code}"\n{event}{"".join(more)}'


# pypiserver


@pytest.fixture(scope="module")
def private_pypiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealIndex]:
    """Asks for a login, and says 404 for what it does not have."""
    with servers.pypiserver(tmp_path_factory.mktemp("pypiserver"), _INTERNAL, None, _LOGIN) as index:
        yield index


def test_pypiserver_with_a_login(trial: Trial, private_pypiserver: RealIndex) -> None:
    text = _text(
        command="--index-url {login} --extra-index-url {public} acme-core",
        policy=_BOTH,
        unguarded=_GOT_PUBLIC,
        guarded=_GOT_INTERNAL + _SHADOWED + _QUIET,
    )
    trial.run("pypiserver-login", text, internal=private_pypiserver.url, login=private_pypiserver.login_url)


@pytest.mark.parametrize("login", ["", "ci:s3cret-but-wrong@"], ids=["none", "wrong"])
def test_pypiserver_without_a_login_that_it_takes(trial: Trial, private_pypiserver: RealIndex, login: str) -> None:
    text = _text(
        command="--index-url {login} --extra-index-url {public} acme-core",
        policy=_BOTH,
        unguarded=_GOT_PUBLIC,
        guarded=_refused("index-failed", 'says = ["401"]\n', _QUIET),
    )
    url = private_pypiserver.url
    trial.run("pypiserver-401", text, internal=url, login=url.replace("://", f"://{login}"))


def test_pypiserver_serves_a_whole_tree_of_requirements(trial: Trial, private_pypiserver: RealIndex) -> None:
    got = '{ acme-core = "internal 1.0", acme-app = "internal 1.0", pubdep = "public 2.0" }'
    text = _text(
        # The public acme-app has the same version; pip takes the last index, and with it none of the requirements.
        command="--index-url {login} --extra-index-url {public} acme-app",
        policy=_BOTH,
        unguarded='exit = 0\ninstalled = { acme-app = "public 1.0" }\n',
        guarded=f"exit = 0\ninstalled = {got}\n" + _SHADOWED + _QUIET,
    )
    trial.run("pypiserver-tree", text, internal=private_pypiserver.url, login=private_pypiserver.login_url)


@pytest.fixture(scope="module")
def forwarding_pypiserver(tmp_path_factory: pytest.TempPathFactory, public: ScriptedIndex) -> Iterator[RealIndex]:
    """Sends clients to the public index for what it does not have, as pypiserver does unless told otherwise."""
    held = [Dist("acme-other", "1.0", "internal")]
    with servers.pypiserver(tmp_path_factory.mktemp("forwarding"), held, public.url, None) as index:
        yield index


def test_pypiserver_sends_an_unknown_name_to_the_public_index(trial: Trial, forwarding_pypiserver: RealIndex) -> None:
    text = _text(
        command="--index-url {internal} acme-core",  # no other index is configured
        policy=_BOTH,
        unguarded=_GOT_PUBLIC,
        guarded=_refused(
            "redirected", 'says = ["which was not asked", "--disable-fallback"]\nnot-asked = ["public:*"]\n'
        ),
    )
    trial.run("pypiserver-redirect", text, internal=forwarding_pypiserver.url)


def test_pypiserver_as_the_one_index_of_a_pip(
    trial: Trial, forwarding_pypiserver: RealIndex, tmp_path_factory: pytest.TempPathFactory
) -> None:
    alone = '[indexes.internal]\nurl = "{internal}"\nnamespaces = ["acme"]\npackages = ["*"]\n'
    got = 'exit = 0\ninstalled = { pubdep = "public 2.0" }\n'
    advice = (
        "/pubdep/, which was not asked",
        "add that other index to pip.conf (`extra-index-url = ",
        'give it `packages = ["*"]`',
        "--disable-fallback",
    )
    says = ", ".join(f"'{text}'" for text in advice)
    text = _text(
        command="--index-url {internal} pubdep",
        policy=alone,
        unguarded=got,
        guarded=f'exit = 1\ninstalled = {{}}\ncode = "redirected"\nsays = [{says}]\nnot-asked = ["public:*"]\n',
        attack=False,
    )
    trial.run("pypiserver-alone", text, internal=forwarding_pypiserver.url)
    # The advice, followed.
    held = [Dist("acme-other", "1.0", "internal")]
    with servers.pypiserver(tmp_path_factory.mktemp("advised"), held, None, None) as index:
        got = 'exit = 0\ninstalled = { acme-other = "internal 1.0", pubdep = "public 2.0" }\n'
        text = _text(
            command="--index-url {internal} --extra-index-url {public} pubdep acme-other",
            policy=_BOTH,
            unguarded=got,
            guarded=got,
            attack=False,
        )
        trial.run("pypiserver-advised", text, internal=index.url)


def test_pypiserver_that_forwards_is_no_obstacle_to_public_names(
    trial: Trial, forwarding_pypiserver: RealIndex
) -> None:
    got = 'exit = 0\ninstalled = { pubdep = "public 2.0" }\n'
    text = _text(
        command="--index-url {internal} --extra-index-url {public} pubdep",
        policy=_BOTH,
        unguarded=got,
        guarded=got,
        attack=False,
    )
    trial.run("pypiserver-public", text, internal=forwarding_pypiserver.url)


# devpi


@pytest.fixture(scope="module")
def mixing_devpi(tmp_path_factory: pytest.TempPathFactory, public: ScriptedIndex) -> Iterator[servers.Devpi]:
    """Its page for acme-core holds the public index's files too."""
    with servers.devpi(tmp_path_factory.mktemp("devpi"), _INTERNAL, public.url, "acme-core") as found:
        yield found


_DEVPI = CASES["policy"]


def _run_devpi(trial: Trial, found: servers.Devpi, name: str, text: str) -> None:
    trial.run(name, text, prod=found.prod.url, mirror=found.mirror.url, origin=found.prod.origin)


def test_devpi_mixes_two_indexes_on_one_page(trial: Trial, mixing_devpi: servers.Devpi) -> None:
    dropped = 'events = [{ event = "dropped", code = "file-elsewhere", name = "acme-core", versions = ["99.0"] }]\n'
    text = _text(
        command="--index-url {prod} acme-core", policy=_DEVPI, unguarded=_GOT_PUBLIC, guarded=_GOT_INTERNAL + dropped
    )
    _run_devpi(trial, mixing_devpi, "devpi-mixed-page", text)


def test_devpi_has_nothing_left_for_the_attackers_version(trial: Trial, mixing_devpi: servers.Devpi) -> None:
    text = _text(
        command="--index-url {prod} acme-core==99.0",
        policy=_DEVPI,
        unguarded=_GOT_PUBLIC,
        guarded=_refused("file-elsewhere"),
    )
    _run_devpi(trial, mixing_devpi, "devpi-mixed-page-pinned", text)


def test_devpi_serves_both_worlds(trial: Trial, mixing_devpi: servers.Devpi) -> None:
    got = '{ acme-core = "internal 1.0", acme-app = "internal 1.0", pubdep = "public 2.0" }'
    text = _text(
        command="--index-url {prod} --extra-index-url {mirror} acme-app",
        policy=_DEVPI,
        unguarded='exit = 0\ninstalled = { acme-app = "public 1.0" }\n',
        guarded=f"exit = 0\ninstalled = {got}\n",
    )
    _run_devpi(trial, mixing_devpi, "devpi-tree", text)


def test_devpi_without_files_from_cannot_be_told_apart(trial: Trial, mixing_devpi: servers.Devpi) -> None:
    """A limit, pinned: one page, one address, and no word in the policy about where files lie."""
    text = _text(
        command="--index-url {prod} acme-core",
        policy=_DEVPI.replace('files-from = ["{origin}/corp/prod/"]\n', ""),
        unguarded=_GOT_PUBLIC,
        guarded=_GOT_PUBLIC,
        attack=False,  # it succeeds both times
    )
    _run_devpi(trial, mixing_devpi, "devpi-without-files-from", text)


# simple-repository-server: the control


def test_simple_repository_server_needs_no_guard(
    trial: Trial, public: ScriptedIndex, tmp_path_factory: pytest.TempPathFactory
) -> None:
    got = 'exit = 0\ninstalled = { acme-core = "internal 1.0", acme-app = "internal 1.0", pubdep = "public 2.0" }\n'
    text = _text(
        command="--index-url {internal} acme-app",
        policy='[indexes.internal]\nurl = "{internal}"\npackages = ["*"]\nnamespaces = ["acme"]\n',
        unguarded=got,
        guarded=got,
        attack=False,
    )
    folder = tmp_path_factory.mktemp("simple-repository-server")
    with servers.simple_repository_server(folder, _INTERNAL, public.url) as index:
        trial.run("simple-repository-server", text, internal=index.url)


# nginx, for TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> servers.Authority:
    """A certificate authority that nobody knows."""
    return servers.Authority.create(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="module")
def certificate(authority: servers.Authority) -> Path:
    """For 127.0.0.1."""
    return authority.issue("loopback", ["IP:127.0.0.1"])


def _need_nginx(trial: Trial) -> None:
    if servers.find_nginx() is None:
        trial.skip("missing: nginx (Debian: nginx-light)")


@pytest.fixture(scope="module")
def tls_or_none(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[RealIndex | None]:
    if servers.find_nginx() is None:
        yield None
        return
    with servers.nginx(tmp_path_factory.mktemp("nginx"), _INTERNAL, certificate) as index:
        yield index


@pytest.fixture
def tls(trial: Trial, tls_or_none: RealIndex | None) -> RealIndex:
    """An internal index over TLS."""
    _need_nginx(trial)
    assert tls_or_none is not None
    return tls_or_none


_TRUSTED = "--cert {ca} --index-url {internal} --extra-index-url {public} acme-core"


def test_nginx_with_a_certificate_that_pip_knows(trial: Trial, authority: servers.Authority, tls: RealIndex) -> None:
    text = _text(command=_TRUSTED, policy=_BOTH, unguarded=_GOT_PUBLIC, guarded=_GOT_INTERNAL + _SHADOWED)
    trial.run("nginx-tls", text, internal=tls.url, ca=str(authority.certificate))


def test_nginx_with_a_certificate_that_pip_does_not_know(trial: Trial, tls: RealIndex) -> None:
    text = _text(
        command="--index-url {internal} --extra-index-url {public} acme-core",
        policy=_BOTH,
        unguarded=_GOT_PUBLIC,
        guarded=_refused("index-failed"),
    )
    trial.run("nginx-unknown-certificate", text, internal=tls.url)


def test_nginx_on_a_host_that_pip_trusts_without_looking(trial: Trial, tls: RealIndex) -> None:
    host = tls.origin.partition("://")[2]
    text = _text(
        command=f"--trusted-host {host} --index-url {{internal}} --extra-index-url {{public}} acme-core",
        policy=_BOTH,
        unguarded=_GOT_PUBLIC,
        guarded=_refused("unverified-index"),
    )
    trial.run("nginx-trusted-host", text, internal=tls.url)


def test_nginx_sends_an_unknown_name_to_the_public_index(
    trial: Trial, authority: servers.Authority, certificate: Path, tmp_path: Path
) -> None:
    _need_nginx(trial)
    folder = tmp_path / "nginx"
    folder.mkdir()
    text = _text(
        command="--cert {ca} --index-url {internal} acme-core",
        policy=_BOTH,
        unguarded=_GOT_PUBLIC,
        guarded=_refused("unverified-index", 'not-asked = ["public:*"]\n'),  # the public index here has no TLS
    )
    held = [Dist("acme-other", "1.0", "internal")]
    with servers.nginx(folder, held, certificate, trial.public.url) as index:
        trial.run("nginx-redirect", text, internal=index.url, ca=str(authority.certificate))


# the default index by its real name

_CORP = "packages.corp.example"


@dataclass(frozen=True)
class _Inside(pips.Environment):
    """The same environment, its Python run inside of the namespace."""

    wrapper: Path = Path()

    @property
    def python(self) -> Path:
        return self.wrapper


def _inside(environment: Environment, space: namespace.Namespace, script: Path) -> _Inside:
    space.write_wrapper(environment.python, script)
    return _Inside(**dataclasses.asdict(environment), wrapper=script)


def _default_index_host(environment: Environment) -> str:
    """Return the host of the index that this pip asks when it is told nothing."""
    code = "from pip._internal.models.index import PyPI; print(PyPI.netloc)"
    done = run_child([str(environment.python), "-I", "-c", code], check=True)
    return done.stdout.strip()


@pytest.fixture
def world(trial: Trial, authority: servers.Authority, tmp_path: Path) -> Iterator[Trial]:
    """A network in which there is nothing but the default index and the one of corp, on loopback."""
    obstacle = namespace.find_obstacle()
    if obstacle is not None:
        trial.skip(obstacle)
    host = _default_index_host(trial.plain)
    certificate = authority.issue(f"world-{trial.plain.pip}", [f"DNS:{host}", f"DNS:{_CORP}"])
    servers.write_tree(tmp_path / "default", _PUBLIC)
    servers.write_tree(tmp_path / "corp", [*_INTERNAL, Dist("acme-gone", "1.0", "internal")])
    trees = {host: tmp_path / "default", _CORP: tmp_path / "corp"}
    with ExitStack() as stack:
        space = stack.enter_context(namespace.entered(tmp_path, trees, certificate))
        guarded = None if trial.guarded is None else _inside(trial.guarded, space, tmp_path / "guarded-python")
        yield dataclasses.replace(trial, plain=_inside(trial.plain, space, tmp_path / "python"), guarded=guarded)


_DEFAULT = CASES["default"]


def test_the_default_index_by_its_real_name(world: Trial, authority: servers.Authority) -> None:
    text = _text(
        command=f"--cert {{ca}} --extra-index-url https://{_CORP}/simple/ acme-core",
        policy=_DEFAULT,
        unguarded=_GOT_PUBLIC,
        guarded=_GOT_INTERNAL + _SHADOWED,
    )
    world.run("default-index", text, ca=str(authority.certificate))


def test_a_name_that_only_the_default_index_has(world: Trial, authority: servers.Authority, tmp_path: Path) -> None:
    (tmp_path / "corp" / "simple" / "acme-core" / "index.html").unlink()
    (tmp_path / "corp" / "simple" / "acme-core").rmdir()
    text = _text(
        command=f"--cert {{ca}} --extra-index-url https://{_CORP}/simple/ acme-core",
        policy=_DEFAULT,
        unguarded=_GOT_PUBLIC,
        guarded=_refused("shadowed-name"),
    )
    world.run("default-index-deleted", text, ca=str(authority.certificate))


def test_public_names_still_come_from_the_default_index(world: Trial, authority: servers.Authority) -> None:
    got = 'exit = 0\ninstalled = { pubdep = "public 2.0" }\n'
    text = _text(
        command=f"--cert {{ca}} --extra-index-url https://{_CORP}/simple/ pubdep",
        policy=_DEFAULT,
        unguarded=got,
        guarded=got,
        attack=False,
    )
    world.run("default-index-public", text, ca=str(authority.certificate))
