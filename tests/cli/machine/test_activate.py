"""`indexguard activate`, `deactivate` and the table of `indexguard status`, on interpreters that the test may change."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.harness.children import run_child

import indexguard.cli
from support.bases import Base, make_base, tree
from support.environments import clean_environ

SOURCE = Path(indexguard.cli.__file__).parents[2]

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """A base of this Python's version."""
    return make_base(tmp_path, sys.executable)


@pytest.fixture
def cli(base: Base) -> Command:
    """The command, as somebody runs it whose home is the base's."""

    def run(*words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        return run_child(
            [sys.executable, "-m", "indexguard", *map(str, words)],
            cwd=base.home,
            env=clean_environ(base.home, **{"PYTHONPATH": str(SOURCE), "PATH": str(base.executable.parent), **environ}),
        )

    return run


def told(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command printed as one line, wherever a line of the terminal ended."""
    return " ".join(done.stdout.split())


def rows_of(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """Return what `status --json` says, by path."""
    report: dict[str, Any] = json.loads(done.stdout)
    return {row["path"]: row for row in report["interpreters"]}


# activate


def test_activate_tells_what_it_did(base: Base, cli: Command) -> None:
    done = cli("activate", "--python", base.executable)
    assert (done.returncode, done.stderr) == (0, "")
    first, *lines = done.stdout.splitlines()
    assert first == f"{base.executable} (Python {base.python.dotted}): {base.stdlib / '_indexguard'}"
    assert [line.split(":")[0] for line in lines] == ["  written", "  linked", "  compiled", "  live"]
    assert cli("activate", "--python", base.executable).stdout.splitlines()[1] == "  nothing to change"
    done = cli("deactivate", "--python", base.executable)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].startswith("  removed: ")
    assert not (base.stdlib / "_indexguard").exists()


def test_dry_run_prints_each_file(base: Base, cli: Command) -> None:
    before = tree(base.stdlib)
    done = cli("activate", "--python", base.executable, "--dry-run")
    assert done.returncode == 0
    assert f"  would write {base.stdlib / 'sitecustomize.py'}\n" in done.stdout
    assert done.stdout.count("/indexguard/") > 50
    assert tree(base.stdlib) == before


@pytest.mark.parametrize("command", ["activate", "deactivate"])
def test_what_is_no_python_is_refused(cli: Command, base: Base, command: str) -> None:
    for path, words in (
        (base.home / "missing", "there is no "),
        (base.home, "cannot be started: Permission denied"),
        (Path("/bin/true"), "does not run as a Python interpreter"),
    ):
        done = cli(command, "--python", path)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
        assert done.stderr.startswith("indexguard: ")
    done = cli(command, "--python", base.executable, "--all")
    assert (done.returncode, done.stderr) == (2, "indexguard: --all and --python exclude each other\n")


def test_one_of_several_that_fails_does_not_keep_the_others_back(base: Base, cli: Command, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = make_base(tmp_path / "second", sys.executable)
    (base.stdlib / "sitecustomize").mkdir()
    done = cli("activate", "--python", base.executable, "--python", second.executable)
    assert done.returncode == 1
    assert "sitecustomize is a package, which indexguard does not change" in done.stderr
    assert second.hook() is not None
    assert base.hook() is None


def test_all_finds_the_interpreter_on_path(base: Base, cli: Command) -> None:
    # The machine's own are found as well: nothing of them may be changed by a test.
    done = cli("activate", "--all", "--dry-run")
    assert f"{base.executable.parent}/python" in done.stdout
    assert base.hook() is None


def test_without_a_home_there_is_no_account() -> None:
    program = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from indexguard.cli import main; sys.exit(main())"
    code = f"import os, pwd; pwd.getpwuid = lambda uid: {{}}[uid]; {program}"
    done = run_child([sys.executable, "-c", code, "activate", "--user"], env={"PATH": ""})
    assert done.returncode == 2, done.stderr
    assert "no home folder" in done.stderr
    assert "Traceback" not in done.stderr


# status, as a table


def test_status_proves_what_is_named(base: Base, cli: Command) -> None:
    python = base.venv("plain")
    root = python.parent.parent
    done = cli("status", root, "--prove")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1].startswith(f"NOT GUARDED  {root}")
    assert cli("activate", "--python", base.executable).returncode == 0
    done = cli("status", root, base.executable, "--prove", "--json")
    rows = rows_of(done)
    assert done.returncode == 0
    assert [(row["state"], row["by"]) for row in rows.values()] == [
        ("no pip", "stdlib hook 0.1.0"),  # the environment was made without
        ("guarded", "stdlib hook 0.1.0"),
    ]
    assert rows[str(base.executable)]["proof"]["result"] == "held"
    assert rows[str(base.executable)]["startup_milliseconds"] < 1000


def test_status_finds_that_an_unguarded_pip_is_attacked(base: Base, cli: Command) -> None:
    done = cli("status", base.executable, "--prove", "--json")
    row = rows_of(done)[str(base.executable)]
    assert (done.returncode, row["live"], row["proof"]["result"]) == (1, False, "attacked")


def test_status_names_a_shadow(base: Base, cli: Command, tmp_path: Path) -> None:
    cli("activate", "--python", base.executable)
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "sitecustomize.py").write_text("import os\n")
    done = cli("status", base.executable, PYTHONPATH=f"{SOURCE}:{tmp_path / 'shadow'}")
    assert done.returncode == 1
    assert f"shadowed by PYTHONPATH: {tmp_path / 'shadow' / 'sitecustomize.py'} runs in the place of" in told(done)


def test_status_names_an_orphan_and_a_folder_that_is_gone(base: Base, cli: Command) -> None:
    cli("activate", "--python", base.executable)
    (base.stdlib / "sitecustomize.py").rename(base.stdlib / "aside.py")
    done = cli("status", base.executable)
    assert done.returncode == 1
    assert "is an orphan: no start-up module leads to it; run `indexguard activate` again" in told(done)
    (base.stdlib / "aside.py").rename(base.stdlib / "sitecustomize.py")
    (base.stdlib / "_indexguard" / "current").unlink()
    done = cli("status", base.executable)
    assert done.returncode == 1
    assert f"there is no guard in {base.stdlib / '_indexguard' / 'current'}" in told(done)


def test_status_tells_an_imitation_from_ours(base: Base, cli: Command) -> None:
    (site,) = base.stdlib.glob("site-packages")
    (site / "indexguard.pth").write_text("import os; os.environ['X'] = 'attacker'\n")
    done = cli("status", base.executable)
    assert done.returncode == 1
    assert f"{site / 'indexguard.pth'}: looks like indexguard's and is not" in told(done)


def test_status_of_all_only_blames_what_should_be_live(base: Base, cli: Command) -> None:
    # Whatever else this machine has: the base on PATH has no guard, and nobody expects one.
    done = cli("status", "--all", "--json")
    rows = [row for row in rows_of(done).values() if row["path"].startswith(str(base.executable.parent))]
    assert [(row["state"], row["expected"]) for row in rows] == [("no guard", False)]
    done = cli("status", "--all", "--strict", "--json")
    assert done.returncode == 1


def test_status_refuses_a_folder_without_pythons(base: Base, cli: Command) -> None:
    (base.home / "empty").mkdir()
    done = cli("status", base.home / "empty")
    assert done.returncode == 2
    assert "is neither a Python nor a virtual environment, and none is below it" in done.stderr


def test_status_takes_relative_paths(base: Base, cli: Command) -> None:
    python = base.venv("plain")
    (site,) = python.parent.parent.glob("lib/python3*/site-packages")
    (site / "pip").symlink_to(next(base.stdlib.glob("site-packages/pip")), target_is_directory=True)
    assert cli("activate", "--python", base.executable).returncode == 0
    done = cli("status", "plain", "--prove")
    assert done.returncode == 0, done.stdout
    assert f"guarded  {python.parent.parent}\n" in done.stdout
    assert "         canary: held\n" in done.stdout
    assert max(map(len, re.findall(r"^(?!.*/).*$", done.stdout, re.MULTILINE))) <= 80  # paths are not broken
    assert "sitecustomize.py: sitecustomize, runs, of indexguard activate" in told(done)


def test_status_looks_below_a_folder(base: Base, cli: Command) -> None:
    roots = {str(base.venv(f"projects/{name}").parent.parent) for name in ("one", "two")}
    done = cli("status", base.home / "projects", "--json")
    assert set(rows_of(done)) == roots
    assert set(rows_of(cli("status", "projects", "--json"))) == roots
    assert set(rows_of(cli("status", "projects/../projects/one", "projects/two", "--json"))) == roots


def test_status_of_one_that_only_audits(base: Base, cli: Command) -> None:
    policy = base.executable.parent.parent / "etc/indexguard/policy.toml"
    policy.parent.mkdir(parents=True)
    policy.write_text('version = 1\nmode = "audit"\n')
    policy.chmod(0o644)
    assert cli("activate", "--python", base.executable).returncode == 0
    done = cli("status", base.executable, "--prove")
    assert done.returncode == 1
    assert re.search(r"^audit  /", done.stdout, re.MULTILINE)
    assert "policy: interpreter audit " in done.stdout
    assert "built-in rule audit" in done.stdout
    assert "canary: audit\n" in done.stdout
    assert "canary: held" not in done.stdout
    assert cli("status", base.executable).returncode == 1
    assert cli("status", base.executable, "--prove", "--expect", "audit").returncode == 0
    (row,) = rows_of(cli("status", base.executable, "--json")).values()
    assert (row["state"], row["live"], row["only_audits"]) == ("audit", True, True)


def test_status_of_all_finds_what_its_own_registry_names(base: Base, cli: Command) -> None:
    root = base.venv("elsewhere/deep/env").parent.parent
    assert cli("activate", "--user", "--python", base.executable).returncode == 0
    assert cli("seed", root).returncode == 0
    assert str(root) in rows_of(cli("status", "--all", "--json"))


def install(base: Base) -> None:
    """Put the package into a base, as an installer does."""
    (site,) = base.stdlib.glob("site-packages")
    shutil.copytree(SOURCE / "indexguard", site / "indexguard", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_indexguard_hook.py", "indexguard.pth"):
        shutil.copy(SOURCE / name, site / name)


def test_copy_and_installed_package_get_on(base: Base) -> None:
    install(base)
    assert base.run("-m", "indexguard", "activate").returncode == 0
    for words in (["status", base.executable], ["status"], ["deactivate", "--dry-run"]):
        done = base.run("-m", "_indexguard", *words)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    done = base.run("-m", "_indexguard", "deactivate")
    assert done.returncode == 0
    assert "still guarded, by " in told(done)
    assert "pip uninstall indexguard` removes that" in told(done)


def test_deactivate_says_nothing_more_where_nothing_guards(base: Base, cli: Command) -> None:
    cli("activate", "--python", base.executable)
    assert "still guarded" not in cli("deactivate", "--python", base.executable).stdout


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("pyvenv.cfg", "uv = 0.13.9\n", "uv made it"),
        ("lib/a-1.dist-info/INSTALLER", "uv\n", "the installer of 1 of its 1 packages is uv"),
        ("lib/a-1.dist-info/INSTALLER", "pip\n", None),
        ("pyvenv.cfg", "home-of-uv = x\n", None),
    ],
)
def test_status_names_an_environment_whose_installer_is_uv(
    base: Base, cli: Command, file: str, content: str, says: str | None
) -> None:
    python = base.venv("made")
    (site,) = python.parent.parent.glob("lib/python3*/site-packages")
    path = site / file.partition("/")[2] if file.startswith("lib/") else python.parent.parent / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as written:
        written.write(content)
    done = cli("status", python.parent.parent)
    assert (says in told(done)) if says else ("uv" not in told(done).partition("start-up hooks")[0])
