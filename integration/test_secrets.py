"""No secret reaches the log: real pips that log in to an index, with credentials planted wherever pip finds them.

Each run shows first that the secret was used: the index hands nothing out without it. Then it is looked for, in all the
spellings that a program might give it, in every byte that the guard wrote: to the file, to standard error, to syslog.
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.harness import pips
from integration.harness.cases import read_cases
from integration.harness.children import QUIET_PIP
from integration.harness.dists import Dist
from integration.harness.scripted_index import Listed, ScriptedIndex

if TYPE_CHECKING:
    from integration.harness.pips import Environment

CASES = read_cases(__file__)

PIPS = ("20.3.4", "26.3")
USER = "builder"
PLACES = ("option", "environment", "pip.conf", "requirements", "netrc", "keyring", "find-links", "direct")
"""Where the credentials of the index stand."""
REFUSED = {"find-links"}
"""Of these the policy refuses what they lead to: a refusal must not tell them either."""
_RUN_LIMIT = 120  # seconds after which a pip that hangs is killed and the test fails
_POLICY = CASES["policy"]
_KEYRING = """
from collections import namedtuple
Credential = namedtuple("Credential", "username password")
def get_credential(service, username):
    return Credential({user!r}, {secret!r})
def get_password(service, username):
    return {secret!r}
"""

# What a password may hold; not the characters that end a word of a netrc or an ini file.
secrets = st.text("abcXYZ019-_.~!$&()*+,;=:@/?%|^<>[]{}", min_size=12, max_size=24).map(lambda text: f"Q{text}q")


@dataclass
class Plan:
    """What one run is given."""

    options: list[str] = field(default_factory=list)
    wanted: str = "acme-core"
    variables: dict[str, str] = field(default_factory=dict)


@contextmanager
def _syslog(path: Path) -> Iterator[list[bytes]]:
    received: list[bytes] = []

    def take() -> None:
        while data := server.recv(1_000_000):
            received.append(data)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield received
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
                last.sendto(b"", str(path))
            thread.join()


def _plant(place: str, index: ScriptedIndex, secret: str, folder: Path) -> Plan:
    """Put the credentials into one place."""
    login = f"{USER}:{quote(secret, safe='')}@"
    url = index.url.replace("://", f"://{login}", 1)
    file = index.files_url.replace("://", f"://{login}", 1) + "acme_core-1.0-py3-none-any.whl"
    if place == "option":
        return Plan(["--index-url", url])
    if place == "environment":
        return Plan(variables={"PIP_INDEX_URL": url, "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": url})
    if place == "pip.conf":
        (folder / "pip.conf").write_text(f"[global]\nindex-url = {url}\n", encoding="utf-8")
        return Plan(variables={"PIP_CONFIG_FILE": str(folder / "pip.conf")})
    if place == "requirements":
        (folder / "requirements.txt").write_text(f"--index-url {url}\nacme-core\n", encoding="utf-8")
        return Plan(wanted="--requirement=requirements.txt")
    if place == "netrc":
        (folder / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {secret}\n", encoding="utf-8")
        (folder / ".netrc").chmod(0o600)
        return Plan(["--index-url", index.url])
    if place == "keyring":
        (folder / "modules").mkdir(exist_ok=True)
        (folder / "modules" / "keyring.py").write_text(_KEYRING.format(user=USER, secret=secret), encoding="utf-8")
        # pip >= 23.1 asks a keyring without input only where it is told to.
        variables = {"PYTHONPATH": str(folder / "modules"), "PIP_KEYRING_PROVIDER": "import"}
        return Plan(["--index-url", index.url.replace("://", f"://{USER}@", 1)], variables=variables)
    if place == "find-links":
        return Plan(["--no-index", "--find-links", f"{url}acme-core/"])
    return Plan(["--no-index"], wanted=file)


def _spellings(secret: str) -> set[bytes]:
    found = {secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]}
    encoded = {base64.b64encode(f"{USER}:{secret}".encode())[4:-4]}  # whatever stands around it
    return {text.encode() for text in found} | encoded


def _environ(folder: Path, policy: Path) -> dict[str, str]:
    return {
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "INDEXGUARD_POLICY": str(policy),
        "PIP_CONFIG_FILE": os.devnull,
        **QUIET_PIP,
    }


@pytest.fixture
def guarded(request: pytest.FixtureRequest, guard_wheel: Path, session_folder: Path) -> Environment:
    """The places take turns with the pips."""
    version = PIPS[PLACES.index(request.getfixturevalue("place")) % len(PIPS)]
    pythons = pips.pythons_for(version)
    if not pythons.found:
        pytest.skip(f"missing: {'; '.join(pythons.missing)}")
    plain = pips.plain_environment(version, pythons.found[-1])
    return pips.guarded_environment(plain, guard_wheel, session_folder / f"secrets-{version}")


@pytest.mark.usefixtures("no_policy_here")
@pytest.mark.parametrize("place", PLACES)
@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(secret=secrets)
def test_no_secret_in_any_byte(
    guarded: Environment, place: str, secret: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("s")
    dist = Dist("acme-core", "1.0", "corp")
    with (
        ScriptedIndex("corp", [Listed(dist)], login=f"{USER}:{secret}") as index,
        _syslog(folder / "socket") as received,
    ):
        policy = folder / "policy.toml"
        policy.write_text(
            _POLICY.format(url=index.url, origin=index.origin, socket=folder / "socket"), encoding="utf-8"
        )
        plan = _plant(place, index, secret, folder)
        command = ["-m", "pip", "download", "--no-deps", "--dest", "downloads", *plan.options, plan.wanted]
        done = subprocess.run(
            [guarded.python, *command], cwd=folder, env=_environ(folder, policy) | plan.variables, stdin=subprocess.DEVNULL,
            capture_output=True, check=False, timeout=_RUN_LIMIT,
        )  # fmt: skip
    came = [path.name for path in (folder / "downloads").glob("*")]
    expected = (1, []) if place in REFUSED else (0, ["acme_core-1.0-py3-none-any.whl"])
    assert (done.returncode, came) == expected, done
    log = Path("/var/log/indexguard/audit.jsonl") if os.geteuid() == 0 else folder / "state/indexguard/log/audit.jsonl"
    run = [line for line in log.read_bytes().splitlines() if str(folder).encode() in line]
    told = b"\n".join(line for line in done.stderr.splitlines() if line.startswith(b'{"schema":1,')).splitlines()
    assert run == told == [message.split(b": ", 1)[1] for message in received]
    assert len(run) >= 2
    for written in (*run, *received, *done.stderr.splitlines()):
        assert not [spelling for spelling in _spellings(secret) if spelling in written], written
