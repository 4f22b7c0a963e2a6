"""The pips that a pip starts: the mark, the reports, other interpreters."""

from __future__ import annotations

import json
import os
import sys
import venv
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import pytest
from integration.harness.children import run_child

from indexguard.errors import GuardError
from indexguard.inpip import children, mark, python_option
from indexguard.inpip.children import BOOTSTRAP
from indexguard.inpip.mark import MARK, parent_run
from indexguard.inpip.reports import Report, Reports, report_to_parent

REFUSAL = GuardError("redirected", "refused `acme`", [("rule", "indexes.corp\n/etc/policy.toml")], "publish it", "acme")
TOLD = Report("redirected", "acme")


@pytest.fixture(autouse=True)
def no_mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No parent, and temporary files in a folder of the test."""
    monkeypatch.delenv(MARK, raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def report_file() -> Path:
    return Path(os.environ[MARK].split(":", 2)[2])


def test_a_report_is_a_code_and_a_name_and_arrives_once() -> None:
    with Reports("run-1", requested=False) as reports:
        assert parent_run() == "run-1"
        for error in (REFUSAL, GuardError("guard-broken", "another"), REFUSAL):
            report_to_parent(error)
        assert reports.read() == [TOLD, Report("guard-broken", None)]
        lines = [json.loads(line) for line in report_file().read_text(encoding="utf-8").splitlines()]
        assert lines[0] == {"code": "redirected", "name": "acme"}
        assert all(set(line) == {"code", "name"} for line in lines)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with Reports("run-1", requested=False):
        assert list(tmp_path.iterdir()) == [report_file()]
        assert report_file().stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []
    assert parent_run() is None


def test_a_pip_in_a_pip_reports_to_its_own_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, "outermost:")
    with Reports("outer", requested=False) as outer:
        with Reports("inner", requested=False) as inner:
            report_to_parent(REFUSAL)
            assert (parent_run(), len(inner.read())) == ("inner", 1)
        assert (parent_run(), outer.read()) == ("outer", [])
    assert os.environ[MARK] == "outermost:"


def test_without_a_parent_nothing_is_written(tmp_path: Path) -> None:
    report_to_parent(REFUSAL)
    assert (parent_run(), list(tmp_path.iterdir())) == (None, [])
    assert Reports("never entered", requested=False).read() == []


@pytest.mark.parametrize(("requested", "word"), [(True, "requested"), (False, "brought")])
def test_the_mark_says_whose_the_requirements_are(requested: bool, word: str) -> None:
    assert mark.takes_requests()
    with Reports("run-1", requested=requested):
        assert os.environ[MARK].split(":")[1] == word
        assert mark.takes_requests() is requested


@pytest.mark.parametrize(
    "told", ["", ":", "run", "run:", "run:other:", "run::requested", "requested", "run: requested:"]
)
def test_a_mark_that_says_nothing_clear_narrows(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv(MARK, told)
    assert not mark.takes_requests()


@pytest.mark.parametrize("mark", ["", "run-1", "run-1:"])
def test_a_mark_without_a_file_only_narrows(monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    monkeypatch.setenv(MARK, mark)
    report_to_parent(REFUSAL)
    assert parent_run() == mark.rstrip(":")


@pytest.mark.parametrize("kind", ["missing", "link", "folder", "foreign name"])
def test_only_the_parents_own_file_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    target, path = tmp_path / "target", tmp_path / "indexguard-report"
    target.write_text("kept")
    if kind == "link":
        path.symlink_to(target)
    elif kind == "folder":
        path.mkdir()
    elif kind == "foreign name":
        path = target
    monkeypatch.setenv(MARK, f"run-1:{path}")
    report_to_parent(REFUSAL)
    assert target.read_text() == "kept"
    assert kind != "missing" or not path.exists()


CODELESS = ['{"name": "acme"}', '{"code": "no-such-code"}', '{"code": ["redirected"]}', '{"code": {}, "name": "acme"}']
GARBAGE = ["", "no json", "[]", "{}", "null", "7", '"redirected"', "[" * 9_999, *CODELESS]


@pytest.mark.parametrize("line", GARBAGE)
def test_a_line_that_is_no_report_is_left_out(line: str) -> None:
    with Reports("run-1", requested=False) as reports:
        report_file().write_text(f"{line}\n", encoding="utf-8")
        report_to_parent(REFUSAL)
        assert reports.read() == [TOLD]


@pytest.mark.parametrize("name", ["Acme", "a--b", "-a", "acme core", "a\x1b[2J", "a" * 101, "", 7, None, ["acme"], {}])
def test_what_is_no_name_is_not_repeated(name: object) -> None:
    told = {"code": "redirected", "name": name, "refused": "words", "facts": [["rule", "words"]], "hint": "words"}
    with Reports("run-1", requested=False) as reports:
        report_file().write_text(json.dumps(told), encoding="utf-8")
        assert reports.read() == [Report("redirected", None)]


def test_only_the_first_reports_are_read() -> None:
    line = json.dumps({"code": "redirected", "name": "acme"})
    with Reports("run-1", requested=False) as reports:
        report_file().write_text(f"{' ' * 70_000}\n{line}\n", encoding="utf-8")
        assert reports.read() == []


def interpreter(path: Path, text: str) -> str:
    """Write a program that stands for an interpreter."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo 3 8", "is Python 3.8; indexguard guards Python 3.9 to 3.17"),
        ("echo 3 18", "is Python 3.18"),
        ("echo 2 7", "is Python 2.7"),
        ("echo nonsense", "does not run as a Python interpreter"),
        ("exit 1", "does not run as a Python interpreter"),
        (None, "does not run as a Python interpreter"),
    ],
)
def test_an_interpreter_that_cannot_be_guarded(
    pip_module: Callable[[str], Any], tmp_path: Path, text: str | None, reason: str
) -> None:
    other = str(tmp_path / "missing") if text is None else interpreter(tmp_path / "other", text)
    error_class = pip_module("_internal.exceptions").InstallationError
    with pytest.raises(error_class, match="indexguard: pip-not-understood") as caught:
        python_option.prepare_interpreter("pip", other)
    assert reason in str(caught.value)
    assert "PYTHONPATH" not in os.environ


