"""Everything that makes environments, on a laptop whose base interpreters are guarded for one account: is their pip?

What is reached, and by what, is asserted as it is: ``base`` where an activated interpreter makes the environment,
``tool`` where the program does that in an environment of its own, which is guarded if it was made after the activation
or is seeded, ``none`` where no Python takes part. What is not reached is then seeded, and must be guarded; what is
reached loses its seed, and must fall for the attack: else it proves nothing.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from integration.harness import pips
from integration.harness.dists import Dist, origin_of_wheel, write_project
from integration.harness.pips import Environment
from integration.harness.playing import Record
from integration.machines.laptop import INTERNAL, PUBLIC, Laptop, laptop, origin_in

_PYTHONS = ("3.9", "3.11", "3.13")
_PYPROJECT = '[project]\nname = "app"\nversion = "1.0"\nrequires-python = ">=3.9"\n'


@dataclass(frozen=True)
class Client:
    """A program that makes environments."""

    name: str
    made_by: str
    """``base``, ``tool`` or ``none``, as above."""
    commands: tuple[tuple[str, ...], ...]
    """What makes the environment and has its pip install; ``{python}`` is the tool's environment's, ``{base}`` the
    activated one, ``{env}`` the environment's folder, ``{pip}`` a pip wheel to run."""
    python: str = "3.13"
    tools: tuple[str, ...] = ()
    environment: str = "{env}"
    """Where the environment is: absolute, or from the folder that the commands run in."""
    files: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """As in the table."""
        return f"{self.name} (Python {self.python})"


_INSTALL = ("{env}/bin/python", "-m", "pip", "install", "--quiet", "acme-core")
_INSTALL_BY_WHEEL = ("{env}/bin/python", "{pip}/pip", "install", "--quiet", "acme-core")


def _venv(python: str, *options: str) -> Client:
    name = " ".join(("python -m venv", *options))
    return Client(name, "base", (("{base}", "-m", "venv", *options, "{env}"), _INSTALL), python)


def _virtualenv(version: str, python: str) -> Client:
    commands = (("{python}", "-m", "virtualenv", "--quiet", "{env}"), _INSTALL)
    return Client(f"virtualenv {version}", "tool", commands, python, (f"virtualenv=={version}",))


CLIENTS = (
    *(_venv(python) for python in _PYTHONS),
    _venv("3.13", "--system-site-packages"),
    Client(
        "python -I -m venv",  # which takes no part in the user's site-packages
        "none",
        (("{base}", "-I", "-m", "venv", "{env}"), _INSTALL),
    ),
    _virtualenv("20.13.0", "3.11"),
    _virtualenv("20.24.0", "3.11"),
    _virtualenv("21.15.11", "3.13"),
    Client(
        "virtualenv 21.15.11 on PYTHONPATH",  # as `pip install --user virtualenv`, or as PyCharm's
        "base",
        (("{base}", "-m", "virtualenv", "--quiet", "{env}"), _INSTALL),
        tools=("virtualenv==21.15.11",),
        environ={"PYTHONPATH": "{site}"},
    ),
    Client(
        "pipenv 2026.10.3",
        "tool",
        (("{python}", "-m", "pipenv", "run", "python", "{pip}/pip", "install", "--quiet", "acme-core"),),
        tools=("pipenv==2026.10.3",),
        environment=".venv",
        files={"Pipfile": ""},
        environ={"PIPENV_VENV_IN_PROJECT": "1", "PIPENV_PYTHON": "{base}"},
    ),
    Client(
        "pipx 1.18.4",
        "base",
        (("{python}", "-m", "pipx", "install", "--quiet", "acme-core"),),
        tools=("pipx==1.18.4",),
        environment="{home}/.local/share/pipx/venvs/acme-core",
        # Its shared pip is the one that Python brings, because neither index has another.
        environ={"PIPX_DISABLE_SHARED_LIBS_AUTO_UPGRADE": "1"},
    ),
    Client(
        "tox 4.67.15",
        "tool",
        (("{python}", "-m", "tox", "run", "-q"),),
        tools=("tox==4.67.15",),
        environment=".tox/py",
        files={"tox.ini": "[testenv]\npackage = skip\ndeps = acme-core\ncommands = python -c 'import acme_core'\n"},
    ),
    Client(
        "nox 2026.10.20",
        "tool",
        (("{python}", "-m", "nox"),),
        tools=("nox==2026.10.20",),
        environment=".nox/check",
        files={"noxfile.py": "import nox\n@nox.session\ndef check(session):\n    session.install('acme-core')\n"},
    ),
    Client(
        "nox 2026.10.20 --default-venv-backend venv",
        "tool",
        (("{python}", "-m", "nox", "--default-venv-backend", "venv"),),
        tools=("nox==2026.10.20",),
        environment=".nox/check",
        files={"noxfile.py": "import nox\n@nox.session\ndef check(session):\n    session.install('acme-core')\n"},
    ),
    Client(
        "hatch 1.18.2",
        "tool",
        (("{python}", "-m", "hatch", "run", "python", "-c", "import acme_core"),),
        tools=("hatch==1.18.2",),
        environment="venv",
        files={
            "pyproject.toml": _PYPROJECT
            + '[tool.hatch.envs.default]\npath = "venv"\nskip-install = true\ndependencies = ["acme-core"]\n'
        },
    ),
    Client(
        "poetry 2.5.1",
        "tool",
        (
            ("{python}", "-m", "poetry", "install", "--no-root", "--quiet"),
            ("{python}", "-m", "poetry", "run", "python", "{pip}/pip", "install", "--quiet", "acme-core"),
        ),
        tools=("poetry==2.5.1",),
        environment=".venv",
        files={"pyproject.toml": _PYPROJECT},
        environ={"POETRY_VIRTUALENVS_IN_PROJECT": "true"},
    ),
    Client(
        "uv 0.13.9: uv venv",
        "none",
        (
            ("{python}", "-m", "uv", "venv", "--quiet", "--no-config", "--offline", "--python", "{base}", "{env}"),
            _INSTALL_BY_WHEEL,
        ),
        tools=("uv==0.13.9",),
    ),
)


