"""The store: what stays, what is added, who waits, and what becomes of a ledger that cannot be used."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from integration.ledger import stress
from integration.machines.state import open_folder

from indexguard.ledger import store as store_module
from indexguard.ledger.sighting import LedgerError, Sighting
from indexguard.ledger.store import BusyError, ReadOnlyError, Store
from indexguard.patterns import Name

CORP, PUBLIC = "https://packages.corp.example/simple/", "pypi"
SOURCE = Path(store_module.__file__).parents[2]


def seen(
    file: str = "acme_core-1.0.tar.gz", sha256: str | None = "a" * 64, place: str = CORP, at: int = 100
) -> Sighting:
    return Sighting(Name("acme-core"), "1.0", file, sha256, place, at)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state" / "ledger.db")
    yield made
    made.close()


def recall(store: Store, *places: str) -> Mapping[str, Sighting]:
    return store.recall(Name("acme-core"), places or (CORP,))


# What is remembered


def test_a_ledger_that_is_not_there_remembers_nothing_and_is_not_made(store: Store) -> None:
    assert recall(store) == {}
    assert list(store.rows()) == []
    assert not store.path.exists()


def test_what_was_seen_is_remembered_by_index_and_name(store: Store) -> None:
    other = Sighting(Name("other"), "2.0", "other-2.0.tar.gz", None, CORP, 5)
    recorded = store.record([seen(), seen(place=PUBLIC, sha256="b" * 64), other])
    assert (recorded.new, recorded.completed, recorded.differing) == (3, 0, ())
    assert recall(store) == {"acme_core-1.0.tar.gz": seen()}
    assert recall(store, PUBLIC) == {"acme_core-1.0.tar.gz": seen(place=PUBLIC, sha256="b" * 64)}
    assert store.places_of(Name("acme-core")) == {CORP: 100, PUBLIC: 100}
    assert {sighting.name for sighting in store.rows()} == {"acme-core", "other"}


def test_of_several_urls_of_one_index_the_earliest_sighting_counts(store: Store) -> None:
    old = "https://old.corp.example/simple/"
    store.record([seen(at=200), seen(place=old, at=50, sha256="c" * 64)])
    assert recall(store, CORP, old)["acme_core-1.0.tar.gz"] == seen(place=old, at=50, sha256="c" * 64)


def test_the_first_sighting_stays(store: Store) -> None:
    store.record([seen(at=100)])
    recorded = store.record([seen(sha256="b" * 64, at=50)])
    assert (recorded.new, recorded.completed, recorded.differing) == (0, 0, (seen(sha256="b" * 64, at=50),))
    assert recall(store) == {"acme_core-1.0.tar.gz": seen(at=100)}


def test_what_was_not_known_is_added(store: Store) -> None:
    store.record([seen(sha256=None, at=100)])
    assert store.record([seen(at=200)._replace(attested=True)]).completed == 1
    assert store.record([seen(at=20)]).completed == 1
    assert store.record([seen(at=20)]).completed == 0
    assert recall(store) == {"acme_core-1.0.tar.gz": seen(at=20)._replace(attested=True)}


@pytest.mark.parametrize("bad", ["a" * 501, "", "a\nb", "\udc80", "a\x00"])
def test_a_text_that_no_index_should_send_is_not_kept(store: Store, bad: str) -> None:
    assert store.record([seen(file=bad), seen(sha256="xyz"), seen(at=-1), seen()]).new == 1


def test_what_is_forgotten_is_new_again(store: Store) -> None:
    store.record([seen(), seen("acme_core-1.0.zip")])
    assert store.forget([seen()]) == 1
    assert set(recall(store)) == {"acme_core-1.0.zip"}
    assert store.forget([seen()]) == 0
    assert store.record([seen(sha256="d" * 64)]).new == 1


def test_everything_of_a_ledger_is_counted(store: Store) -> None:
    assert store.count().files == 0
    store.record([seen(), seen(place=PUBLIC, at=300)])
    held = store.count()
    assert (held.files, held.projects, held.indexes, held.first, held.last) == (2, 2, 2, 100, 300)
    assert 0 < held.bytes <= held.limit


def test_many_files_are_written_only_as_long_as_there_is_time(store: Store) -> None:
    many = [seen(f"acme_core-1.{number}.tar.gz") for number in range(30_000)]
    recorded = store.record(many, 0.02)
    assert recorded.left
    assert recorded.new + len(recorded.left) == len(many)
    assert len(recall(store)) == recorded.new


def test_a_process_that_was_forked_opens_the_file_anew(store: Store) -> None:
    store.record([seen()])
    child = os.fork()
    if child == 0:
        os._exit(0 if store.record([seen("acme_core-1.0.zip")]).new == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert len(recall(store)) == 2


# Who waits


def test_who_cannot_write_in_time_is_told(store: Store) -> None:
    store.record([seen()])
    with sqlite3.connect(store.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(BusyError, match="is in use by others for too long"):
            store.record([seen("acme_core-1.0.zip")])
        assert time.monotonic() - began < stress.LONGEST
        assert set(recall(store)) == {"acme_core-1.0.tar.gz"}  # readers do not wait
        other.execute("ROLLBACK")
    assert store.record([seen("acme_core-1.0.zip")]).new == 1
    other.close()


def test_all_that_opening_waits_for_takes_no_longer_than_one_wait(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite waits in each statement anew, and several may be held up: by a killed writer's log, by the last to close."""
    store.record([seen()])
    store.close()
    waits: list[int] = []

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            pragma, _, value = sql.partition(" = ")
            if pragma == "PRAGMA busy_timeout":
                waits.append(int(value))
            return super().execute(sql, *parameters)

    clock = itertools.count(step=0.125)  # every look at it finds that so much has passed
    monkeypatch.setattr(store_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    connect = partial(sqlite3.connect, factory=Connection)
    monkeypatch.setattr(store_module, "sqlite3", SimpleNamespace(**{**vars(sqlite3), "connect": connect}))
    assert set(recall(store)) == {"acme_core-1.0.tar.gz"}
    assert waits == [325, 200, 75, 0, 450]


def test_a_ledger_is_made_once_by_many_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from indexguard.ledger.sighting import Sighting\n"
        "from indexguard.ledger.store import Store\n"
        "print(end='', flush=True); sys.stdin.read()\n"
        "Store(Path(sys.argv[2]), wait=20).record([Sighting('a', '1', sys.argv[3], None, 'x', 1)])\n"
    )
    path = tmp_path / "ledger.db"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(SOURCE), str(path), f"a-{it}.zip"], stdin=subprocess.PIPE)
        for it in range(6)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait() for process in started] == [0] * 6
    store = Store(path)
    assert len(list(store.rows())) == 6
    store.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["ledger.db"]


