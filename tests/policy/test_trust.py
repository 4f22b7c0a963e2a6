"""Whose policy files are trusted where HOME is another user's, and in user namespaces: real other users do the reading."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.harness.children import run_child, write_policy

from indexguard.policy import trust

ENFORCE = 'version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = ["*"]\n'
USER, MALLORY = 61234, 61235
_OWN_NAMESPACE = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: else /proc/self is root's
if libc.unshare(0x10000000):  # CLONE_NEWUSER
    print("no namespace:", os.strerror(ctypes.get_errno()))
    raise SystemExit(3)
if {mapped!r}:
    with open("/proc/self/uid_map", "w") as file:
        file.write({mapped!r})
"""
_READ = """
import os, sys
sys.path.insert(0, {source!r})
from indexguard.policy.layers import survey_layers
from indexguard.errors import Fault, PolicyError
from indexguard.policy import distrust
# What is loaded when it is needed lies where another user may not read.
import ctypes, encodings.utf_8_sig
str(PolicyError("", [Fault("", "")], "policy-unreadable"))
os.setgroups([]); os.setgid({user}); os.setuid({user})
{before}
found = survey_layers(
    {environ!r}, machine_path={machine!r}, base_prefix={prefix!r}, user_path={home!r},
)
print([place.state for place in found.places])
for error in found.faults:
    print(error)
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture
def machine() -> Iterator[Path]:
    """Return the folder of a machine that everybody may enter, as pytest's own may not be, and only root may write."""
    # Not in the temporary folder, which everybody may write.
    folder = Path(tempfile.mkdtemp(prefix="indexguard-trust-", dir="/opt"))
    folder.chmod(0o755)
    (folder / "prefix").mkdir()
    yield folder
    shutil.rmtree(folder)


def policy_of(machine: Path, kind: str, owner: int = 0) -> Path:
    """Put a policy into a layer's place, its file and folder a user's own."""
    places = {
        "machine": machine / "etc" / "indexguard",
        "interpreter": machine / "prefix" / "etc" / "indexguard",
        "user": machine / "home" / "indexguard",
        "environment": machine / "named",
    }
    path = write_policy(places[kind] / "policy.toml", ENFORCE)
    for target in (path, path.parent):
        os.chown(target, owner, owner)
    return path


def read_as(machine: Path, user: int, *, named: Path | None = None, before: str = "") -> tuple[list[str], str]:
    """Return what another user's process makes of the four places, and the faults that it tells."""
    code = _READ.format(
        source=str(Path(trust.__file__).parents[2]),
        user=user,
        before=before,
        environ={} if named is None else {"INDEXGUARD_POLICY": str(named)},
        machine=str(machine / "etc" / "indexguard" / "policy.toml"),
        prefix=str(machine / "prefix"),
        home=str(machine / "home" / "indexguard" / "policy.toml"),
    )
    done = run_child([sys.executable, "-I", "-c", code])
    if done.returncode == 3:
        pytest.skip(done.stdout.strip())
    assert (done.returncode, done.stderr) == (0, "")
    states, _, faults = done.stdout.partition("\n")
    read: list[str] = eval(states)  # noqa: S307  # our own child's
    return read, faults


# HOME is another user's


@pytest.mark.parametrize("closed", ["home", "home/indexguard"])
@pytest.mark.parametrize("has_policy", [False, True])
def test_a_home_that_may_not_be_searched_has_no_policy(machine: Path, closed: str, *, has_policy: bool) -> None:
    (machine / closed).mkdir(parents=True)
    if has_policy:
        policy_of(machine, "user")
    (machine / closed).chmod(0o700)
    states, faults = read_as(machine, USER)
    assert states == ["absent", "absent", "absent: this user may not search a folder above it", "unset"]
    assert faults == ""


def test_a_file_that_is_there_and_cannot_be_read_refuses(machine: Path) -> None:
    policy_of(machine, "user").chmod(0o600)
    states, faults = read_as(machine, USER)
    assert states[2] == "policy-unreadable"
    assert "cannot be opened: Permission denied" in faults


def test_a_link_to_what_may_not_be_searched_refuses(machine: Path) -> None:
    target = policy_of(machine, "environment")
    link = policy_of(machine, "user")
    link.unlink()
    link.symlink_to(target)
    target.parent.chmod(0o700)
    assert read_as(machine, USER)[0][2] == "policy-unreadable"