@functools.cache
def find_base(version: str) -> Path | None:
    """Return a base interpreter that can make environments with pip; a distribution may keep that in a package apart."""
    found = pips.find_interpreter(version)
    if found is None:
        return None
    answer = subprocess.run([found, "-I", "-c", "import ensurepip"], capture_output=True, check=False)
    return found if answer.returncode == 0 else None


@pytest.fixture(scope="module")
def machine(
    tmp_path_factory: pytest.TempPathFactory,
    guard_wheel: Path,
    no_policy_here: None,  # noqa: ARG001
) -> Iterator[Laptop]:
    """The laptop, activated for every Python that the machine has."""
    found = [path for path in map(find_base, _PYTHONS) if path is not None]
    if not found:
        pytest.skip(f"missing: Python {', '.join(_PYTHONS)}, with ensurepip")
    with laptop(tmp_path_factory.mktemp("laptop"), guard_wheel, found) as made:
        yield made


def _cases() -> list[tuple[Client, bool]]:
    seeded = [(client, True) for client in CLIENTS if client.made_by == "tool"]
    return [(client, False) for client in CLIENTS] + seeded


def _id(value: object) -> str:
    return value.title.replace(" ", "-") if isinstance(value, Client) else "tool-seeded" if value else "as-it-comes"


@pytest.mark.parametrize(("client", "tool_seeded"), _cases(), ids=_id)
def test_environment_of_a_client(
    client: Client, *, tool_seeded: bool, machine: Laptop, tmp_path: Path, record_property: Record
) -> None:
    record_property("client", client.title)
    record_property("made by", client.made_by + (", seeded" if tool_seeded else ""))
    base = find_base(client.python)
    if base is None:
        pytest.skip(f"missing: Python {client.python}, with ensurepip")
    places = {"base": str(base), "pip": str(machine.pip), "env": str(tmp_path / "env"), "home": str(machine.home)}
    if client.tools:
        tool = tool_before_activation(client, tmp_path)
        places |= {"python": str(tool.python), "site": str(tool.site_packages)}
        if tool_seeded:
            assert "live" in machine.indexguard("seed", tool.folder)
    cwd = tmp_path / "app"
    cwd.mkdir()
    for name, text in client.files.items():
        (cwd / name).write_text(text, encoding="utf-8")

    environ = {name: value.format(**places) for name, value in client.environ.items()}
    for words in client.commands:
        done = machine.run(*(word.format(**places) for word in words), cwd=cwd, **environ)
        assert "is not seeded" not in done.stderr
        assert "are not seeded" not in done.stderr

    environment = cwd / client.environment.format(**places)
    (site,) = environment.glob("lib/python3*/site-packages")
    guarded = client.made_by == "base" or tool_seeded
    record_property("guarded", guarded)
    assert origin_in(site) == (INTERNAL if guarded else PUBLIC)
    assert (site / "indexguard-seed.pth").exists() is guarded
    python = environment / "bin" / "python"
    if guarded:
        assert str(site / "indexguard-seed.pth") in (machine.private / "seeds").read_text()
        machine.indexguard("seed", "--remove", environment)
        assert machine.attack(python, tmp_path / "again") == PUBLIC, "the attack proves nothing"
    else:
        assert "live" in machine.indexguard("seed", environment)
        assert machine.attack(python, tmp_path / "again") == INTERNAL


def tool_before_activation(client: Client, folder: Path) -> Environment:
    """Return an environment that holds a client's tool, as it was made before the activation."""
    try:
        plain = pips.plain_environment(pips.ALL_PIPS[-1], client.python)
        return pips.tool_environment(plain, client.tools).copy_to(folder / "tool")
    except RuntimeError as error:
        pytest.skip(f"missing: {error}")


@pytest.mark.parametrize("tool_seeded", [False, True], ids=_id)
def test_build_requirements_of_build(
    machine: Laptop, tmp_path: Path, record_property: Record, *, tool_seeded: bool
) -> None:
    # Its environment is thrown away: what was built tells what was in it.
    client = Client("build 1.6.1", "tool", (), tools=("build==1.6.1",))
    record_property("client", client.title)
    record_property("made by", "tool" + (", seeded" if tool_seeded else ""))
    tool = tool_before_activation(client, tmp_path)
    if tool_seeded:
        machine.indexguard("seed", tool.folder)
    write_project(Dist("app", "1.0", "local", build_requires=("acme-core",)), tmp_path / "app")
    machine.run(tool.python, "-m", "build", "--wheel", "--outdir", tmp_path / "out", tmp_path / "app")
    record_property("guarded", tool_seeded)
    (wheel,) = (tmp_path / "out").glob("*.whl")
    built_with = INTERNAL if tool_seeded else PUBLIC
    assert origin_of_wheel(wheel) == ("app", f"local 1.0 built with {built_with}")
    # Of the environments that are gone nothing is remembered when the next one is seeded.
    machine.run(machine.python, "-m", "venv", "--without-pip", tmp_path / "next")
    assert "build-env" not in (machine.private / "seeds").read_text()