def test_killed_writers_lose_nothing(tmp_path: Path) -> None:
    words = ["--writers", "6", "--runs", "8", "--files", "5", "--kills", "4", "--pause", "0.1"]
    found = stress.stress(tmp_path, stress.make_parser().parse_args(words))
    assert found.is_good, found.as_text()
    assert found.noted >= 6 * 8 * 5


def test_what_a_machine_is_too_busy_for_is_not_the_ledgers() -> None:
    found = stress.Found(64, 32, 100, 9.0, 2000, 0, 0, 0, 0, 0.01, 0.9, longest_queued=0.0, longest_cpu=0.1)
    assert found.is_good
    assert "nobody waited longer than 1.0 s" in found.as_text()
    assert not replace(found, longest=1.1).is_good
    assert replace(found, longest=1.1, longest_queued=0.2).is_good  # who held it waited for a processor
    assert not replace(found, longest_cpu=1.1, longest_queued=0.2).is_good
    assert not replace(found, lost=1).is_good
    assert not replace(found, faults=1).is_good
    assert not replace(found, noted=0).is_good
    assert replace(found, noted=0).as_text().endswith("FAILED\n")


def test_notes_are_read_by_run(tmp_path: Path) -> None:
    text = "0.500 0.100 0.010 name-0-1-w1.0.0.tar.gz\n0.500 0.100 0.010 name-0-1-w1.0.1.tar.gz\n0.700 0.000 0.020 -\n"
    (tmp_path / "w1").write_text(text + "0.900 0.100 0.010 name-1-1-w1.1.0.tar", encoding="ascii")
    runs, noted = stress.read_notes(tmp_path)
    assert noted == {"name-0-1-w1.0.0.tar.gz", "name-0-1-w1.0.1.tar.gz"}
    assert [(run.own, run.cpu, run.gave_up) for run in runs] == [(pytest.approx(0.4), 0.01, False), (0.7, 0.02, True)]


