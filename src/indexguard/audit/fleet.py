"""The logs of many machines, counted by an engine that is made for it: DuckDB, of the extra ``indexguard[fleet]``.

The door to ``duckdb``, which is imported only where somebody asks for it, and never in pip.
"""

from __future__ import annotations

import importlib
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from .event import SCHEMA
from .files import Event
from .opening import LogError
from .reader import EventReader
from .tally import Count, Group, Tally

_COUNTED = {
    "schema": "BIGINT",
    "time": "VARCHAR",
    "event": "VARCHAR",
    "code": "VARCHAR",
    "name": "VARCHAR",
    "index_asked": "VARCHAR",
    "index_answered": "VARCHAR",
    "rule": "STRUCT(file VARCHAR, key VARCHAR)",
    "run": "VARCHAR",
    "parent_run": "VARCHAR",
}
_LISTED = {
    **_COUNTED,
    "rule": "STRUCT(file VARCHAR, key VARCHAR, indexes VARCHAR[])",
    "seq": "BIGINT",
    "host": "VARCHAR",
    "user": "VARCHAR",
    "versions": "VARCHAR[]",
}
_IS_EVENT = f"coalesce(schema = {SCHEMA} AND time IS NOT NULL AND event IS NOT NULL, false)"
_TIME_OF_A_TABLE = "coalesce(strftime(try_cast(time AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%gZ'), CAST(time AS VARCHAR))"
_MAX_LINE = 16 * 1024 * 1024
_PAUSE = 0.5
_LINES, _PARQUET = (".jsonl", ".jsonl.gz"), ".parquet"


Progress = Optional[Callable[[float], None]]
"""Is told now and then how much of a long piece of work is done, in percent; from a thread of its own."""


@dataclass(frozen=True)
class Wanted:
    """Which events count: any of each list; an empty one takes all."""

    codes: Sequence[str] = ()
    kinds: Sequence[str] = ()
    names: Sequence[str] = ()
    """Normalised; ``*``, ``?`` and ``[`` as in a shell."""
    indexes: Sequence[str] = ()
    """Parts of the URL."""
    rules: Sequence[str] = ()
    """Parts of file and key."""
    runs: Sequence[str] = ()
    """Beginnings of the ids."""
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True)
class Counted:
    """What the engine has found."""

    tally: Tally
    files: int
    foreign: int
    """Lines and rows that are no whole event of this schema."""


def count_events(paths: Iterable[Path], wanted: Wanted, progress: Progress = None) -> Counted:
    """Count the events of files and folders, at any depth: JSON Lines, compressed or not, and Parquet.

    :raises LogError: there is no DuckDB, no log, or one that cannot be read.
    """
    with _connected(paths, progress) as logs:
        conditions, values = _conditions(wanted)
        query = f"""
            SELECT {_IS_EVENT} AS is_event, event, code, name, index_asked, count(*), min(time), max(time)
            FROM ({logs.source(_COUNTED)}) WHERE NOT {_IS_EVENT} OR ({" AND ".join(["true", *conditions])})
            GROUP BY ALL
        """  # noqa: S608  # of our own words; what is not stands in parameters
        rows = logs.ask(query, [*logs.files, *values])
    groups = {Group(*row[1:5]): Count(*row[5:]) for row in rows if row[0]}
    return Counted(Tally(groups), len(logs.lines) + len(logs.tables), sum(row[5] for row in rows if not row[0]))


