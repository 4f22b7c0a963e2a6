"""Real pips whose standard error is closed, which a layer of the environment adds to the places of the user's layer."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.harness import pips
from integration.harness.children import QUIET_PIP, run_child
from integration.harness.dists import Dist
from integration.harness.scripted_index import Listed, ScriptedIndex

if TYPE_CHECKING:
    from integration.harness.pips import Environment

PIPS = ("20.3.4", "21.3.1", "24.0", "26.3")
_RUN_LIMIT = 120  # seconds after which a pip that hangs is killed and the test fails
_POLICY = """version = 1
[indexes.corp]
url = "{url}"
packages = ["*"]
[log]
sinks = ["file", "syslog"]
syslog = "unix:{socket}"
"""
_ADDED = 'version = 1\n[log]\nsinks = ["stderr"]\n'


@pytest.fixture(params=PIPS)
def guarded(request: pytest.FixtureRequest, guard_wheel: Path, session_folder: Path) -> Environment:
    pythons = pips.pythons_for(request.param)
    if not pythons.found:
        pytest.skip(f"missing: {'; '.join(pythons.missing)}")
    plain = pips.plain_environment(request.param, pythons.found[-1])
    return pips.guarded_environment(plain, guard_wheel, session_folder / f"places-{request.param}")


def _all(server: socket.socket) -> Iterator[bytes]:
    with suppress(BlockingIOError):
        while True:
            yield server.recv(65536)


@pytest.mark.usefixtures("no_policy_here")
@pytest.mark.parametrize("words", ["", " 2>&-", " 2>/dev/full"])
def test_standard_error_of_one_layer_does_not_silence_the_syslog_of_another(
    guarded: Environment, tmp_path_factory: pytest.TempPathFactory, words: str
) -> None:
    folder = tmp_path_factory.mktemp("p")
    own = folder / ".config" / "indexguard" / "policy.toml"
    own.parent.mkdir(parents=True)
    added = folder / "added.toml"
    added.write_text(_ADDED, encoding="utf-8")
    environ = {
        "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
        "INDEXGUARD_POLICY": str(added), "PIP_CONFIG_FILE": os.devnull, **QUIET_PIP,
    }  # fmt: skip
    with (
        ScriptedIndex("corp", [Listed(Dist("acme-core", "1.0", "corp"))]) as index,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server,
    ):
        server.bind(str(folder / "socket"))
        server.setblocking(False)  # all that is to come has come when pip has ended
        own.write_text(_POLICY.format(url=index.url, socket=folder / "socket"), encoding="utf-8")
        command = [str(guarded.python), "-m", "pip", "download", "--no-deps", "-d", "d", "-i", index.url, "acme-core"]
        run_child(["/bin/sh", "-c", f'exec "$@"{words}', "sh", *command], cwd=folder, env=environ, timeout=_RUN_LIMIT)
        received = list(_all(server))
    assert [path.name for path in (folder / "d").iterdir()] == ["acme_core-1.0-py3-none-any.whl"]
    log = Path("/var/log/indexguard/audit.jsonl") if os.geteuid() == 0 else folder / "state/indexguard/log/audit.jsonl"
    lines = [line for line in log.read_bytes().splitlines() if str(folder).encode() in line]
    assert len(lines) >= 2
    assert [message.partition(b": ")[2] for message in received] == lines
    assert all(
        re.match(rb"<8[346]>[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} indexguard\[[0-9]+\]: ", each) for each in received
    )
