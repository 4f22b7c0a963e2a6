"""The programs of ``test_clients`` on interpreters that have been activated: whoever makes it, an environment is guarded.

Each environment is then shown to fall for the attack where the guard is shadowed: else it proves nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration.harness import pips
from integration.harness.dists import Dist, origin_of_wheel, write_project
from integration.machines.bases import copy_base
from integration.machines.laptop import INTERNAL, PUBLIC, Laptop, laptop, origin_in
from integration.test_clients import CLIENTS, Client, find_base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration.harness.case import Record

_BUILD = Client("build 1.6.1", "tool", (), tools=("build==1.6.1",))
_PYTHONS = sorted({client.python for client in CLIENTS}, key=pips.version_key)


class _Server:
    """Where the interpreters themselves are activated."""

    def __init__(self, account: Laptop, bases: dict[str, Path]) -> None:
        self.account = account
        self.bases = bases

    def tool(self, client: Client, folder: Path) -> tuple[Path, Path]:
        """Make the tool's own environment from an activated interpreter; return its Python and its packages."""
        try:
            plain = pips.plain_environment(pips.ALL_PIPS[-1], client.python)
            cached = pips.tool_environment(plain, client.tools)
        except RuntimeError as error:
            pytest.skip(f"missing: {error}")
        subprocess.run([self.bases[client.python], "-I", "-m", "venv", "--without-pip", folder], check=True)
        site = folder / cached.site_packages.relative_to(cached.folder)
        shutil.copytree(cached.site_packages, site, dirs_exist_ok=True, copy_function=os.link)
        return folder / "bin" / "python", site


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory,
    guard_wheel: Path,
    no_policy_here: None,  # noqa: ARG001
) -> Iterator[_Server]:
    """Copies of every Python that the machine has, activated."""
    folder = tmp_path_factory.mktemp("server")
    found = {version: path for version in _PYTHONS if (path := find_base(version)) is not None}
    if not found:
        pytest.skip(f"missing: Python {', '.join(_PYTHONS)}, with ensurepip")
    bases = {version: copy_base(str(path), folder / version) for version, path in found.items()}
    with laptop(folder, guard_wheel, list(bases.values()), user=False) as made:
        yield _Server(made, bases)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.title.replace(" ", "-"))
def test_environment_of_a_client_on_an_activated_python(
    client: Client, server: _Server, tmp_path: Path, record_property: Record
) -> None:
    record_property("client", client.title)
    record_property("made by", "activated base")
    if client.python not in server.bases:
        pytest.skip(f"missing: Python {client.python}, with ensurepip")
    account = server.account
    places = {"base": str(server.bases[client.python])}
    if client.tools:
        python, packages = server.tool(client, tmp_path / "tool")
        places |= {"python": str(python), "site": str(packages)}
    environment, site, _ = client.make(account, tmp_path, places)
    record_property("guarded", origin_in(site) == INTERNAL)
    assert origin_in(site) == INTERNAL
    assert not (site / "indexguard-seed.pth").exists()
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "sitecustomize.py").touch()
    attacked = account.attack(environment / "bin" / "python", tmp_path / "again", shadow)
    assert attacked == PUBLIC, "the attack proves nothing"


def test_build_requirements_of_build_on_an_activated_python(
    server: _Server, tmp_path: Path, record_property: Record
) -> None:
    # test_clients shows that they are the attacker's without the guard.
    record_property("client", _BUILD.title)
    record_property("made by", "activated base")
    if _BUILD.python not in server.bases:
        pytest.skip(f"missing: Python {_BUILD.python}, with ensurepip")
    python, _ = server.tool(_BUILD, tmp_path / "tool")
    write_project(Dist("app", "1.0", "local", build_requires=("acme-core",)), tmp_path / "app")
    server.account.run(python, "-m", "build", "--wheel", "--outdir", tmp_path / "out", tmp_path / "app")
    (wheel,) = (tmp_path / "out").glob("*.whl")
    assert origin_of_wheel(wheel) == ("app", f"local 1.0 built with {INTERNAL}")
    record_property("guarded", True)