@pytest.mark.parametrize("options", ["-I", "-E", "-S"])
def test_an_interpreter_that_the_bootstrap_does_not_reach(
    pip_module: Callable[[str], Any], tmp_path: Path, options: str
) -> None:
    # An environment of its own: this one may start the guard by itself.
    venv.create(tmp_path / "environment", with_pip=False)
    other = interpreter(tmp_path / "other", f'exec "{tmp_path}/environment/bin/python" {options} "$@"')
    error_class = pip_module("_internal.exceptions").InstallationError
    with pytest.raises(error_class, match="does not start the guard"):
        python_option.prepare_interpreter("pip", other)
    assert "PYTHONPATH" not in os.environ


def test_another_interpreter_is_handed_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "")  # so that it is put back
    python_option.prepare_interpreter("pip", sys.executable)
    assert os.environ["PYTHONPATH"] == BOOTSTRAP
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    python_option.prepare_interpreter("pip", sys.executable)
    assert os.environ["PYTHONPATH"] == os.pathsep.join([BOOTSTRAP, "/somewhere"])


def test_the_bootstrap_holds_nothing_else() -> None:
    files = {entry.name for entry in Path(BOOTSTRAP).iterdir()} - {"__pycache__"}
    assert files == {"sitecustomize.py", "_indexguard_bootstrap.py"}


def test_a_throw_away_environment_gets_a_start_up_file(tmp_path: Path) -> None:
    folders = [str(tmp_path / "purelib"), str(tmp_path / "platlib")]
    environment: Any = SimpleNamespace(lib_dirs=folders)
    called: list[str] = []
    children.enter_venv(lambda: called.append("made"), environment)
    assert called == ["made"]
    for folder in folders:
        text = Path(folder, "indexguard-bootstrap.pth").read_text(encoding="utf-8")
        assert text == f"{BOOTSTRAP}\nimport _indexguard_bootstrap; _indexguard_bootstrap.install()\n"


def test_build_backends_start_the_guard(tmp_path: Path) -> None:
    # What pip 20.3 to 26.3 writes there begins so.
    (tmp_path / "sitecustomize.py").write_text("import os, site, sys\nprint('isolated')\n")
    environment: Any = SimpleNamespace(_site_dir=str(tmp_path))
    called: list[str] = []
    children.enter_virtual(lambda: called.append("made"), environment)
    assert called == ["made"]
    program = "import sys; print([entry.__name__ for entry in sys.meta_path if hasattr(entry, 'indexguard_hook')])"
    command = [sys.executable, "-s", "-c", program]
    done = run_child(command, env={"PYTHONPATH": str(tmp_path)})
    assert (done.stdout, done.stderr) == ("isolated\n['Finder']\n", "")