class Events:
    """The events that count, in a table of the engine's own to ask several questions of.

    It is called ``events`` and has the columns ``time``, ``event``, ``code``, ``name``, ``index_asked``,
    ``index_answered``, ``rule`` (a structure), ``run``, ``seq``, ``host``, ``user``, ``versions`` and ``filename``.
    """

    def __init__(self, logs: _Logs, foreign: int) -> None:
        self._logs = logs
        self.files = [Path(file) for file in (*logs.lines, *logs.tables)]
        self.foreign = foreign
        """Lines and rows that are no whole event of this schema."""

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that answer a query.

        :raises LogError: the engine cannot.
        """
        return self._logs.ask(query, values)

    def read_whole(self, query: str, values: Sequence[Any] = ()) -> Iterator[Event]:
        """Yield events as they were written: those whose ``time``, ``run``, ``seq`` and ``filename`` a query selects.

        :raises LogError: the engine cannot.
        """
        self.ask(f"CREATE OR REPLACE TABLE chosen AS {query}", values)
        chosen = {row[0] for row in self.ask("SELECT DISTINCT filename FROM chosen")}
        lines = [file for file in self._logs.lines if file in chosen]
        tables = [file for file in self._logs.tables if file in chosen]
        found = self._logs.ask(_WHOLE_LINES, [_literally(lines)]) if lines else []
        found += self._logs.ask(_WHOLE_ROWS, [_literally(tables)]) if tables else []
        yield from EventReader(row[0].encode("utf-8", "surrogatepass") for row in found)


@contextmanager
def open_events(paths: Iterable[Path], wanted: Wanted, progress: Progress = None) -> Iterator[Events]:
    """Have the engine read the events of files and folders, as ``count_events`` does, into a table on disk.

    :raises LogError: there is no DuckDB, no log, or one that cannot be read.
    """
    with _connected(paths, progress) as logs:
        conditions, values = _conditions(wanted)
        logs.ask(
            f"""
            CREATE TABLE events AS SELECT * EXCLUDE (schema, parent_run) FROM (
                SELECT *, {_IS_EVENT} AS is_event FROM ({logs.source(_LISTED)})
            ) WHERE NOT is_event OR ({" AND ".join(["true", *conditions])})
            """,  # noqa: S608  # of our own words; what is not stands in parameters
            [*logs.files, *values],
        )
        foreign = logs.ask("SELECT count(*) FROM events WHERE NOT is_event")[0][0]
        logs.ask("DELETE FROM events WHERE NOT is_event")
        yield Events(logs, foreign)


_JSON_LINES = f"ignore_errors = true, maximum_object_size = {_MAX_LINE}"
_WHOLE_LINES = f"""
    SELECT json FROM read_ndjson_objects(?, {_JSON_LINES})
    SEMI JOIN chosen ON (json->>'$.time') = chosen.time AND (json->>'$.run') IS NOT DISTINCT FROM chosen.run
        AND TRY_CAST((json->>'$.seq') AS BIGINT) IS NOT DISTINCT FROM chosen.seq
"""  # noqa: S608  # of our own words
_WHOLE_ROWS = f"""
    SELECT to_json(found) FROM (
        SELECT * REPLACE ({_TIME_OF_A_TABLE} AS time) FROM read_parquet(?, union_by_name = true)
    ) found SEMI JOIN chosen ON found.time = chosen.time AND found.run IS NOT DISTINCT FROM chosen.run
        AND found.seq IS NOT DISTINCT FROM chosen.seq
