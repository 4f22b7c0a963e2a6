"""The store: one SQLite file that many pips read and write at once, of a bounded size, and that no killed pip breaks.

A write-ahead log where processes of one machine share the file; where other machines may have it open, a rollback
journal. A new file appears when it is whole. Whoever cannot write in time leaves a side file (``side``).
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import escape
from ..patterns import Name
from ..tuples import NamedTuple
from .place import NO_HOME, NOT_SEARCHABLE, is_shared_over_network
from .sighting import LedgerError, Sighting, Sightings

APPLICATION = 0x49474C31
"""Says in the file's header whose it is: "IGL1"."""
VERSION = 1
"""Of the tables."""
USUAL_SIZE = 256 * 2**20
"""Bytes of the file where no policy says otherwise: about two million files."""

_PAGE = 4096
_CHUNK = 1000
_PAUSE = 0.004
_PATIENCE = 0.45
"""Seconds that a reader waits: only for who sets a ledger right after a killed pip, or is the last to close it."""
_TABLES = f"""
CREATE TABLE project (id INTEGER PRIMARY KEY, place TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (place, name));
CREATE TABLE file (
    project INTEGER NOT NULL, file TEXT NOT NULL, version TEXT NOT NULL,
    sha256 BLOB, first_seen INTEGER NOT NULL, attested INTEGER NOT NULL,
    PRIMARY KEY (project, file)
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""
_COLUMNS = "name, version, file, lower(hex(sha256)), place, first_seen, attested"
_JOINED = ", ".join(
    f"group_concat({column}, char(10))"
    for column in ("file", "version", "lower(hex(sha256))", "first_seen", "attested")
)
"""All files of a project in one row: a page may have thousands, and between two rows Python lets other threads run."""
_FIT = "typeof(first_seen) || typeof(attested) = 'integerinteger' AND (sha256 IS NULL OR typeof(sha256) = 'blob')"
"""Whether the values of a file are of the kinds that we write."""
_FROM = "FROM file JOIN project ON project.id = file.project"


class BusyError(LedgerError):
    """Others hold the ledger longer than we wait."""


class ReadOnlyError(LedgerError):
    """This user cannot write the ledger."""


class Recorded(NamedTuple):
    """What came of a record."""

    new: int = 0
    """Files that were not remembered."""
    completed: int = 0
    """Files of which something was not known yet: the hash, an attestation, an earlier time."""
    differing: tuple[Sighting, ...] = ()
    """Those that are remembered with another sha256, which stays."""
    left: tuple[Sighting, ...] = ()
    """Those that there was no time for."""


class Held(NamedTuple):
    """What a ledger holds."""

    files: int
    projects: int
    indexes: int
    first: int | None
    """The earliest time, seconds since 1970; None for an empty one."""
    last: int | None
    bytes: int
    """Of the file."""
    limit: int


class Store:
    """The file; opened at its first use, made at the first record. Not for several threads at once.

    :param path: the file.
    :param max_size: its bytes, at most.
    :param wait: seconds that it waits for others who write.
    """

    def __init__(self, path: Path, max_size: int = USUAL_SIZE, wait: float = 0.15) -> None:
        self.path = path
        self._max_size = max_size
        self._wait = wait
        self._patience = max(wait, _PATIENCE)
        self._connection: sqlite3.Connection | None = None
        self._process = os.getpid()

    def recall(self, name: Name, places: Sequence[str]) -> Sightings:
        """Return what is remembered of a project's files, by their names; nothing where there is no ledger yet.

        :param places: the URLs of one index: of a file that several have shown, the earliest time counts, and the earliest
            hash that was told.
        :raises LedgerError: it cannot be read; ``BusyError`` where others hold it.
        """
        query = f"SELECT min({_FIT}), {_JOINED} {_FROM} WHERE name = ? AND place = ?"
        with self._using() as connection:
            if connection is None:
                return Sightings(name)
            rows = [connection.execute(query, (name, place)).fetchone() for place in places]
            if any(are_fit == 0 for are_fit, *_ in rows):
                raise ValueError("values that no guard has written")
            seen = [Sightings(name, place, *row) for place, (are_fit, *row) in zip(places, rows) if are_fit]
            return seen[0] if len(seen) == 1 else Sightings.merged(name, seen)

    def places_of(self, name: Name) -> dict[str, int]:
        """Return which indexes have shown a project, each with the time at which it was first seen there.

        :raises LedgerError: as ``recall``.
        """
        query = f"SELECT place, min(first_seen) {_FROM} WHERE name = ? GROUP BY place"
        with self._using() as connection:
            return dict(connection.execute(query, (name,)).fetchall()) if connection else {}

    def rows(self) -> Iterator[Sighting]:
        """Yield everything, by name, index and file.

        :raises LedgerError: as ``recall``.
        """
        query = f"SELECT {_COLUMNS} {_FROM} ORDER BY name, place, file"
        with self._using() as connection:
            yield from map(_sighting, connection.execute(query) if connection else ())

    def count(self) -> Held:
        """Return what there is.

        :raises LedgerError: as ``recall``.
        """
        with self._using() as connection:
            if connection is None:
                return Held(0, 0, 0, None, None, 0, self._max_size)
            files, first, last = connection.execute(
                "SELECT count(*), min(first_seen), max(first_seen) FROM file"
            ).fetchone()
            projects, indexes = connection.execute("SELECT count(*), count(DISTINCT place) FROM project").fetchone()
            return Held(files, projects, indexes, first, last, self.path.stat().st_size, self._max_size)

    def record(self, sightings: Iterable[Sighting], seconds: float | None = None) -> Recorded:
        """Add what is not remembered yet, in one transaction; the file is made where there is none.

        The first sighting stays: what another one adds is a hash or an attestation that was not known, or an earlier time.

        :param seconds: how long that may take; then some are left.
        :raises LedgerError: nothing was added: ``BusyError``, ``ReadOnlyError``, no room, or a file that is damaged.
        """
        rows = [sighting for sighting in sightings if sighting.is_fit]
        with self._writing() as connection:
            return _add(connection, rows, float("inf") if seconds is None else time.monotonic() + seconds)

    def forget(self, chosen: Iterable[Sighting]) -> int:
        """Remove files, and return how many there were.

        :raises LedgerError: nothing was removed.
        """
        with self._writing() as connection:
            before = connection.total_changes
            connection.executemany(
                "DELETE FROM file WHERE project = (SELECT id FROM project WHERE place = ? AND name = ?) AND file = ?",
                ((it.place, it.name, it.file) for it in chosen),
            )
            removed = connection.total_changes - before
            connection.execute("DELETE FROM project WHERE id NOT IN (SELECT project FROM file)")
            return removed

    def close(self) -> None:
        """Close the file. Never raises."""
        connection, self._connection = self._connection, None
        # A connection that a fork has brought along is the parent's.
        if connection is not None and self._process == os.getpid():
            with suppress(sqlite3.Error):
                connection.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection | None]:
        with self._explaining():
            yield self._open()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._explaining():
            connection = self._open() or self._make()
            _begin(connection, self._wait)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Have whatever SQLite or the system refuses said in our words.

        :raises LedgerError: it was refused.
        """
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._explain(error) from None
        except (AttributeError, TypeError, ValueError) as error:  # values of other types than we have written
            raise LedgerError(f"the ledger {escape(str(self.path))} is damaged: {error}") from None

    def _explain(self, error: sqlite3.Error | OSError) -> LedgerError:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        told = f"the ledger {escape(str(self.path))}"
        if "locked" in reason or "busy" in reason:
            return BusyError(f"{told} is in use by others for too long")
        if "readonly" in reason or isinstance(error, PermissionError) or "Read-only" in reason:
            return ReadOnlyError(f"{told} cannot be written by this user")
        if "disk is full" in reason:
            return LedgerError(f"{told} is full: it has no room below its `max-size`, or the disk has none")
        if "not a database" in reason or "malformed" in reason:
            self.close()
            return LedgerError(f"{told} is damaged: {escape(reason)}")
        return LedgerError(f"{told} cannot be used: {escape(reason)}")

    def _open(self) -> sqlite3.Connection | None:
        """Return the connection to the file; None where there is no file.

        :raises LedgerError: the file is none of ours.
        """
        if self._connection is not None and self._process == os.getpid():
            return self._connection
        if not self.path.is_absolute():
            raise LedgerError(f"there is no ledger: {NO_HOME}")
        try:
            os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError:
            raise LedgerError(f"the ledger {escape(str(self.path))} cannot be searched: {NOT_SEARCHABLE}") from None
        until = time.monotonic() + self._patience
        connection = self._connect("rw" if os.access(self.path, os.W_OK) else "ro", until)
        try:
            self._check(connection, until)
            _wait_at_most(connection, self._patience)
        except BaseException:
            connection.close()
            raise
        self._connection, self._process = connection, os.getpid()
        return connection

    def _check(self, connection: sqlite3.Connection, until: float) -> None:
        """See that the file is a ledger.

        :raises LedgerError: it is another program's, or of another version.
        """
        if _ask(connection, "PRAGMA application_id", until) != APPLICATION:
            raise LedgerError(f"{escape(str(self.path))} is no ledger: it is a file of another program")
        if _ask(connection, "PRAGMA user_version", until) != VERSION:
            raise LedgerError(f"the ledger {escape(str(self.path))} was made by another version of indexguard")

    def _connect(self, mode: str, until: float) -> sqlite3.Connection:
        """Open the file.

        :param until: how long to wait for others, by ``time.monotonic``.
        :raises sqlite3.Error: it cannot be read.
        """
        connection = _connect(self.path, f"mode={mode}", self._patience)
        try:
            _settle(connection, self.path, self._max_size, until)
        except sqlite3.OperationalError as error:
            connection.close()
            log = self.path.with_name(f"{self.path.name}-wal")
            may_not = "open" in str(error) or "readonly" in str(error)
            if mode == "rw" or not may_not or (log.exists() and log.stat().st_size):
                raise
            # Who may not write the folder cannot make the write-ahead log's files; there is nothing in them.
            connection = _connect(self.path, "immutable=1", self._patience)
            _distrust(connection)
        return connection

    def _make(self) -> sqlite3.Connection:
        """Make a new file, whole before it is there; another pip may be quicker.

        :raises LedgerError: as ``_open``.
        :raises OSError: the system refuses.
        """
        from ..policy.serving.folders import make_folder  # noqa: PLC0415  # most runs find a ledger

        folder = self.path.parent
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        make_folder(str(folder))
        descriptor, scratch = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=folder)
        os.close(descriptor)
        try:
            os.chmod(scratch, 0o644 if is_root else 0o600)
            connection = _connect(Path(scratch), "mode=rw", self._patience)
            try:
                connection.execute("PRAGMA synchronous = OFF")  # once, below, will do
                connection.execute(f"PRAGMA page_size = {_PAGE}")
                connection.executescript(f"BEGIN; {_TABLES} COMMIT;")
                _choose_journal(connection, self.path)
            finally:
                connection.close()
            with open(scratch, "rb") as file:
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                _put(scratch, self.path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(scratch)
        made = self._open()
        if made is None:
            raise FileNotFoundError(2, "it was removed at once")
        return made


def _begin(connection: sqlite3.Connection, wait: float) -> None:
    """Begin a transaction that writes. SQLite's own wait counts its pauses only, which a busy machine makes longer.

    :raises sqlite3.Error: others write for too long, or this user may not.
    """
    until = time.monotonic() + wait
    _wait_at_most(connection, 0)
    try:
        while not _try_to_begin(connection, is_last=time.monotonic() > until):
            time.sleep(_PAUSE)
    finally:
        _wait_at_most(connection, max(wait, _PATIENCE))


def _try_to_begin(connection: sqlite3.Connection, *, is_last: bool) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if is_last or "locked" not in str(error):
            raise
        return False
    return True


def _connect(path: Path, option: str, wait: float) -> sqlite3.Connection:
    # No isolation level: transactions begin and end where we say so.
    uri = f"file:{quote(os.fsencode(path))}?{option}"
    return sqlite3.connect(uri, wait, uri=True, isolation_level=None, check_same_thread=False)


def _ask(connection: sqlite3.Connection, pragma: str, until: float) -> Any:
    """Return what a pragma tells; SQLite waits for others in each anew, and here all of them together until then.

    :raises sqlite3.Error: it does not end in time.
    """
    _wait_at_most(connection, max(0.0, until - time.monotonic()))
    return connection.execute(pragma).fetchone()[0]


def _wait_at_most(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def _settle(connection: sqlite3.Connection, path: Path, max_size: int, until: float) -> None:
    """Set what holds for one connection.

    :raises sqlite3.Error: the file cannot be read.
    """
    _distrust(connection)
    journal = _ask(connection, "PRAGMA journal_mode", until)
    if (journal == "wal") == is_shared_over_network(path):  # it was moved, or copied
        with suppress(sqlite3.OperationalError):  # another one has it open, or we may not write: it stays as it is
            _choose_journal(connection, path)
    # With a write-ahead log a killed process loses nothing, and a power failure the last transactions at most.
    connection.execute("PRAGMA synchronous = NORMAL")
    size = _ask(connection, "PRAGMA page_size", until)
    connection.execute(f"PRAGMA max_page_count = {max(1, max_size // size)}")


def _distrust(connection: sqlite3.Connection) -> None:
    """Have nothing in the file be code, and no damage be followed."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")


def _choose_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Have a write-ahead log where that can be, else a rollback journal.

    :raises sqlite3.Error: the file cannot be written.
    """
    wanted = "DELETE" if is_shared_over_network(path) else "WAL"
    try:
        found = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
    except sqlite3.OperationalError:  # no memory can be shared there
        found = ""
    if found.upper() != wanted:
        connection.execute("PRAGMA journal_mode = DELETE")


def _put(scratch: str, path: Path) -> None:
    """Put a file into its place, unless there is one.

    :raises OSError: there is one, or the system refuses.
    """
    try:
        os.link(scratch, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(17, "there is one") from None
        os.rename(scratch, path)


def _add(connection: sqlite3.Connection, rows: list[Sighting], until: float) -> Recorded:
    projects: dict[tuple[str, str], int] = {}
    new = completed = 0
    differing: list[Sighting] = []
    for start in range(0, len(rows), _CHUNK):
        if time.monotonic() > until:
            return Recorded(new, completed, tuple(differing), tuple(rows[start:]))
        chunk = rows[start : start + _CHUNK]
        values = [(_project(connection, projects, it), *_values(it)) for it in chunk]
        before = connection.total_changes
        connection.executemany("INSERT OR IGNORE INTO file VALUES (?, ?, ?, ?, ?, ?)", values)
        added = connection.total_changes - before
        new += added
        if added < len(chunk):
            done, other = _complete(connection, chunk, values)
            completed += done
            differing += other
    return Recorded(new, completed, tuple(differing))


def _project(connection: sqlite3.Connection, known: dict[tuple[str, str], int], sighting: Sighting) -> int:
    key = (sighting.place, sighting.name)
    if key not in known:
        connection.execute("INSERT OR IGNORE INTO project (place, name) VALUES (?, ?)", key)
        known[key] = connection.execute("SELECT id FROM project WHERE place = ? AND name = ?", key).fetchone()[0]
    return known[key]


def _values(sighting: Sighting) -> tuple[str, str, bytes | None, int, int]:
    digest = None if sighting.sha256 is None else bytes.fromhex(sighting.sha256)
    return sys.intern(sighting.file), sighting.version, digest, sighting.first_seen, int(sighting.attested)


def _complete(
    connection: sqlite3.Connection, chunk: list[Sighting], values: list[tuple[int, str, str, bytes | None, int, int]]
) -> tuple[int, list[Sighting]]:
    """Add to remembered files what was not known of them; and tell which have another sha256, and stay as they are."""
    completed = 0
    differing = []
    for sighting, (project, file, _, digest, first_seen, attested) in zip(chunk, values):
        where = (project, file)
        row = connection.execute(
            "SELECT sha256, first_seen, attested FROM file WHERE project = ? AND file = ?", where
        ).fetchone()
        if row[0] is not None and digest is not None and row[0] != digest:
            differing.append(sighting)
            continue
        merged = (row[0] or digest, min(row[1], first_seen), max(row[2], attested))
        if merged != row:
            connection.execute(
                "UPDATE file SET sha256 = ?, first_seen = ?, attested = ? WHERE project = ? AND file = ?",
                (*merged, *where),
            )
            completed += 1
    return completed, differing


def _sighting(row: tuple[str, str, str, str, str, int, int]) -> Sighting:
    name, version, file, digest, place, first_seen, attested = row
    return Sighting(Name(name), version, file, digest or None, place, first_seen, bool(attested))
