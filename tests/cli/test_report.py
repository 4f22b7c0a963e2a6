"""The command that writes the page."""

from __future__ import annotations

import gzip
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from indexguard.report.page import MARK
from support.report_events import event, shadowed
from support.shell import Shell


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of three events."""
    path = tmp_path / "audit.jsonl"
    lines = (event("selected", None), shadowed(), event(name="other", message="refused on its own"))
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="ascii")
    return path


def test_page_is_written(shell: Shell, log: Path) -> None:
    answer = shell("report", "-o", "report.html", str(log))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "wrote report.html: 2 findings and 1 shadowed name in 3 events\n"
    page = (shell.home / "report.html").read_text(encoding="ascii")
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    assert "refused on its own" in page
    assert os.listdir(shell.home) == ["report.html"]


def test_page_on_standard_output(shell: Shell, log: Path) -> None:
    answer = shell("report", "-o", "-", str(log))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("<!DOCTYPE html>")
    assert os.listdir(shell.home) == []


def test_several_logs(shell: Shell, log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(event(host="ws-ada")) + "\n")
    answer = shell("report", "-o", "report.html", str(log), str(other))
    assert answer.out == "wrote report.html: 3 findings and 1 shadowed name in 4 events\n"
    assert f"from {log}, {other}." in (shell.home / "report.html").read_text()


def test_page_of_an_engine(shell: Shell, log: Path) -> None:
    with log.open("a") as file:
        file.write("nothing\n")
    assert shell("report", "-o", "python.html", str(log)).code == 0
    answer = shell("report", "-o", "duckdb.html", "--engine", "duckdb", str(log))
    assert (answer.code, answer.out) == (0, "wrote duckdb.html: 2 findings and 1 shadowed name in 3 events\n")
    assert answer.err == "1 line left out, not a whole event of this version of the log\n"
    pages = [(shell.home / name).read_text().partition("<footer>")[0] for name in ("python.html", "duckdb.html")]
    assert pages[0] == pages[1]
    footer = (shell.home / "duckdb.html").read_text().partition("<footer>")[2]
    assert str(log) in footer
    assert "1 line" in footer


def test_engine_that_is_not_here(shell: Shell, log: Path) -> None:
    shell.monkeypatch.setitem(sys.modules, "duckdb", None)
    answer = shell("report", "-o", "page.html", "--engine", "duckdb", str(log))
    assert (answer.code, answer.out) == (2, "")
    assert "install indexguard[fleet]" in answer.err
    assert os.listdir(shell.home) == []


def test_own_log(shell: Shell, log: Path) -> None:
    shell.monkeypatch.setattr("indexguard.cli.report.log_path", lambda: log)
    assert "3 events" in shell("report", "-o", "report.html").out
    assert str(log) in (shell.home / "report.html").read_text()


@pytest.mark.parametrize("path", ["/nowhere/audit.jsonl", "~/audit.jsonl"])
def test_no_log_yet(shell: Shell, path: str) -> None:
    shell.monkeypatch.setattr("indexguard.cli.report.log_path", lambda: Path(path))
    answer = shell("report", "-o", "report.html")
    assert answer.code == 2
    assert answer.err == "nothing was recorded: this user has no audit log; the page is empty\n"
    assert "Nothing was refused" in (shell.home / "report.html").read_text()


def test_page_is_as_private_as_the_log_and_keeps_its_mode(shell: Shell, log: Path) -> None:
    page = shell.home / "report.html"
    shell("report", "-o", "report.html", str(log))
    assert stat.S_IMODE(page.stat().st_mode) == 0o640
    page.chmod(0o644)
    log.write_text("")
    assert shell("report", "-o", "report.html", str(log)).code == 2  # nothing was read; the page says so
    assert stat.S_IMODE(page.stat().st_mode) == 0o644
    assert "refused on its own" not in page.read_text()


@pytest.mark.parametrize("content", [b"", b"version = 1\n", b"\xff" * 5000, b"x" * 5000 + MARK.encode()])
def test_what_is_no_page_is_not_replaced(shell: Shell, log: Path, content: bytes) -> None:
    (shell.home / "policy.toml").write_bytes(content)
    answer = shell("report", "-o", "policy.toml", str(log))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "indexguard: cannot write policy.toml: it is there already and is no page of this command; "
        "choose another name, or remove it\n"
    )
    assert (shell.home / "policy.toml").read_bytes() == content


def test_log_is_not_replaced_by_its_own_page(shell: Shell, log: Path) -> None:
    before = log.read_bytes()
    assert shell("report", "-o", str(log), str(log)).code == 2
    assert log.read_bytes() == before


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("nowhere/report.html", "No such file or directory"),
        ("folder", "it is there already and is no file; - is standard output"),
        ("pipe", "is no file"),
        ("dangling", "is no file"),
        ("x" * 300, "File name too long"),
        ("/dev/full", "is no file"),
        ("file/report.html", "Not a directory"),
    ],
)
def test_page_that_cannot_be_written(shell: Shell, log: Path, output: str, reason: str) -> None:
    (shell.home / "folder").mkdir()
    (shell.home / "file").touch()
    (shell.home / "dangling").symlink_to("nothing")
    os.mkfifo(shell.home / "pipe")
    before = sorted(os.listdir(shell.home))
    answer = shell("report", "-o", output, str(log))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"indexguard: cannot write {output}: ")
    assert reason in answer.err
    assert sorted(os.listdir(shell.home)) == before


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("/nowhere/audit.jsonl", "cannot read the audit log /nowhere/audit.jsonl: there is no such file"),
        ("../empty", "there is no log in the folder ../empty"),
    ],
)
def test_log_that_cannot_be_read(shell: Shell, file: str, reason: str) -> None:
    (shell.home.parent / "empty").mkdir()
    answer = shell("report", "-o", "report.html", file)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"indexguard: {reason}")
    assert os.listdir(shell.home) == []


def test_torn_and_foreign_lines_are_counted(shell: Shell, log: Path) -> None:
    with log.open("ab") as file:
        file.write(b"{\n[1]\n\xff\xfe\n")
    answer = shell("report", "-o", "report.html", str(log))
    assert answer.code == 0
    assert answer.err == f"{log}: 3 lines left out, not a whole event of this version of the log\n"
    assert "3 lines left out" in (shell.home / "report.html").read_text()


def test_folder_and_gzip(shell: Shell, log: Path) -> None:
    older = log.with_name("audit-20261120T040000.123456Z.jsonl.gz")
    older.write_bytes(gzip.compress(log.read_bytes()))
    answer = shell("report", "-o", "report.html", str(log.parent))
    assert answer.out == "wrote report.html: 4 findings and 1 shadowed name in 6 events\n"
    assert older.name in (shell.home / "report.html").read_text()


def test_file_that_is_cut_off_is_told(shell: Shell, log: Path) -> None:
    torn = log.with_name("torn.jsonl.gz")
    torn.write_bytes(gzip.compress(log.read_bytes() * 50)[:-20])
    answer = shell("report", "-o", "report.html", str(torn))
    assert answer.code == 2  # so small a file has no event before the place where it is cut off
    assert f"{torn}: not read to its end" in answer.err
    assert f"Not read to the end: {torn}." in (shell.home / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "findings", "words"),
    [
        (["--code", "shadowed-name"], 1, "code shadowed-name"),
        (["--name", "other", "--name", "third"], 1, "name other or third"),
        (["--run", "4a39"], 2, "run 4a39"),
        (["--event", "selected", "--index", "mirror"], 0, "index mirror; event selected"),
        (["--since", "2026-11-20T08:00Z", "--until", "2026-11-21T00:00Z"], 2, "since 2026-11-20T08:00"),
        (["--since", "2026-11-21"], 0, "since 2026-11-21"),
    ],
)
def test_choice_is_told(shell: Shell, log: Path, options: list[str], findings: int, words: str) -> None:
    answer = shell("report", "-o", "report.html", *options, str(log))
    assert answer.code == 0
    assert f": {findings} finding{'' if findings == 1 else 's'} and" in answer.out
    assert f"<dt>Only</dt><dd>{words}" in (shell.home / "report.html").read_text()


def test_rows(shell: Shell, log: Path) -> None:
    shell("report", "-o", "report.html", "--rows", "1", str(log))
    page = (shell.home / "report.html").read_text()
    assert "The newest 1 of 2 findings" in page
    assert page.count("data-code=") == 1


@pytest.mark.parametrize("rows", ["-1", "x", "1e3", "", "1000000"])
def test_rows_that_are_no_number(shell: Shell, log: Path, rows: str) -> None:
    answer = shell("report", "-o", "report.html", f"--rows={rows}", str(log))
    assert answer.code == 2
    assert "expected a number from 0 to 999999" in answer.err


def test_output_must_be_named(shell: Shell, log: Path) -> None:
    answer = shell("report", str(log))
    assert answer.code == 2
    assert "the following arguments are required: -o" in answer.err
