"""`indexguard seed`: real environments of the Python that runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from integration.harness.pips import find_interpreter

from indexguard.activation.seeding import CURRENT, SEED, find_site
from support.accounts import Account, make_environment, seeds_of
from support.shell import Shell


@pytest.fixture
def account(shell: Shell) -> Account:
    """The user, with a guard in the private folder."""
    found = Account(shell.home)
    found.give_guard()
    return found


@pytest.fixture
def environment(shell: Shell) -> Path:
    """A virtual environment that was made before the guard was there."""
    base = find_interpreter(f"3.{sys.version_info.minor}")
    assert base is not None
    root = shell.home / "env"
    subprocess.run([base, "-I", "-m", "venv", "--without-pip", root], check=True)
    return root


def test_seeded_and_live(shell: Shell, account: Account, environment: Path) -> None:
    path = find_site(environment) / SEED
    answer = shell("seed", str(environment))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        f"{environment}: write {path}",
        f"{environment}: write {account.private / 'seeds'}",
        f"{environment}: live",
    ]
    assert account.hook_of(environment / "bin" / "python", "-I") == account.hook
    answer = shell("seed", "env")
    assert (answer.code, answer.out) == (0, "env: nothing to change\nenv: live\n")
    assert seeds_of(account.private) == [str(path)]


def test_by_its_python(shell: Shell, account: Account, environment: Path) -> None:
    assert shell("seed", "env/bin/python").code == 0
    assert account.hook_of(environment / "bin" / "python") == account.hook


def test_dry_run_changes_nothing(shell: Shell, account: Account, environment: Path) -> None:
    answer = shell("seed", "--dry-run", "env")
    assert (answer.code, answer.out) == (0, f"env: would write {find_site(environment) / SEED}\n")
    assert account.hook_of(environment / "bin" / "python") is None
    assert seeds_of(account.private) == []
    shell("seed", "env")
    answer = shell("seed", "--remove", "--dry-run", "env")
    assert (answer.code, answer.out) == (0, f"env: would remove {find_site(environment) / SEED}\n")
    assert account.hook_of(environment / "bin" / "python") == account.hook


def test_removed(shell: Shell, account: Account, environment: Path) -> None:
    shell("seed", "env")
    answer = shell("seed", "--remove", "env")
    assert (answer.code, answer.out) == (0, f"env: remove {find_site(environment) / SEED}\n")
    assert account.hook_of(environment / "bin" / "python") is None
    assert os.listdir(find_site(environment)) == []
    assert shell("seed", "--remove", "env").out == "env: nothing to change\n"


def test_removed_without_a_guard(shell: Shell, account: Account, environment: Path) -> None:
    shell("seed", "env")
    (account.private / CURRENT).unlink()
    assert shell("seed", "--remove", "env").code == 0
    assert os.listdir(find_site(environment)) == []


def test_without_activation(shell: Shell, environment: Path) -> None:
    answer = shell("seed", "env")
    assert answer.code == 2
    folder = Account(shell.home).private
    assert answer.err == (
        f"indexguard: there is no guard in {folder} to lead to; run `indexguard activate --user` first\n"
    )
    assert os.listdir(find_site(environment)) == []


def test_without_a_home(shell: Shell) -> None:
    shell.monkeypatch.setenv("HOME", "relative")
    answer = shell("seed", "env")
    assert (answer.code, answer.err) == (2, "indexguard: this user has no home folder (HOME is not set)\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to somebody else")
def test_guard_of_somebody_else(shell: Shell, account: Account, environment: Path) -> None:
    os.chown(account.private / "release", 54321, -1)
    answer = shell("seed", "env")
    assert answer.code == 2
    assert f"{account.private} belongs to another user; what lies there may not run in your" in answer.err
    assert os.listdir(find_site(environment)) == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("nothing", "is no virtual environment: it has no pyvenv.cfg"),
        ("old", "is of Python 3.8; indexguard guards Python 3.9 to 3.17"),
        ("new", "is of Python 3.18; indexguard guards Python 3.9 to 3.17"),
        ("link out", "leads out of the environment, to "),
        ("foreign", "is there and is not indexguard's; look at it, then remove it"),
        ("folder", "Is a directory (nothing has been changed)"),
    ],
)
def test_bad_input(shell: Shell, environment: Path, kind: str, text: str) -> None:
    root = shell.home / "bad"
    if kind != "nothing":
        version = {"old": "3.8", "new": "3.18"}.get(kind, "3.11")
        site = make_environment(root, version, f"{version}.1")
        if kind == "link out":
            site.rename(shell.home / "elsewhere")
            site.symlink_to(shell.home / "elsewhere")
        elif kind == "foreign":
            (site / SEED).write_text("import foreign\n", encoding="utf-8")
        elif kind == "folder":
            (site / SEED).mkdir()
    answer = shell("seed", "bad")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("indexguard: ")
    assert text in answer.err
    # Another one in the same command is seeded all the same.
    answer = shell("seed", "bad", str(environment))
    assert answer.code == 1
    assert text in answer.err
    assert answer.out.endswith(f"{environment}: live\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.usefixtures("account")
def test_not_writable(shell: Shell, environment: Path) -> None:
    site = find_site(environment)
    site.chmod(0o555)
    answer = shell("seed", "env")
    site.chmod(0o755)
    assert answer.code == 2
    assert "Permission denied" in answer.err


@pytest.mark.parametrize("what", ["no Python", "broken hook"])
def test_not_live(shell: Shell, account: Account, environment: Path, what: str) -> None:
    if what == "no Python":
        (environment / "bin" / "python").unlink()
    else:
        (account.private / CURRENT / "_indexguard_hook.py").unlink()
    answer = shell("seed", "env")
    assert answer.code == 1
    python = environment / "bin" / "python"
    told = f"env: not live: {python} does not start the guard; `indexguard status env` says more"
    assert answer.out.splitlines()[-1] == told
