"""The logs of many machines: what is asked of the engine that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..audit.event import SCHEMA
from .engine import LINES_OPTIONS, PARQUET, TABLE_OPTIONS, TIME_OF_A_TABLE, Logs, Progress, Rows, connected, literally
from .files import Event
from .query import Wanted
from .reader import EventReader
from .tally import Count, Group, Tally

_TEXTS = ("time", "event", "code", "name", "index_asked", "index_answered", "run", "parent_run")
_COUNTED = {"schema": "BIGINT", **dict.fromkeys(_TEXTS, "VARCHAR"), "rule": "STRUCT(file VARCHAR, key VARCHAR)"}
_LISTED = {
    **dict.fromkeys((*_COUNTED, "host", "user"), "VARCHAR"),
    "schema": "BIGINT",
    "seq": "BIGINT",
    "rule": "STRUCT(file VARCHAR, key VARCHAR, indexes VARCHAR[])",
    "versions": "VARCHAR[]",
}
_IS_EVENT = f"coalesce(schema = {SCHEMA} AND time IS NOT NULL AND event IS NOT NULL, false)"


@dataclass(frozen=True)
class Counted:
    """What the engine has found."""

    tally: Tally
    files: int
    foreign: int
    """Lines and rows that are no whole event of this schema."""
    unread: Mapping[Path, str]
    """The files that were left out, and why."""


def count_events(paths: Iterable[Path], wanted: Wanted, progress: Progress = None) -> Counted:
    """Count the events of files and folders, at any depth: JSON Lines, compressed or not, and Parquet.

    :raises LogError: there is no DuckDB, no log, or one that cannot be read.
    """
    conditions, values = _conditions(wanted)

    def query(source: str) -> str:
        return f"""
            SELECT {_IS_EVENT} AS is_event, event, code, name, index_asked, count(*), min(time), max(time)
            FROM ({source}) WHERE NOT {_IS_EVENT} OR ({conditions})
            GROUP BY ALL
        """  # noqa: S608  # of our own words; what is not stands in parameters

    with connected(paths, progress) as logs:
        rows = logs.ask_all(query, _COUNTED, values)
        sources = logs.sources
    groups = {Group(*row[1:5]): Count(*row[5:]) for row in rows if row[0]}
    return Counted(Tally(groups), len(sources.files), sum(row[5] for row in rows if not row[0]), sources.unread)


class Events:
    """The events that count, in a table of the engine's own to ask several questions of.

    It is called ``events`` and has the columns ``time``, ``event``, ``code``, ``name``, ``index_asked``,
    ``index_answered``, ``rule`` (a structure), ``run``, ``seq``, ``host``, ``user``, ``versions`` and ``filename``.
    """

    def __init__(self, logs: Logs, foreign: int) -> None:
        self._logs = logs
        self.files = logs.sources.files
        self.unread = logs.sources.unread
        """The files that were left out, and why."""
        self.foreign = foreign
        """Lines and rows that are no whole event of this schema."""

    def ask(self, query: str, values: Sequence[Any] = ()) -> Rows:
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
        found: Rows = []
        for kind, files in self._logs.sources.kinds():
            wanted = [file for file in files if file in chosen]
            if wanted:
                read = _CHOSEN_ROWS if kind == PARQUET else _CHOSEN_LINES.format(kind)
                found += self._logs.ask(read, [literally(wanted)])
        yield from EventReader(row[0].encode("utf-8", "surrogatepass") for row in found)


@contextmanager
def open_events(paths: Iterable[Path], wanted: Wanted, progress: Progress = None) -> Iterator[Events]:
    """Have the engine read the events of files and folders, as ``count_events`` does, into a table on disk.

    :raises LogError: there is no DuckDB, no log, or one that cannot be read.
    """
    conditions, values = _conditions(wanted)

    def query(source: str) -> str:
        return f"""
            CREATE OR REPLACE TABLE events AS SELECT * EXCLUDE (schema, parent_run) FROM (
                SELECT *, {_IS_EVENT} AS is_event FROM ({source})
            ) WHERE NOT is_event OR ({conditions})
        """  # noqa: S608  # of our own words; what is not stands in parameters

    with connected(paths, progress) as logs:
        logs.ask_all(query, _LISTED, values)
        foreign = logs.ask("SELECT count(*) FROM events WHERE NOT is_event")[0][0]
        logs.ask("DELETE FROM events WHERE NOT is_event")
        yield Events(logs, foreign)


_CHOSEN_LINES = f"""
    SELECT json FROM read_ndjson_objects(?, compression = '{{}}', {LINES_OPTIONS})
    SEMI JOIN chosen ON (json->>'$.time') = chosen.time AND (json->>'$.run') IS NOT DISTINCT FROM chosen.run
        AND TRY_CAST((json->>'$.seq') AS BIGINT) IS NOT DISTINCT FROM chosen.seq
"""  # noqa: S608  # of our own words
_CHOSEN_ROWS = f"""
    SELECT to_json(found) FROM (
        SELECT * REPLACE ({TIME_OF_A_TABLE} AS time) FROM read_parquet(?, {TABLE_OPTIONS})
    ) found SEMI JOIN chosen ON found.time = chosen.time AND found.run IS NOT DISTINCT FROM chosen.run
        AND found.seq IS NOT DISTINCT FROM chosen.seq
"""  # noqa: S608  # of our own words


def _conditions(wanted: Wanted) -> tuple[str, list[Any]]:
    """Return what an event has to meet, and the values of its parameters."""
    conditions = ["true"]
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
    return " AND ".join(conditions), values
