"""Where policy files are looked for, which of them count, and which are not trusted."""

from __future__ import annotations

import grp
import hashlib
import itertools
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from integration.harness.children import run_child, write_policy

from indexguard.errors import PolicyError
from indexguard.policy import layers
from indexguard.policy.layers import LAYER_KINDS, LayersFound, find_layers

ENFORCE = 'version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = ["*"]\n'
AUDIT = f'mode = "audit"\n{ENFORCE}'
SILENT = "version = 1\n"
SILENT_AUDIT = f'mode = "audit"\n{SILENT}'

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


class Machine:
    """A machine in a folder: a place for each layer."""

    def __init__(self, root: Path) -> None:
        root.chmod(0o755)
        self.paths = {
            "machine": root / "etc" / "indexguard" / "policy.toml",
            "interpreter": root / "prefix" / "etc" / "indexguard" / "policy.toml",
            "user": root / "home" / "indexguard" / "policy.toml",
            "environment": root / "named" / "policy.toml",
        }
        self.prefix = root / "prefix"
        self.prefix.mkdir()

    def write(self, kind: str, text: str = ENFORCE) -> Path:
        """Put a policy there that only its owner may write."""
        return write_policy(self.paths[kind], text)

    def find(self, variable: str | Path | None = None, euid: int | None = None) -> LayersFound:
        """Find the layers, as a pip would whose INDEXGUARD_POLICY is ``variable``."""
        return find_layers(
            {} if variable is None else {"INDEXGUARD_POLICY": str(variable)},
            euid=euid,
            machine_path=str(self.paths["machine"]),
            base_prefix=str(self.prefix),
            user_path=str(self.paths["user"]),
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine without any policy."""
    return Machine(tmp_path)


def read_refusal(machine: Machine, variable: str | Path | None = None, euid: int | None = None) -> PolicyError:
    """Return what stops pip."""
    with pytest.raises(PolicyError) as caught:
        machine.find(variable, euid)
    return caught.value


def test_no_policy_anywhere(machine: Machine) -> None:
    found = machine.find()
    assert found.layers == ()
    assert [(place.kind, place.state) for place in found.places] == [
        ("machine", "absent"),
        ("interpreter", "absent"),
        ("user", "absent"),
        ("environment", "unset"),
    ]
    assert found.builtin_rule_applies


def test_every_layer_counts_in_order(machine: Machine) -> None:
    for kind in reversed(LAYER_KINDS):
        machine.write(kind, f"# {kind}\n{ENFORCE}")
    found = machine.find(machine.paths["environment"])
    assert [layer.kind for layer in found.layers] == list(LAYER_KINDS)
    assert [layer.path for layer in found.layers] == [str(machine.paths[kind]) for kind in LAYER_KINDS]
    assert {place.state for place in found.places} == {"loaded"}
    for layer in found.layers:
        assert layer.sha256 == hashlib.sha256(machine.paths[layer.kind].read_bytes()).hexdigest()
        assert layer.policy.path == layer.path
    assert not found.builtin_rule_applies


@pytest.mark.parametrize("how", ["same", "symlink", "hard link"])
def test_a_file_that_two_places_lead_to_counts_once(machine: Machine, how: str) -> None:
    path = machine.write("machine")
    named = machine.paths["environment"]
    named.parent.mkdir()
    named.parent.chmod(0o755)
    if how == "symlink":
        named.symlink_to(path)
    elif how == "hard link":
        os.link(path, named)
    found = machine.find(path if how == "same" else named)
    assert [layer.kind for layer in found.layers] == ["machine"]
    assert found.places[3].state == "same file as machine"


KINDS_OF_FILE = ("", ENFORCE, AUDIT, SILENT, SILENT_AUDIT)


@pytest.mark.parametrize(
    "texts",
    list(itertools.product(KINDS_OF_FILE, repeat=len(LAYER_KINDS))),
    ids=lambda texts: "-".join(str(KINDS_OF_FILE.index(text)) for text in texts),
)
def test_when_the_built_in_rule_applies(machine: Machine, texts: tuple[str, ...]) -> None:
    """Each layer absent, enforcing or in audit, with and without [indexes]: all combinations."""
    told = {kind: text for kind, text in zip(LAYER_KINDS, texts) if text}
    for kind, text in told.items():
        machine.write(kind, text)
    found = machine.find(machine.paths["environment"] if "environment" in told else None)
    assert len(found.layers) == len(told)
    # The text: "enforced unless a layer with [indexes] enforces. A machine or interpreter layer in audit, with or without
    # [indexes], turns it to audited, never off; no user or environment layer in audit touches it".
    is_decided = ENFORCE in told.values()
    is_audited = any(told.get(kind) in (AUDIT, SILENT_AUDIT) for kind in ("machine", "interpreter"))
    expected = (False, False) if is_decided else (not is_audited, is_audited)
    assert (found.builtin_rule_applies, found.builtin_rule_audited) == expected


def test_what_no_distribution_may_write(machine: Machine) -> None:
    named = machine.write("environment", ENFORCE)
    found = machine.find(named).vital_places
    assert str(machine.paths["machine"].parent) in found
    assert str(machine.paths["interpreter"].parent) in found
    assert {str(named), str(named.parent / "policy.d")} <= {*found}


# The variable


def test_an_empty_variable_is_unset(machine: Machine) -> None:
    assert machine.find("").places[3].state == "unset"


@pytest.mark.parametrize("path", ["policy.toml", "./policy.toml", " ", "~/policy.toml"])
def test_a_relative_path_is_refused(machine: Machine, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(machine.write("environment").parent)
    error = read_refusal(machine, path)
    assert error.code == "policy-missing"
    assert "absolute" in str(error)


@pytest.mark.parametrize("path", ["none.toml", "none/policy.toml", "policy.toml/policy.toml", "nul\0.toml"])
def test_a_named_file_must_be_there(machine: Machine, path: str) -> None:
    folder = machine.write("environment").parent
    error = read_refusal(machine, folder / path)
    assert error.code == "policy-missing"
    assert "INDEXGUARD_POLICY" in str(error)


# Files that cannot be read


def test_faults_name_the_file(machine: Machine) -> None:
    path = machine.write("user", 'version = 1\nmode = "off"\n')
    error = read_refusal(machine)
    assert error.code == "policy-invalid"
    assert error.path == str(path)


@pytest.mark.parametrize("kind", ["machine", "user", "environment"])
def test_what_is_no_file_is_refused(machine: Machine, kind: str) -> None:
    path = machine.write(kind)
    variable = path if kind == "environment" else None
    path.unlink()
    path.symlink_to(path.parent / "gone.toml")
    error = read_refusal(machine, variable)
    assert (error.code, "link to a file" in str(error)) == ("policy-unreadable", True)

    path.unlink()
    path.mkdir()
    error = read_refusal(machine, variable)
    assert (error.code, "regular file" in str(error)) == ("policy-unreadable", True)

    path.rmdir()
    os.mkfifo(path)  # opening it must not wait for a writer
    error = read_refusal(machine, variable)
    assert (error.code, "regular file" in str(error)) == ("policy-unreadable", True)

    path.unlink()
    path.symlink_to(path)
    assert read_refusal(machine, variable).code == "policy-unreadable"


def test_a_file_that_may_not_be_read_is_refused(machine: Machine) -> None:
    path = machine.write("machine")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    error = read_refusal(machine)
    assert error.code == "policy-unreadable"
    assert "Permission denied" in str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="a file that opens and cannot be read")
def test_a_file_that_cannot_be_read_is_refused(machine: Machine) -> None:
    error = read_refusal(machine, "/proc/self/mem")
    assert error.code == "policy-unreadable"
    assert "cannot be read: Input/output error" in str(error)


def test_a_file_that_is_replaced_meanwhile_is_refused(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.write("machine")
    other = str(machine.write("user"))
    monkeypatch.setattr(os.path, "realpath", lambda _: other)
    assert "replaced while it was read" in str(read_refusal(machine))


# Files that others may write


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize("through_link", [False, True])
def test_what_everybody_may_write_is_refused(machine: Machine, what: str, *, through_link: bool) -> None:
    path = machine.write("machine")
    target = path if what == "file" else path.parent
    target.chmod(0o777 if what == "folder" else 0o666)
    if through_link:
        path = machine.write("environment")
        path.unlink()
        path.symlink_to(machine.paths["machine"])
        machine.paths["machine"] = path.parent / "none.toml"
    error = read_refusal(machine, path if through_link else None)
    assert error.code == "policy-unreadable"
    owner = pwd.getpwuid(os.geteuid()).pw_name
    mode = f"{stat.S_IMODE(target.stat().st_mode):04o}"
    expected = f"{what} {target} (owner {owner}, mode {mode}) may be written by everybody; repair: chmod o-w {target}"
    assert expected in str(error)

    repair = str(error).partition("repair: ")[2].splitlines()[0]
    subprocess.run(repair.split(), check=True)
    machine.find(path if through_link else None)


def test_a_folder_for_everybody_stays_one(machine: Machine) -> None:
    # The sticky bit keeps others from replacing a file, not from making the first one.
    path = machine.write("machine")
    path.parent.chmod(0o1777)
    error = read_refusal(machine)
    assert error.code == "policy-unreadable"
    assert "may be written by everybody; repair: put the policy into a folder of its own" in str(error)
    assert "chmod" not in str(error)


def test_the_folder_of_a_link_may_be_any(machine: Machine) -> None:
    path = machine.write("machine")
    link = machine.paths["environment"]
    link.parent.mkdir()
    link.parent.chmod(0o777)
    link.symlink_to(path)
    machine.paths["machine"] = link.parent / "none.toml"
    assert [layer.kind for layer in machine.find(link).layers] == ["environment"]


@only_root
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_stranger_may_not_own_it(machine: Machine, what: str) -> None:
    path = machine.write("user")
    target = path if what == "file" else path.parent
    os.chown(target, 12345, -1)
    error = read_refusal(machine)
    assert f"{what} {target} (owner uid 12345," in str(error)
    assert "belongs to none of root" in str(error)
    assert len(error.faults) == 1
    # The same file, for a process of its owner: the rest is root's.
    assert machine.find(euid=12345).layers


@only_root
def test_the_owner_of_the_interpreter_may_own_it(machine: Machine) -> None:
    path = machine.write("interpreter")
    os.chown(path, 12345, -1)
    assert read_refusal(machine).code == "policy-unreadable"
    os.chown(machine.prefix, 12345, -1)
    assert [layer.kind for layer in machine.find().layers] == ["interpreter"]


@only_root
def test_a_group_of_several_may_not_write(machine: Machine) -> None:
    path = machine.write("machine")
    os.chown(path, -1, 54321)
    path.chmod(0o664)
    error = read_refusal(machine)
    assert f"may be written by the group gid 54321; repair: chmod g-w {path}" in str(error)


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> list[pwd.struct_passwd]:
    """Return the users of a machine; alice has a group of her own, dev is everybody's."""
    users = [
        pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/sh"))
        for name, uid, gid in [("root", 0, 0), ("alice", 4001, 4001), ("bob", 4002, 4000)]
    ]
    groups = {
        0: grp.struct_group(("root", "x", 0, [])),
        4000: grp.struct_group(("dev", "x", 4000, ["alice", "bob"])),
        4001: grp.struct_group(("alice", "x", 4001, ["alice"])),
    }
    monkeypatch.setattr(pwd, "getpwall", lambda: users)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: {user.pw_uid: user for user in users}[uid])
    monkeypatch.setattr(grp, "getgrgid", lambda gid: groups[gid])
    return users


