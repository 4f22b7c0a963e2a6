"""Text from outside (paths, names of members, reasons) is one line of what is printed, without a control character."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from integration.bench.advisories import make_record

from indexguard.advisories import store
from support.shell import Shell

EVIL = "a\x1b[31m\nindexguard: all is well\u202e"
WRITTEN = r"a\u001b[31m\nindexguard: all is well\u202e"
"""The same in TOML."""
POLICY = 'version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = ["*"]\n'


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes are not the machine's."""
    monkeypatch.setattr(store, "machine_folder", lambda: str(tmp_path / "indexes"))


def write_zip(path: Path, *, is_good: bool) -> Path:
    """Write a source with a member that is no record, and perhaps one that is."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{EVIL}.json", "nothing")
        if is_good:
            archive.writestr("b.json", json.dumps(make_record("foo", "MAL-2026-1", ["1.0"])))
    return path


def check_all(shell: Shell, *words: str) -> None:
    """Check that a command says it in one line, and as it is not read by a terminal."""
    answer = shell(*words)
    said = answer.out + answer.err
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\\x1b[31m" in said, "it is not said at all"
    assert not [line for line in said.splitlines() if line.lstrip().startswith("indexguard: all is well")], said


@pytest.mark.parametrize("is_good", [True, False])
def test_a_member_of_a_zip(shell: Shell, tmp_path: Path, *, is_good: bool) -> None:
    path = write_zip(tmp_path / "records.zip", is_good=is_good)
    shell.policy(f'{POLICY}[advisories]\npaths = ["{path}"]\n')
    for words in (("explain", "foo", "--index", "pypi"), ("advisories",), ("advisories", "check", str(path))):
        check_all(shell, *words)


def test_the_path_of_a_source(shell: Shell, tmp_path: Path) -> None:
    shell.policy(f'{POLICY}[advisories]\npaths = ["{tmp_path}/{WRITTEN}.zip"]\n')
    for words in (("explain", "foo", "--index", "pypi"), ("advisories",), ("check",), ("status",)):
        check_all(shell, *words)
    write_zip(tmp_path / f"{EVIL}.zip", is_good=True)
    for command in ("explain foo --index pypi", "advisories", "advisories build"):
        check_all(shell, *command.split())
    (tmp_path / f"{EVIL}.zip").chmod(0o666)
    check_all(shell, "explain", "foo", "--index", "pypi")


def test_the_path_of_a_ledger(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / f"{EVIL}.db"
    for content in (None, b"no database at all\n" * 100):
        if content is not None:
            path.write_bytes(content)
        for words in (("ledger",), ("ledger", "list"), ("ledger", "export"), ("ledger", "forget", "foo")):
            check_all(shell, *words, "--ledger", str(path))


def test_a_file_to_import_and_one_to_write(shell: Shell, tmp_path: Path) -> None:
    ledger = str(tmp_path / "ledger.db")
    lines = tmp_path / EVIL
    for text in ('{"ledger":1', "", "no line"):
        lines.write_text(text)
        check_all(shell, "ledger", "import", "--ledger", ledger, str(lines))


def test_reasons(shell: Shell) -> None:
    shell.policy(
        f'{POLICY}[[deny]]\npackages = ["foo"]\nreason = "{WRITTEN}"\n'
        f'[[waive]]\ncode = "typosquat"\npackages = ["foo"]\nreason = "{WRITTEN}"\nexpires = 2999-01-01\n'
    )
    check_all(shell, "explain", "foo", "--index", "pypi")
    check_all(shell, "status")