# What cannot be used


@pytest.mark.parametrize("content", [b"no database at all\n" * 100, b"SQLite format 3\x00" + b"\xff" * 4000])
def test_a_damaged_ledger_is_told(store: Store, content: bytes) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    for use in (recall, lambda store: store.record([seen()]), lambda store: list(store.rows())):
        with pytest.raises(LedgerError, match=f"the ledger {store.path} (is damaged|cannot be used): "):
            use(store)
    assert store.path.read_bytes() == content


def test_a_ledger_that_was_damaged_in_the_middle_is_told(store: Store) -> None:
    store.record([seen(f"acme_core-1.{number}.tar.gz") for number in range(2000)])
    store.close()
    content = bytearray(store.path.read_bytes())
    content[8192:-8192] = b"\xa5" * (len(content) - 16384)
    store.path.write_bytes(content)
    with pytest.raises(LedgerError, match="is damaged: "):
        recall(store)


def test_values_that_no_guard_has_written_are_damage(store: Store) -> None:
    store.record([seen(), seen("acme_core-1.0.zip")])
    with sqlite3.connect(store.path) as other:
        other.execute("UPDATE file SET sha256 = 'text', first_seen = 'never'")
    other.close()
    with pytest.raises(LedgerError, match="is damaged: "):
        recall(store)
    with pytest.raises(LedgerError, match="is damaged: "):
        recall(store, CORP, PUBLIC)


def test_another_programs_file_is_none(store: Store) -> None:
    store.path.parent.mkdir()
    with sqlite3.connect(store.path) as other:
        other.execute("CREATE TABLE file (project, file)")
    other.close()
    with pytest.raises(LedgerError, match="is no ledger: it is a file of another program"):
        recall(store)


def test_a_later_versions_file_is_left_alone(store: Store) -> None:
    store.record([seen()])
    store.close()
    with sqlite3.connect(store.path) as other:
        other.execute("PRAGMA user_version = 2")
    other.close()
    with pytest.raises(LedgerError, match="was made by another version of indexguard"):
        store.record([seen()])


def test_a_full_ledger_keeps_what_it_has(tmp_path: Path) -> None:
    store = Store(tmp_path / "ledger.db", max_size=64 * 1024)
    store.record([seen()])
    with pytest.raises(LedgerError, match="is full: it has no room below its `max-size`"):
        store.record([seen(f"acme_core-1.{number}.tar.gz") for number in range(5000)])
    assert recall(store) == {"acme_core-1.0.tar.gz": seen()}
    assert store.path.stat().st_size <= 64 * 1024
    store.close()


def test_a_user_without_a_home_has_none() -> None:
    with pytest.raises(LedgerError, match="no home folder"):
        recall(Store(Path("indexguard/ledger.db")))


# Whose it is, and where it lies


_READER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from indexguard.ledger.sighting import LedgerError, Sighting
from indexguard.ledger.store import ReadOnlyError, Store
import encodings.unicode_escape
os.setgroups([]); os.setgid(61234); os.setuid(61234)
store = Store(Path(sys.argv[2]))
print(sorted(store.recall("acme-core", [sys.argv[3]])))
try:
    store.record([Sighting("a", "1", "a-1.zip", None, "x", 1)])
except ReadOnlyError as error:
    print(error)
