"""The commands of the ledger, as the one sees them who types them."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from indexguard.ledger import side
from indexguard.ledger.sighting import Sighting
from indexguard.ledger.store import Store
from indexguard.patterns import Name
from support.logged import CORP, event, selected, write
from support.shell import Answer, Shell

INDEX = "https://packages.corp.example/simple/"
FILES = (
    Sighting(Name("acme-core"), "1.0", "acme_core-1.0.tar.gz", "a" * 64, INDEX, 1_767_323_045, attested=True),
    Sighting(Name("acme-core"), "1.1", "acme_core-1.1.tar.gz", "b" * 64, INDEX, 1_780_000_000),
    Sighting(Name("flask"), "3.0", "flask-3.0.tar.gz", None, "pypi", 1_780_000_000),
)
_POLICY = (
    'version = 1\n[indexes.corp]\nurl = "https://packages.corp.example/simple/"\nnamespaces = ["acme"]\n[ledger]\n'
)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of three files."""
    store = Store(tmp_path / "ledger.db")
    store.record(FILES)
    store.close()
    return store.path


def rows(path: Path) -> set[str]:
    store = Store(path)
    try:
        return {sighting.file for sighting in store.rows()}
    finally:
        store.close()


def ask(shell: Shell, ledger: Path, *words: str) -> Answer:
    return shell("ledger", words[0], "--ledger", str(ledger), *words[1:])


def test_a_policy_that_cannot_be_read_may_ask_any_ledger(shell: Shell, ledger: Path) -> None:
    shell.policy('version = 1\n[ledger]\npath = "relative\\u001b[31m.db"\n[ledgers]\n')
    for words in (("ledger",), ("ledger", "list"), ("ledger", "forget", "foo")):
        answer = shell(*words)
        assert (answer.code, "policy-invalid" in answer.err) == (2, True)
        assert "\x1b" not in answer.err
    assert ask(shell, ledger, "list").code == 0


# What it holds


def test_list(shell: Shell, ledger: Path) -> None:
    answer = ask(shell, ledger, "list")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        f"2026-01-02T03:04:05Z  acme-core 1.0  acme_core-1.0.tar.gz  (sha256 {'a' * 16}..., attested)  from {INDEX}",
        f"2026-05-28T20:26:40Z  acme-core 1.1  acme_core-1.1.tar.gz  (sha256 {'b' * 16}...)  from {INDEX}",
        "2026-05-28T20:26:40Z  flask 3.0  flask-3.0.tar.gz  (no sha256)  from pypi",
    ]


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["Acme_Core"], ["acme_core-1.0.tar.gz", "acme_core-1.1.tar.gz"]),
        (["acme-*", "flask"], [it.file for it in FILES]),
        (["--index", "pypi"], ["flask-3.0.tar.gz"]),
        (["--index", "pypi", "acme-core"], []),
        (["other"], []),
    ],
)
def test_list_of_some(shell: Shell, ledger: Path, words: list[str], files: list[str]) -> None:
    answer = ask(shell, ledger, "list", "--json", *words)
    assert (answer.code, [it["file"] for it in answer.json["files"]]) == (0 if files else 1, files)
    assert answer.json["ledger"] == str(ledger)
    told = ask(shell, ledger, "list", *words)
    assert len(told.out.splitlines()) == len(files)
    assert bool(files) is ("nothing of that is remembered" not in told.err)


def test_show(shell: Shell, ledger: Path) -> None:
    answer = shell("ledger", "--ledger", str(ledger))
    assert (answer.code, answer.out.splitlines()) == (
        0,
        [
            str(ledger),
            "  3 files of 2 projects from 2 indexes",
            "  first seen from 2026-01-02T03:04:05Z to 2026-05-28T20:26:40Z",
            "  0.0 of 256 MiB",
            "  no policy here asks it",
        ],
    )
    assert shell("ledger", "--json", "--ledger", str(ledger)).json["holds"]["files"] == 3


def test_the_policy_here_says_which_ledger(shell: Shell, ledger: Path) -> None:
    policy = shell.policy(f'{_POLICY}path = "{ledger}"\nmax-size = "1 MiB"\n')
    answer = shell("ledger")
    assert (answer.code, answer.out.splitlines()[-2:]) == (0, ["  0.0 of 1 MiB", f"  asked by {policy}"])
    assert len(shell("ledger", "list").out.splitlines()) == 3
    ledger.chmod(0o666)
    answer = shell("ledger")
    assert answer.code == 1
    assert "cannot be trusted: file " in answer.out