@only_root
def test_the_owners_private_group_may_write(machine: Machine, accounts: list[pwd.struct_passwd]) -> None:
    path = machine.write("user")
    for target in (path.parent, path):
        os.chown(target, 4001, 4001)
        target.chmod(0o775 if target.is_dir() else 0o664)
    assert machine.find(euid=4001).layers

    # A second user whose group it is: it is private no longer.
    accounts.append(pwd.struct_passwd(("carol", "x", 4003, 4001, "", "/", "/bin/sh")))
    assert len(read_refusal(machine, euid=4001).faults) == 2
    accounts.pop()

    # Bob's main group is not bob's alone.
    for target in (path.parent, path):
        os.chown(target, 4002, 4000)
    error = read_refusal(machine, euid=4002)
    assert "may be written by the group dev" in str(error)


@only_root
def test_a_group_that_this_process_is_in_is_not_the_owners_own(
    machine: Machine, accounts: list[pwd.struct_passwd]
) -> None:
    assert accounts
    path = machine.write("machine")
    path.chmod(0o664)  # root:root, as in images whose users have any uid and the group 0
    assert machine.find(euid=0).layers
    error = read_refusal(machine, euid=4001)
    assert "may be written by the group root" in str(error)


# Places


def test_machine_paths_are_fixed() -> None:
    assert layers.machine_policy_path("linux") == "/etc/indexguard/policy.toml"
    assert layers.machine_policy_path("darwin") == "/Library/Application Support/indexguard/policy.toml"
    assert layers.machine_policy_path("win32") == r"C:\ProgramData\indexguard\policy.toml"


