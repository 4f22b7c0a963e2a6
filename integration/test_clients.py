"""Everything that makes environments, on a laptop whose base interpreters are guarded for one account: is their pip?

What is reached, and by what, is asserted as it is: ``base`` where an activated interpreter makes the environment,
``tool`` where the program does that in an environment of its own, which is guarded if it was made after the activation
or is seeded, ``none`` where no Python takes part. What is not reached is then seeded, and must be guarded; what is
reached loses its seed, and must fall for the attack: else it proves nothing.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from integration.harness import pips
from integration.harness.case import Record
from integration.harness.cases import read_cases
from integration.harness.dists import Dist, origin_of_wheel, write_project
from integration.harness.pips import Environment
from integration.machines.laptop import INTERNAL, PUBLIC, Laptop, laptop, origin_in

_PYTHONS = ("3.9", "3.11", "3.13")


@dataclass(frozen=True)
class Client:
    """A program that makes environments."""

    name: str
    made_by: str
    """``base``, ``tool`` or ``none``, as above."""
    commands: Sequence[Sequence[str]]
    """What makes the environment and has its pip install; ``{python}`` is the tool's environment's, ``{base}`` the
    activated one, ``{env}`` the environment's folder, ``{pip}`` a pip wheel to run."""
    python: str = "3.13"
    tools: Sequence[str] = ()
    environment: str = "{env}"
    """Where the environment is: absolute, or from the folder that the commands run in."""
    files: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """As in the table."""
        return f"{self.name} (Python {self.python})"

    def make(self, account: Laptop, folder: Path, places: Mapping[str, str]) -> tuple[Path, Path, str]:
        """Have the program make its environment, and its pip install; return the environment, its site, what was said.

        :param places: what stands for ``python``, ``site`` and ``base``.
        """
        places = {"pip": str(account.pip), "env": str(folder / "env"), "home": str(account.home), **places}
        cwd = folder / "app"
        cwd.mkdir()
        for name, text in self.files.items():
            (cwd / name).write_text(text, encoding="utf-8")
        environ = {name: value.format(**places) for name, value in self.environ.items()}
        runs = [account.run(*(it.format(**places) for it in words), cwd=cwd, **environ) for words in self.commands]
        environment = cwd / self.environment.format(**places)
        (site,) = environment.glob("lib/python3*/site-packages")
        return environment, site, "".join(done.stderr for done in runs)


CLIENTS = [Client(**values) for values in read_cases(__file__)["client"]]


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
    places = {"base": str(base)}
    if client.tools:
        tool = tool_before_activation(client, tmp_path)
        places |= {"python": str(tool.python), "site": str(tool.site_packages)}
        if tool_seeded:
            assert "live" in machine.indexguard("seed", tool.folder)
    environment, site, said = client.make(machine, tmp_path, places)
    assert "is not seeded" not in said
    assert "are not seeded" not in said
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
