"""Side files: what is seen while others hold the ledger is taken in by whoever writes next."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexguard.ledger import side
from indexguard.ledger.sighting import LedgerError, Sighting
from indexguard.ledger.store import Store
from indexguard.patterns import Name

SECONDS = 5.0


def seen(number: int, at: int = 100) -> Sighting:
    return Sighting(Name("acme-core"), "1.0", f"acme_core-1.{number}.tar.gz", "a" * 64, "pypi", at)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "ledger.db", wait=0.01)
    made.record([seen(0)])
    yield made
    made.close()


def files(store: Store) -> set[str]:
    return {sighting.file for sighting in store.rows()}


def put_aside(store: Store, *sightings: Sighting) -> None:
    """Have them recorded while somebody else writes."""
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert side.record(store, sightings, SECONDS).new == 0


def test_what_waits_is_taken_in_by_the_next(store: Store) -> None:
    put_aside(store, seen(1), seen(2))
    put_aside(store, seen(3))
    assert len(side.find(store.path)) == 2
    assert files(store) == {seen(0).file}
    assert side.record(store, [seen(4)], SECONDS).new == 4
    assert files(store) == {seen(number).file for number in range(5)}
    assert side.find(store.path) == []


def test_what_waited_was_seen_first(store: Store) -> None:
    put_aside(store, seen(1, at=50))
    changed = seen(1, at=90)._replace(sha256="b" * 64)
    assert side.record(store, [changed], SECONDS).differing == (changed,)
    assert store.recall(Name("acme-core"), ["pypi"])[seen(1).file] == seen(1, at=50)


def test_what_there_was_no_time_for_waits_too(store: Store) -> None:
    many = [seen(number) for number in range(2500)]
    assert side.record(store, many, 0).left
    assert len(side.find(store.path)) == 1
    side.record(store, [], SECONDS)
    assert len(files(store)) == 2500


def test_a_line_that_is_none_of_ours_is_left_out(store: Store) -> None:
    store.path.with_name("ledger.db.odd.side").write_bytes(b"\xff\n" + seen(1).as_line().encode() + b'{"ledger":1\n')
    assert side.record(store, [], SECONDS).new == 1
    assert side.find(store.path) == []


def test_no_run_takes_in_or_leaves_more_than_it_has_time_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side, "AT_ONCE", 3 * len(seen(1000).as_line()))
    put_aside(store, *(seen(number) for number in range(1000, 1010)))
    put_aside(store, seen(2000))
    # The others will be seen again. Which of the two files is first is left to their names.
    assert sorted(side.record(store, [], SECONDS).new for _ in range(2)) == [1, 3]
    monkeypatch.setattr(side, "MOST_BYTES", 0)
    put_aside(store, seen(3000))
    assert side.find(store.path) == []


def test_where_no_side_file_can_be_written_that_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(LedgerError, match="no file can be written beside it: No space left on device"):
        put_aside(store, seen(1))