"""  # noqa: S608  # of our own words


class _Logs:
    """Files, and a connection to the engine that reads them."""

    def __init__(self, engine: Any, connection: Any, lines: list[str], tables: list[str], progress: Progress) -> None:
        self._engine = engine
        self._connection = connection
        self._progress = progress
        self.lines = lines
        self.tables = tables
        self.files = [_literally(files) for files in (lines, tables) if files]
        """The parameters of ``source``."""

    def source(self, columns: dict[str, str]) -> str:
        """Return the query for these columns of all files, and ``filename``."""
        sources = []
        if self.lines:
            types = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
            options = f"columns = {{{types}}}, filename = true, {_JSON_LINES}"
            sources.append(f"SELECT {', '.join(columns)}, filename FROM read_ndjson(?, {options})")  # noqa: S608  # our own words
        if self.tables:
            there = {
                row[0]
                for row in self.ask("DESCRIBE FROM read_parquet(?, union_by_name = true)", [_literally(self.tables)])
            }
            # Whoever made the table may have made a time stamp of the text, or have left out what was always empty.
            names = ", ".join(
                f"CAST(NULL AS {kind}) AS {name}" if name not in there
                else f"{_TIME_OF_A_TABLE} AS time" if name == "time"
                else name
                for name, kind in columns.items()
            )  # fmt: skip
            sources.append(
                f"SELECT {names}, filename FROM read_parquet(?, union_by_name = true, filename = true)"  # noqa: S608  # as above
            )
        return " UNION ALL ".join(sources)

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that answer a query.

        :raises LogError: the engine cannot.
        """
        try:
            with self._watched():
                rows: list[tuple[Any, ...]] = self._connection.execute(query, list(values)).fetchall()
        except self._engine.Error as error:
            raise LogError(f"DuckDB cannot read these logs: {str(error).splitlines()[0]}") from None
        return rows

    @contextmanager
    def _watched(self) -> Iterator[None]:
        if self._progress is None:
            yield
            return
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(self._progress, over), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _watch(self, progress: Callable[[float], None], over: threading.Event) -> None:
        while not over.wait(_PAUSE):
            percent = self._connection.query_progress()
            if percent >= 0:  # else it cannot tell
                progress(percent)


@contextmanager
def _connected(paths: Iterable[Path], progress: Progress) -> Iterator[_Logs]:
    """Start the engine on files and folders; what does not fit into the memory lies in a folder that goes at the end.

    :raises LogError: there is no DuckDB, or no log.
    """
    engine = _import_engine()
    lines, tables = _find(paths)
    with tempfile.TemporaryDirectory(prefix="indexguard-") as folder, engine.connect(f"{folder}/events") as connection:
        connection.execute(
            "SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false; "
            "SET enable_progress_bar = true; SET enable_progress_bar_print = false"
        )
        yield _Logs(engine, connection, lines, tables, progress)


def _import_engine() -> Any:
    try:
        return importlib.import_module("duckdb")
    except ImportError:
        raise LogError("DuckDB is not here: install indexguard[fleet] into this environment") from None


def _find(paths: Iterable[Path]) -> tuple[list[str], list[str]]:
    """Return the files of lines, and those of Parquet."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            below = sorted(
                file for file in path.rglob("*") if file.name.endswith((*_LINES, _PARQUET)) and file.is_file()
            )
            if not below:
                raise LogError(
                    f"there is no log in the folder {path}: no file that ends in .jsonl, .jsonl.gz or .parquet"
                )
            found.update(dict.fromkeys(below))
        elif path.is_file():
            found[path] = None
        else:
            raise LogError(f"cannot read the audit log {path}: there is no such file")
    tables = [str(path) for path in found if path.name.endswith(_PARQUET)]
    return [str(path) for path in found if str(path) not in set(tables)], tables


def _literally(files: Iterable[str]) -> list[str]:
    """Return paths as the engine takes them, which reads patterns."""
    return [re.sub(r"[*?\[]", r"[\g<0>]", file) for file in files]


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []

    def either(template: str, texts: Sequence[str]) -> None:
        if texts:
            conditions.append("(" + " OR ".join([template] * len(texts)) + ")")
            values.extend(text for text in texts for _ in range(template.count("?")))

    either("code = ?", wanted.codes)
    either("event = ?", wanted.kinds)
    either("name GLOB ?", wanted.names)
    either("contains(index_asked, ?) OR contains(index_answered, ?)", wanted.indexes)
    either("contains(concat(rule.file, ' ', rule.key), ?)", wanted.rules)
    either("starts_with(run, ?) OR starts_with(parent_run, ?)", wanted.runs)
    either("time >= ?", [] if wanted.since is None else [wanted.since])
    either("time < ?", [] if wanted.until is None else [wanted.until])
    return conditions, values
