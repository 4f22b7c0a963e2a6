"""The logs of many machines: what is asked of the engine that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..audit.event import SCHEMA
from ..audit.kinds import REFUSALS, SELECTED
from .concerns import NO_POLICY, ONLY_AUDIT, TEMPORARY, Concerns, Count, Stray
from .engine import (
    CHOSEN,
    JOB,
    LAYERS,
    LINES_OPTIONS,
    PARQUET,
    TABLE_OPTIONS,
    TIME_OF_A_TABLE,
    Logs,
    Progress,
    Rows,
    connected,
    literally,
)
from .files import Event
from .query import JOB as JOB_KEYS
from .query import Wanted
from .reader import EventReader
from .tally import Group, Tally

_TEXTS = ("time", "event", "code", "name", "index_asked", "index_answered", "run", "parent_run", "host", "user")
_COUNTED = {
    "schema": "BIGINT",
    **dict.fromkeys(_TEXTS, "VARCHAR"),
    "rule": "STRUCT(file VARCHAR, key VARCHAR)",
    "policy": LAYERS,
    "ci": JOB,
    "chosen": CHOSEN,
    "drill": "BOOLEAN",
}
_LISTED = {
    **_COUNTED,
    "seq": "BIGINT",
    "rule": "STRUCT(file VARCHAR, key VARCHAR, indexes VARCHAR[])",
    "versions": "VARCHAR[]",
}
_IS_EVENT = f"coalesce(schema = {SCHEMA} AND time IS NOT NULL AND event IS NOT NULL, false)"

# As JSON: whoever made a table may have left out fields of a structure that he did not have.
_STATE = f"""CASE WHEN policy IS NULL OR contains(to_json(policy)::VARCHAR, '"mode":"enforce"') THEN NULL
    WHEN len(policy) = 0 THEN '{NO_POLICY}' ELSE '{ONLY_AUDIT}' END"""
_IS_STRAY = f"event = '{SELECTED}' AND to_json(chosen)->>'$.origin' = 'other'"
_CONCERNS = f"""{_STATE} AS state, coalesce(nullif(parent_run, ''), run) AS root,
    CASE WHEN {_IS_STRAY} THEN coalesce(to_json(chosen)->>'$.version', '') END AS stray_version,
    CASE WHEN {_IS_STRAY} THEN coalesce(to_json(chosen)->>'$.index', '') END AS stray_index"""
_REFUSALS_OF = ", ".join(f"'{kind}'" for kind in REFUSALS)
_REFUSALS = f"count(DISTINCT concat_ws(chr(10), host, root)) FILTER (event IN ({_REFUSALS_OF}))"
_ASKED = f"""CASE WHEN starts_with(index_asked, 'file:')
    THEN regexp_replace(index_asked, '(file:(?://)?(?:/[^/]+)*?/)tmp[a-z0-9_]{{8}}(/|$)', '\\1{TEMPORARY}\\2') ELSE index_asked END"""


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
            SELECT GROUPING(event), GROUPING(state), GROUPING(stray_index), is_event,
                event, code, name, asked, host, state, stray_version, stray_index,
                count(*), min(time), max(time), {_REFUSALS}
            FROM (
                SELECT {_IS_EVENT} AS is_event, event, code, name, {_ASKED} AS asked, host, time, {_CONCERNS}
                FROM ({source}) WHERE NOT {_IS_EVENT} OR ({conditions})
            )
            GROUP BY GROUPING SETS (
                (is_event, event, code, name, asked), (is_event, host, state), (is_event, name, stray_version, stray_index),
                (is_event, name)
            )
        """  # noqa: S608  # of our own words; what is not stands in parameters

    with connected(paths, progress) as logs:
        rows = logs.ask_all(query, _COUNTED, values)
        sources = logs.sources
    groups, concerns, foreign = {}, Concerns(), 0
    for (
        no_event,
        no_state,
        no_stray,
        is_event,
        *group,
        host,
        state,
        version,
        index,
        number,
        first,
        last,
        refused,
    ) in rows:
        if not is_event:
            foreign += 0 if no_event else number
        elif not no_event:
            groups[Group(*group)] = Count(number, first, last)
        elif not no_state:
            if state is not None:
                concerns.add_machine(host or "", state, Count(number, first, last))
        elif not no_stray:
            if index is not None:
                concerns.add_stray(Stray(group[2] or "", version, index), Count(number, first, last))
        elif refused:
            concerns.refusals[group[2] or ""] += refused
    return Counted(Tally(groups, concerns), len(sources.files), foreign, sources.unread)


class Events:
    """The events that count, in a table of the engine's own to ask several questions of.

    It is called ``events`` and has the columns ``time``, ``event``, ``code``, ``name``, ``index_asked``,
    ``index_answered``, ``rule`` (a structure), ``run``, ``seq``, ``host``, ``user``, ``versions`` and ``filename``; and
    what is found out of each event: ``state``, ``root``, ``stray_version`` and ``stray_index``, as in ``concerns``.
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
            CREATE OR REPLACE TABLE events AS SELECT * EXCLUDE (schema, parent_run, policy, ci, chosen, drill) FROM (
                SELECT *, {_IS_EVENT} AS is_event, {_CONCERNS} FROM ({source})
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
    either("host = ?", wanted.hosts)
    either('"user" = ?', wanted.users)
    if wanted.ci is not None:
        conditions.append("ci IS NOT NULL")
        job = ", ".join(f"to_json(ci)->>'$.{key}'" for key in JOB_KEYS)
        either(f"contains(concat_ws(' ', {job}), ?)", [wanted.ci])
    if wanted.without_policy:
        conditions.append("len(policy) = 0")
    if wanted.audit:
        conditions.append("""contains(to_json(policy)::VARCHAR, '"mode":"audit"')""")
    if wanted.no_drills:
        conditions.append("drill IS NOT TRUE")
    either("time >= ?", [] if wanted.since is None else [wanted.since])
    either("time < ?", [] if wanted.until is None else [wanted.until])
    return " AND ".join(conditions), values
