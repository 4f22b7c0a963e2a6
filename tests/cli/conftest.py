"""What the tests of the command line share: a place without anybody's policy, settings and log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shell import LoopbackIndex, Shell


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
        for module in ("indexguard.policy.layers", "indexguard.cli.init"):
            monkeypatch.setattr(f"{module}.{kind}_policy_path", lambda *_, path=path: path)
    return Shell(home, capsys, monkeypatch)


@pytest.fixture
def indexes() -> Iterator[list[LoopbackIndex]]:
    """Two empty indexes on loopback."""
    made = [LoopbackIndex(), LoopbackIndex()]
    yield made
    for index in made:
        index.close()