def test_a_ledger_that_is_not_there_yet(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    answer = shell("ledger", "--ledger", str(path))
    assert (answer.code, "not there yet" in answer.out) == (0, True)
    for words in (["list"], ["export"], ["forget", "--all"]):
        answer = ask(shell, path, *words)
        assert (answer.code, answer.err) == (2, f"indexguard: there is no ledger {path}\n")
    assert not path.exists()


def test_a_damaged_ledger(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no database at all\n" * 100)
    for words in (["list"], ["export"], ["forget", "--all"], ["import", str(_export_of(tmp_path, FILES))]):
        answer = ask(shell, path, *words)
        assert (answer.code, "is damaged: " in answer.err) == (2, True), answer.err
    assert shell("ledger", "--ledger", str(path)).code == 2


# Forgetting


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["acme-core"], {"flask-3.0.tar.gz"}),
        (["acme-*", "--file", "acme_core-1.1.tar.gz"], {"acme_core-1.0.tar.gz", "flask-3.0.tar.gz"}),
        (["--before", "2026-03-01"], {"acme_core-1.1.tar.gz", "flask-3.0.tar.gz"}),
        (["--index", "corp.example"], {"flask-3.0.tar.gz"}),
        (["--all"], set()),
    ],
)
def test_forget(shell: Shell, ledger: Path, words: list[str], left: set[str]) -> None:
    answer = ask(shell, ledger, "forget", *words)
    files = len(FILES) - len(left)
    noun = "file" if files == 1 else "files"
    assert (answer.code, answer.out) == (0, f"forgot {files} {noun} in {ledger}\n")
    assert rows(ledger) == left
    again = ask(shell, ledger, "forget", *words)
    assert (again.code, again.err) == (1, f"nothing of that is remembered in {ledger}\n")


def test_nothing_is_forgotten_by_a_slip_of_the_keyboard(shell: Shell, ledger: Path) -> None:
    assert ask(shell, ledger, "forget").code == 2
    assert ask(shell, ledger, "forget", "--all", "acme-core").code == 2
    assert len(rows(ledger)) == 3


def test_a_command_takes_in_what_waits(shell: Shell, ledger: Path) -> None:
    waiting = FILES[0]._replace(file="acme_core-1.0.zip")
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store = Store(ledger, wait=0.01)
        side.record(store, [waiting], 1)
        store.close()
    assert "acme_core-1.0.zip" in ask(shell, ledger, "list").out
    assert side.find(ledger) == []


# From one ledger to another


def _export_of(folder: Path, sightings: tuple[Sighting, ...]) -> Path:
    path = folder / "export.jsonl"
    path.write_text("".join(sighting.as_line() for sighting in sightings), encoding="ascii")
    return path


def test_what_is_exported_can_be_imported(shell: Shell, ledger: Path, tmp_path: Path) -> None:
    printed = ask(shell, ledger, "export")
    assert printed.code == 0
    assert [json.loads(line)["name"] for line in printed.out.splitlines()] == ["acme-core", "acme-core", "flask"]
    out, other = tmp_path / "out.jsonl", tmp_path / "other" / "ledger.db"
    for _ in range(2):  # an older export is replaced
        answer = ask(shell, ledger, "export", "-o", str(out))
        assert (answer.code, answer.err) == (0, f"wrote {out}: 3 files\n")
    assert out.read_text(encoding="ascii") == printed.out
    answer = ask(shell, other, "import", str(out))
    assert (answer.code, answer.out) == (0, f"{other}: 3 files new, 0 completed, 0 known before\n")
    assert ask(shell, other, "export").out == printed.out
    packed = tmp_path / "out.jsonl.gz"
    packed.write_bytes(gzip.compress(out.read_bytes()))
    again = ask(shell, other, "import", "--json", str(packed))
    assert (again.code, again.json["new"], again.json["known"]) == (0, 0, 3)
    assert ask(shell, other, "export").out == printed.out


def test_an_export_replaces_no_other_file(shell: Shell, ledger: Path, tmp_path: Path) -> None:
    other = tmp_path / "policy.toml"
    other.write_text("version = 1\n", encoding="utf-8")
    answer = ask(shell, ledger, "export", "-o", str(other))
    assert (answer.code, "it is there already, and is no export" in answer.err) == (2, True)
    assert other.read_text(encoding="utf-8") == "version = 1\n"
    assert ask(shell, ledger, "export", "-o", str(tmp_path)).code == 2
    assert ask(shell, ledger, "export", "-o", str(tmp_path / "none" / "out.jsonl")).code == 2