"""


@pytest.fixture
def for_all() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with open_folder() as folder:
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("is_in_use", [False, True])
def test_a_ledger_of_root_is_read_by_everybody(for_all: Path, *, is_in_use: bool) -> None:
    store = Store(for_all / "ledger.db")
    store.record([seen()])
    if not is_in_use:
        store.close()
    done = subprocess.run(
        [sys.executable, "-I", "-c", _READER, str(SOURCE), str(store.path), CORP],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    store.close()
    assert done.stdout.splitlines() == [
        "['acme_core-1.0.tar.gz']",
        f"the ledger {store.path} cannot be written by this user",
    ]


def test_a_read_only_folder_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkdir", refuse)  # root may write everywhere
    with pytest.raises(ReadOnlyError, match="cannot be written by this user"):
        store.record([seen()])


def test_where_sqlite_has_no_shared_memory_a_rollback_journal_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def connect_without_memory(place: str, *rest: Any, **named: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = connect(f"{place}&vfs=unix-dotfile", *rest, **named)
        return made

    # SQLite's own file system for those without locks: it refuses a write-ahead log, as a network's may.
    monkeypatch.setattr(sqlite3, "connect", connect_without_memory)
    store = Store(tmp_path / "ledger.db")
    assert store.record([seen()]).new == 1
    assert journal_of(store) == "delete"
    store.close()
    assert recall(Store(store.path)) == {"acme_core-1.0.tar.gz": seen()}


def test_over_a_network_there_is_no_write_ahead_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = Store(tmp_path / "ledger.db")
    local.record([seen()])
    assert journal_of(local) == "wal"
    local.close()
    monkeypatch.setattr(store_module, "is_shared_over_network", lambda _path: True)
    for path in (local.path, tmp_path / "other.db"):  # one that was copied there, and a new one
        shared = Store(path)
        shared.record([seen("acme_core-1.0.zip")])
        assert journal_of(shared) == "delete"
        shared.close()
    assert len(recall(Store(local.path))) == 2


def journal_of(store: Store) -> str:
    with sqlite3.connect(store.path) as connection:
        mode: str = connection.execute("PRAGMA journal_mode").fetchone()[0]
    connection.close()
    return mode


@pytest.mark.parametrize(
    "places", [("https://a.example/", "https://b.example/"), ("https://b.example/", "https://a.example/")]
)
def test_of_mirrors_the_earliest_time_counts_and_a_hash_that_only_a_later_one_told(
    tmp_path: Path, places: tuple[str, str]
) -> None:
    store = Store(tmp_path / "ledger.db")
    name = Name("acme-core")
    first = Sighting(name, "1.0", "acme-core-1.0.zip", None, "https://a.example/", 10)
    store.record([first, first._replace(sha256="b" * 64, place="https://b.example/", first_seen=20)])
    found = store.recall(name, places)
    store.close()
    assert found == {first.file: first._replace(sha256="b" * 64)}


def test_every_file_that_is_remembered_is_found_by_its_name(store: Store) -> None:
    told = [
        seen(f"acme_core-{number}.zip", at=number, sha256=None if number % 3 else "ab" * 32) for number in range(50)
    ]
    store.record([*told, *(it._replace(place=PUBLIC, first_seen=it.first_seen + 1) for it in told)])
    for found in (store.recall(Name("acme-core"), [CORP]), store.recall(Name("acme-core"), [CORP, PUBLIC])):
        assert sorted(found.values()) == sorted(told)
        assert len(found) == len(told)
        assert found.digests == {it.file: it.sha256 or "" for it in told}
        assert "acme_core-50.zip" not in found
        with pytest.raises(KeyError):
            found["acme_core-50.zip"]


def test_a_name_of_two_lines_that_no_guard_has_written_is_damage(store: Store) -> None:
    store.record([seen()])
    with sqlite3.connect(store.path) as other:
        other.execute("UPDATE file SET file = 'a' || char(10) || 'b'")
    other.close()
    with pytest.raises(LedgerError, match="is damaged: a text in it has several lines"):
        recall(store)