def test_the_interpreter_path_is_the_same_in_a_virtual_environment() -> None:
    assert layers.interpreter_policy_path() == os.path.join(sys.base_prefix, "etc", "indexguard", "policy.toml")


def test_the_user_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert layers.user_policy_path() == str(tmp_path / "indexguard" / "policy.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert sys.platform != "linux" or layers.user_policy_path() is None


def test_without_a_home(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)

    def has_no_entry(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", has_no_entry)
    assert layers.user_policy_path() is None
    found = find_layers({}, machine_path=str(machine.paths["machine"]), base_prefix=str(machine.prefix))
    assert found.places[2] == layers.Place("user", None, "no home")

    # Names of users are for messages: without them there are numbers.
    machine.write("machine").chmod(0o666)
    assert f"(owner uid {os.geteuid()}, mode 0666)" in str(read_refusal(machine))


@only_root
def test_a_process_without_a_passwd_entry() -> None:
    source = str(Path(layers.__file__).parents[2])
    code = (
        f"import os, sys; sys.path.insert(0, {source!r})\n"
        "from indexguard.policy.layers import find_layers\n"
        "os.setgroups([]); os.setgid(61234); os.setuid(61234); os.environ.clear()\n"
        "print(find_layers({}, machine_path='/nowhere/policy.toml', base_prefix='/nowhere').places[2])"
    )
    done = run_child([sys.executable, "-I", "-c", code])
    assert (done.stderr, done.stdout.strip()) == ("", "Place(kind='user', path=None, state='no home')")


def test_pythonhome_does_not_take_the_interpreters_policy_away(tmp_path: Path) -> None:
    real = Path(sys.base_prefix)
    home = tmp_path / "home"
    home.mkdir()
    for folder in ("lib", "lib64"):
        if (real / folder).is_dir():
            (home / folder).symlink_to(real / folder)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from indexguard.policy.layers import survey_layers\n"
        "found = survey_layers(machine_path='/nowhere/policy.toml', user_path='/nowhere/policy.toml')\n"
        "print([place.path for place in found.places if place.kind == 'interpreter'])"
    )
    done = run_child(
        [tmp_path / "venv" / "bin" / "python", "-c", code, str(Path(layers.__file__).parents[2])],
        env={"PYTHONHOME": str(home)},
        check=True,
    )
    paths = [layers.interpreter_policy_path(str(prefix)) for prefix in (home, real)]
    assert done.stdout == f"{paths}\n"
