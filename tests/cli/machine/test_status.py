"""Whether pip is guarded: a real interpreter with and without the guard, and with one that is broken."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from integration.harness.children import run_child, write_policy
from integration.harness.pips import Environment, plain_environment, pythons_for

import indexguard.cli
from indexguard.audit.sinks import find_obstacle
from support.environments import clean_environ
from support.shell import Shell

SOURCE = Path(indexguard.cli.__file__).parents[2]
HOOK = "import _indexguard_hook; _indexguard_hook.install()\n"


@dataclass
class Guarded:
    """An environment of its own, and a home without a policy."""

    environment: Environment
    home: Path

    @property
    def pth(self) -> Path:
        """The file that brings the guard in."""
        return self.environment.site_packages / "indexguard-test.pth"

    def status(self, *argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `indexguard status` there."""
        return run_child(
            [str(self.environment.python), "-m", "indexguard", "status", *argv],
            cwd=self.home,
            env=clean_environ(self.home, **{"PYTHONPATH": str(SOURCE), **environ}),
        )


@pytest.fixture(params=["20.3.4", "26.3"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Guarded:
    """An environment into which a path line brings the guard."""
    found = pythons_for(request.param).found
    if not found:
        pytest.skip(f"no Python here runs pip {request.param}")
    try:
        environment = plain_environment(request.param, found[0]).copy_to(tmp_path / "venv")
    except RuntimeError as error:
        pytest.skip(str(error))
    home = tmp_path / "home"
    home.mkdir()
    guarded = Guarded(environment, home)
    guarded.pth.write_text(f"{SOURCE}\n{HOOK}")
    return guarded


def test_guarded(guarded: Guarded) -> None:
    done = guarded.status("--json")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (report["guarded"], report["pip"], report["stopped"]) == (True, guarded.environment.pip, None)
    assert Path(report["guard"]).is_relative_to(SOURCE / "indexguard")
    assert report["indexes"] == ["pypi"]
    text = guarded.status().stdout
    assert text.startswith(f"guarded: pip {guarded.environment.pip} of ")
    assert "not covered: python -S" in text


def test_not_guarded(guarded: Guarded) -> None:
    guarded.pth.write_text(f"{SOURCE}\n")
    done = guarded.status()
    assert done.returncode == 1
    assert done.stdout.startswith("not guarded: pip ")
    assert json.loads(guarded.status("--json").stdout)["guarded"] is False


def test_broken_guard_is_not_guarded(guarded: Guarded, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "_indexguard_hook.py").write_bytes((SOURCE / "_indexguard_hook.py").read_bytes())
    guarded.pth.write_text(f"{tmp_path}/broken\n{HOOK}")
    done = guarded.status(PYTHONPATH=f"{tmp_path}/broken:{SOURCE}")
    assert done.returncode == 1
    assert "not guarded" in done.stdout
    assert "guard-broken" in done.stdout


def test_process_that_itself_started_without_the_guard(guarded: Guarded, tmp_path: Path) -> None:
    # As a start-up module that stands before the guard and takes itself off PYTHONPATH: the children are guarded.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "sys.meta_path[:] = [entry for entry in sys.meta_path if not hasattr(entry, 'indexguard_hook')]\n"
        "os.environ['PYTHONPATH'] = os.environ['PYTHONPATH'].partition(os.pathsep)[2]\n"
    )
    done = guarded.status(PYTHONPATH=f"{tmp_path}{os.pathsep}{SOURCE}")
    assert done.returncode == 1
    assert done.stdout.startswith("guarded: pip ")
    assert f"not guarded: this process itself, and a pip that is started in the same way: {tmp_path}" in done.stdout


def test_policy_that_stops_pip(guarded: Guarded) -> None:
    policy = write_policy(guarded.home / "policy.toml", "version = 7")
    done = guarded.status(INDEXGUARD_POLICY=str(policy))
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("guarded, and stopped: pip ")
    assert "policy-invalid" in done.stdout
    report = json.loads(guarded.status("--json", INDEXGUARD_POLICY=str(policy)).stdout)
    assert (report["guarded"], report["built_in_rule"]) == (True, None)
    (fault,) = report["policy_faults"]
    assert (fault["file"], fault["code"]) == (str(policy), "policy-invalid")
    assert done.stdout.count("found 7") == 1
    assert f"  environment  policy-invalid  {policy}\n" in done.stdout
    assert "  machine      " in done.stdout


def test_no_usable_home(guarded: Guarded) -> None:
    # pip itself goes without its cache then; `relative` is what a user without a home gets from `~`.
    for environ in ({"PIP_CACHE_DIR": "relative"}, {"HOME": "relative"}):
        done = guarded.status(**environ)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("guarded: ")
    assert [path for path in guarded.home.rglob("*") if "pip" in path.parts] == []  # no cache


def test_start_up_file_that_prints(guarded: Guarded) -> None:
    (guarded.pth.parent / "a.pth").write_text("import sys; print('hello')\n")
    done = guarded.status("--json")
    assert done.stdout.startswith("hello\n")
    assert json.loads(done.stdout[done.stdout.index("{") :])["guarded"] is True


def test_layers_are_listed(shell: Shell) -> None:
    machine = shell.policy('version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = ["*"]\n', "machine")
    answer = shell("status")
    assert answer.code in (0, 1)  # the interpreter of the tests may be guarded
    assert "  machine      enforce, sha256 " in answer.out
    assert str(machine) in answer.out
    assert "built-in rule: not in force" in answer.out
    report = shell("status", "--json").json
    assert [(layer["layer"], layer["file"], layer["mode"]) for layer in report["layers"]] == [
        ("machine", str(machine), "enforce")
    ]
    assert [place["state"] for place in report["places"]] == ["loaded", "absent", "absent", "unset"]


def test_built_in_rule(shell: Shell) -> None:
    assert "built-in rule: in force" in shell("status").out
    assert shell("status", "--json").json["built_in_rule"] is True


def test_log_that_cannot_be_written(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shell.monkeypatch.setattr("indexguard.cli.machine.status.log_path", lambda: tmp_path / "file" / "audit.jsonl")
    assert "cannot be written: " in shell("status").out


def test_other_sinks_that_take_events_and_that_do_not(shell: Shell, tmp_path: Path) -> None:
    here, gone = tmp_path / "here", tmp_path / "gone"
    sinks = f'[log]\nsinks = ["stderr", "syslog"]\nsyslog = ["unix:{here}", "unix:{gone}"]\n'
    shell.policy(f'version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = ["*"]\n{sinks}', "machine")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(here))
        lines = shell("status").out.splitlines()
        told = json.loads(shell("status", "--json").out)["log"]
    assert "audit log: no file, the policy sends it elsewhere" in lines
    assert "  and to stderr" in lines
    assert f"  and to syslog unix:{here}" in lines
    assert f"  and to syslog unix:{gone}, which cannot be reached: No such file or directory" in lines
    assert (told["file"], told["obstacle"]) == (None, None)
    assert [bool(sink["obstacle"]) for sink in told["sinks"]] == [False, False, True]


def test_obstacles(tmp_path: Path) -> None:
    assert find_obstacle(tmp_path / "new" / "audit.jsonl") is None
    (tmp_path / "audit.jsonl").touch()
    assert find_obstacle(tmp_path / "audit.jsonl") is None
    (tmp_path / "link").symlink_to(tmp_path / "audit.jsonl")
    assert find_obstacle(tmp_path / "link") == "it is a link"
    assert find_obstacle(tmp_path) == "it is not a regular file"
    assert find_obstacle(tmp_path / "audit.jsonl" / "x") == f"{tmp_path}/audit.jsonl is not a folder"
    assert "HOME" in str(find_obstacle(Path("~/x")))


def test_waivers_are_listed(shell: Shell) -> None:
    waiver = '[[waive]]\ncode = "too-young"\npackages = ["foo==1.0"]\nreason = "SEC-212"\nexpires = {}\n'
    path = shell.policy(f"version = 1\n{waiver.format('2100-01-31')}{waiver.format('2026-01-31')}")
    told = " ".join(shell("status").out.split())
    assert "waiver: too-young for foo==1.0: " in told
    assert f"days left, until 2100-01-31 (waive[0]: SEC-212), in {path}" in told
    assert f"waiver: too-young for foo==1.0: ended, until 2026-01-31 (waive[1]: SEC-212), in {path}" in told
    first, second = shell("status", "--json").json["waivers"]
    assert (first["code"], first["packages"], first["key"]) == ("too-young", {"foo": ["1.0"]}, "waive[0]")
    assert second["days_left"] < 0 < first["days_left"]