@pytest.mark.parametrize("kind", ["machine", "interpreter", "environment"])
def test_every_other_place_refuses_what_it_cannot_see(machine: Path, kind: str) -> None:
    path = policy_of(machine, kind)
    path.parent.chmod(0o700)
    states, faults = read_as(machine, USER, named=path if kind == "environment" else None)
    assert states.count("policy-unreadable") == 1
    assert f"policy file {path}" in faults


# User namespaces. Root is not mapped in those of other users: what is root's looks like nobody's.

ONE = _OWN_NAMESPACE.format(mapped=f"0 {USER} 1")
SAME = _OWN_NAMESPACE.format(mapped=f"{USER} {USER} 1")
NONE = _OWN_NAMESPACE.format(mapped="")
NAMESPACES = pytest.mark.parametrize("namespace", [ONE, SAME, NONE], ids=["root", "same uid", "nobody mapped"])
needs_namespaces = pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")


@needs_namespaces
@NAMESPACES
def test_what_is_roots_is_trusted_where_nobody_could_have_put_it(machine: Path, namespace: str) -> None:
    for kind in ("machine", "interpreter"):
        policy_of(machine, kind)
    states, faults = read_as(machine, USER, before=namespace)
    assert (states, faults) == (["loaded", "loaded", "absent", "unset"], "")


@needs_namespaces
@NAMESPACES
@pytest.mark.parametrize("kind", ["user", "environment"])
@pytest.mark.parametrize("owner", [0, MALLORY])
def test_whoever_is_not_mapped_is_no_owner(machine: Path, namespace: str, kind: str, owner: int) -> None:
    path = policy_of(machine, kind, owner)
    named = path if kind == "environment" else None
    states, faults = read_as(machine, USER, named=named, before=namespace)
    assert states.count("policy-unreadable") == 1
    assert "belongs to a user whom this user namespace does not map, which may be anybody" in faults
    assert "use a copy of your own" in faults

    # What the refusal says is done, and helps.
    copy = policy_of(machine, kind, USER)
    states, faults = read_as(machine, USER, named=None if named is None else copy, before=namespace)
    assert (states.count("loaded"), faults) == (1, "")


@needs_namespaces
@NAMESPACES
@pytest.mark.parametrize("loose", ["own folder", "open folder", "open file", "group folder", "strangers folder"])
def test_what_could_have_been_put_there_is_not_trusted(machine: Path, namespace: str, loose: str) -> None:
    path = policy_of(machine, "machine")
    target = path if loose == "open file" else path.parents[1]
    if loose in ("own folder", "strangers folder"):
        # Its owner may change the mode whenever it likes.
        os.chown(target, USER if loose == "own folder" else MALLORY, -1)
        target.chmod(0o555)
    else:
        target.chmod({"open folder": 0o1777, "open file": 0o666, "group folder": 0o775}[loose])
    states, faults = read_as(machine, USER, before=namespace)
    if loose == "strangers folder":
        # Whoever is not mapped may be root: nobody can tell them apart.
        assert (states[0], faults) == ("loaded", "")
        return
    assert states[0] == "policy-unreadable"
    assert "may be written by" in faults or f"may write {target}" in faults


@needs_namespaces
def test_where_root_is_mapped_nobody_else_is_root(machine: Path) -> None:
    policy_of(machine, "interpreter", MALLORY)
    os.chown(machine / "prefix", MALLORY, -1)
    namespace = _OWN_NAMESPACE.format(mapped="0 0 1")
    states, faults = read_as(machine, 0, before=namespace)
    assert states[1] == "policy-unreadable"
    assert "which may be anybody but root" in faults
    # Without a namespace it is the Python's owner, who is trusted.
    assert read_as(machine, 0)[0][1] == "loaded"


def test_what_the_kernel_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trust.find_overflow() == trust.NO_UID  # here every user has a uid

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("builtins.open", refuse)
    assert trust.find_overflow() == (trust.USUAL_OVERFLOW if sys.platform == "linux" else trust.NO_UID)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert trust.find_overflow() == trust.NO_UID


def test_nobodys_own_policy_is_its_own(machine: Path) -> None:
    nobody = trust.USUAL_OVERFLOW
    path = policy_of(machine, "user", nobody)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert read_as(machine, nobody)[0][2] == "loaded"
