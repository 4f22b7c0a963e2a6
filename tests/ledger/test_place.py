"""Where the ledger lies, whose it is, and on what kind of file system."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.machines.state import open_folder

from indexguard.ledger import place
from indexguard.ledger.place import (
    does_count,
    find_obstacle,
    is_closed,
    is_given,
    is_shared_over_network,
    path_of,
    usual_path,
)
from indexguard.policy.model import Layer, Policy
from indexguard.policy.serving.folders import make_folder
from indexguard.policy.serving.ledger import LedgerSettings
from indexguard.policy.trust import Trust

SOURCE = Path(place.__file__).parents[2]
MOUNTS = r"""
22 1 259:1 / / rw,relatime - ext4 /dev/root rw
23 22 0:21 / /proc rw - proc proc rw
30 22 0:40 / /home rw,relatime shared:1 - nfs4 server.example:/home rw,vers=4.2
31 30 0:41 / /home/local rw - xfs /dev/sdb1 rw
32 22 0:42 / /mnt/my\040share rw - cifs //server.example/share rw
33 22 0:43 / /mnt/ssh rw - fuse.sshfs somebody@server.example: rw
34 22 0:44 / /containers rw - fuse.fuse-overlayfs fuse-overlayfs rw
35 22 0:45 / /over rw - ext4 /dev/sdc1 rw
36 35 0:46 / /over rw - nfs server.example:/over rw
""".lstrip()


def layer(kind: str, settings: LedgerSettings | None = None, path: str = "/etc/indexguard/policy.toml") -> Layer:
    return Layer(kind, path, "0" * 64, Policy(ledger=settings or LedgerSettings()))


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("/var/lib/indexguard/ledger.db", False),
        ("/home/user/.local/state/indexguard/ledger.db", True),
        ("/home/local/ledger.db", False),
        ("/homes/ledger.db", False),
        ("/mnt/my share/ledger.db", True),
        ("/mnt/ssh/ledger.db", True),
        ("/containers/ledger.db", False),
        ("/over/ledger.db", True),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells by a file")
def test_file_systems_of_a_network_are_known(tmp_path: Path, path: str, *, shared: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS, encoding="utf-8")
    assert is_shared_over_network(Path(path), str(mounts)) is shared


def test_without_a_table_of_mounts_a_file_system_is_local(tmp_path: Path) -> None:
    assert not is_shared_over_network(tmp_path, str(tmp_path / "none"))


def test_this_machines_own_table_is_read(tmp_path: Path) -> None:
    assert is_shared_over_network(tmp_path / "ledger.db") is False


def test_who_asks_which_ledger() -> None:
    machine = usual_path(of_machine=True)
    assert str(machine) == "/var/lib/indexguard/ledger.db"
    assert path_of(layer("machine")) == path_of(layer("interpreter")) == machine
    assert path_of(layer("user")) == path_of(layer("machine", LedgerSettings(trusts_user=True))) == usual_path()
    assert path_of(layer("user", LedgerSettings("l.db"))) == Path("/etc/indexguard/l.db")
    assert path_of(layer("machine", LedgerSettings("/srv/l.db"))) == Path("/srv/l.db")


_AS_USER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from indexguard.ledger.place import does_count, usual_path
from indexguard.policy.model import Layer, Policy
from indexguard.policy.serving.ledger import LedgerSettings
os.setgroups([]); os.setgid(61234); os.setuid(61234)
for kind in ("machine", "user"):
    for trusts in (False, True):
        asks = Layer(kind, "/policy.toml", "", Policy(ledger=LedgerSettings(trusts_user=trusts)))
        print(kind, trusts, *(does_count(asks, Path(path)) for path in sys.argv[2:]))
"""