def test_an_import_is_whole_or_nothing(shell: Shell, tmp_path: Path) -> None:
    path = _export_of(tmp_path, FILES)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"ledger":1,"name":"acme-core"}\n')
    answer = ask(shell, tmp_path / "ledger.db", "import", str(path))
    assert answer.code == 2
    assert answer.err == (
        f"indexguard: cannot read {path}: line 4: `version` is missing, or no value that it may have;"
        " nothing was imported\n"
    )
    assert not (tmp_path / "ledger.db").exists()


def test_a_file_with_another_content_stays_what_it_was(shell: Shell, ledger: Path, tmp_path: Path) -> None:
    other = FILES[0]._replace(sha256="f" * 64, first_seen=5)
    answer = ask(shell, ledger, "import", str(_export_of(tmp_path, (other, other._replace(first_seen=7)))))
    assert answer.code == 1
    assert f"seen on 1970-01-01T00:00:05Z with sha256 {'f' * 64}" in answer.out
    assert f"sha256 {'a' * 16}" in ask(shell, ledger, "list", "acme-core").out


def test_of_two_contents_in_an_import_the_earlier_counts(shell: Shell, tmp_path: Path) -> None:
    first, later = FILES[0], FILES[0]._replace(sha256="f" * 64, first_seen=1_790_000_000)
    ledger = tmp_path / "ledger.db"
    assert ask(shell, ledger, "import", str(_export_of(tmp_path, (later, first)))).code == 1
    assert f"sha256 {'a' * 16}" in ask(shell, ledger, "list").out


@pytest.mark.parametrize("fault", ["missing", "folder", "empty", "fifo"])
def test_what_cannot_be_imported_is_told(shell: Shell, tmp_path: Path, fault: str) -> None:
    path = tmp_path / "given"
    if fault == "folder":
        path.mkdir()
    elif fault == "empty":
        path.touch()
    elif fault == "fifo":
        os.mkfifo(path)
    answer = ask(shell, tmp_path / "ledger.db", "import", str(path))
    assert answer.code == 2
    assert str(path) in answer.err
    assert not (tmp_path / "ledger.db").exists()


def test_a_full_ledger_takes_nothing_in(shell: Shell, tmp_path: Path) -> None:
    many = tuple(FILES[0]._replace(file=f"acme_core-1.{number}.tar.gz") for number in range(5000))
    ledger = tmp_path / "ledger.db"
    shell.policy(f'{_POLICY}path = "{ledger}"\nmax-size = "64 KiB"\n')
    answer = shell("ledger", "import", str(_export_of(tmp_path, many)))
    assert (answer.code, "is full: it has no room below its `max-size`" in answer.err) == (2, True)
    assert rows(ledger) == set()


# From an audit log


def _log(folder: Path, *events: dict[str, Any]) -> str:
    return write(folder / "audit.jsonl", *events)


def test_a_log_tells_what_was_seen(shell: Shell, tmp_path: Path) -> None:
    young = {
        "name": "acme-core",
        "index_asked": CORP,
        "index_answered": f"{CORP}acme-core/",
        "versions": ["2.0"],
        "offered": [
            {"version": "2.0", "file": "acme_core-2.0.zip", "hash": f"sha256:{'c' * 64}", "url": None, "attested": True}
        ],
    }
    changed = {**young, "offered": [{**young["offered"][0], "file": "acme_core-3.0.zip"}]}  # type: ignore[dict-item]
    log = _log(
        tmp_path,
        selected(1, "acme-core"),
        event(2, "dropped", "too-young", **young),
        event(3, "dropped", "hash-changed", **changed),
        event(4, "shadowed", "shadowed-name", **changed),
    )
    ledger = tmp_path / "ledger.db"
    for new in (2, 0):
        answer = ask(shell, ledger, "import", "--json", log)
        assert (answer.code, answer.json["new"]) == (0, new), answer.err
    store = Store(ledger)
    found = {sighting.file: sighting for sighting in store.rows()}
    store.close()
    assert found["acme_core-2.0.zip"].attested
    assert found["acme_core-2.0.zip"].sha256 == "c" * 64
    assert {sighting.place for sighting in found.values()} == {CORP}
    assert len(found) == 2


def test_a_folder_of_logs_and_an_export_together(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "logs" / "a").mkdir(parents=True)
    _log(tmp_path / "logs" / "a", selected(1, "acme-core"))
    export = _export_of(tmp_path, FILES)
    answer = ask(shell, tmp_path / "ledger.db", "import", "--json", str(tmp_path / "logs"), str(export))
    assert (answer.code, answer.json["new"]) == (0, 4), answer.err