@pytest.fixture
def for_all() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with open_folder() as folder:
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_what_a_user_may_write_counts_for_a_policy_of_the_machine_only_if_it_says_so(for_all: Path) -> None:
    for name, owner, mode in (("root", 0, 0o755), ("own", 61234, 0o755), ("open", 0, 0o777)):
        (for_all / name).mkdir()
        (for_all / name).chmod(mode)
        (for_all / name / "ledger.db").touch()
        os.chown(for_all / name, owner, owner)
    os.chown(for_all / "own" / "ledger.db", 61234, 61234)
    paths = [str(for_all / name / "ledger.db") for name in ("root", "own", "open")] + [str(for_all / "root" / "new.db")]
    paths.append(str(for_all / "own" / "new" / "ledger.db"))
    done = subprocess.run(
        [sys.executable, "-I", "-c", _AS_USER, str(SOURCE), *paths], stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "machine False True False False True False",
        "machine True True True True True True",
        "user False True True True True True",
        "user True True True True True True",
    ]


def test_what_root_may_write_counts_for_the_machine(tmp_path: Path) -> None:
    assert does_count(layer("machine"), tmp_path / "ledger.db") is (os.geteuid() == 0)


def test_a_ledger_that_others_may_write_is_not_trusted(tmp_path: Path) -> None:
    trust = Trust.of(None, sys.base_prefix)
    path = tmp_path / "ledger.db"
    assert find_obstacle(path, trust, "user") is None  # it is not there
    path.touch(0o600)
    assert find_obstacle(path, trust, "user") is None
    path.chmod(0o666)
    told = find_obstacle(path, trust, "user")
    assert told is not None
    assert "may be written by everybody" in told


def test_a_folder_that_others_may_write_is_not_trusted_before_there_is_a_ledger(tmp_path: Path) -> None:
    trust = Trust.of(None, sys.base_prefix)
    folder = tmp_path / "state"
    folder.mkdir()
    assert find_obstacle(folder / "ledger.db", trust, "machine") is None
    assert find_obstacle(folder / "none" / "ledger.db", trust, "machine") is None
    folder.chmod(0o777)
    for path in (folder / "ledger.db", folder / "none" / "ledger.db"):
        assert "may be written by everybody" in str(find_obstacle(path, trust, "machine"))
    folder.chmod(0o1777)
    assert find_obstacle(folder / "ledger.db", trust, "machine") is not None
    assert find_obstacle(folder / "none" / "ledger.db", trust, "machine") is None  # as below /tmp


_UNSEARCHABLE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from indexguard.ledger.place import does_count, find_obstacle, is_closed, is_given, is_there
from indexguard.ledger.sighting import LedgerError
from indexguard.ledger.store import Store
from indexguard.policy.model import Layer, Policy
from indexguard.policy.serving.ledger import LedgerSettings
from indexguard.policy.trust import Trust
os.setgroups([]); os.setgid(61234); os.setuid(61234)
path = Path(sys.argv[2])
asks = Layer("machine", "/policy.toml", "", Policy(ledger=LedgerSettings()))
print(does_count(asks, path), is_closed(path), is_given(asks, path), is_there(path))
print(find_obstacle(path, Trust.of(None, sys.base_prefix), "machine"))
try:
    Store(path).count()
except LedgerError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_ledger_that_a_user_may_not_look_for_is_told(for_all: Path) -> None:
    folder = for_all / "state"
    folder.mkdir(0o700)
    path = folder / "ledger.db"
    path.touch(0o644)
    done = subprocess.run(
        [sys.executable, "-I", "-c", _UNSEARCHABLE, str(SOURCE), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "True True False True",
        "cannot be searched: this user may not enter a folder that it lies in",
        f"the ledger {path} cannot be searched: this user may not enter a folder that it lies in",
    ]


def test_what_root_makes_can_be_searched_whatever_its_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        make_folder(str(tmp_path / "a" / "b"))
        make_folder(str(tmp_path / "a" / "b"))
    finally:
        os.umask(before)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a" / "b")]
    assert modes == ([0o755, 0o755] if os.geteuid() == 0 else [0o700, 0o700])


def test_a_ledger_that_cannot_be_written_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    path.touch()
    assert not is_closed(path)
    assert not is_given(layer("machine"), path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert is_closed(path)
    assert is_given(layer("machine"), path)
    assert not is_given(layer("user"), path)
    assert not is_given(layer("machine", LedgerSettings(trusts_user=True)), path)
    assert not is_given(layer("machine"), tmp_path / "none.db")
