"""The logs of many machines, counted by an engine that is made for it: DuckDB, of the extra ``indexguard[fleet]``.

The door to ``duckdb``, which is imported only where somebody asks for it, and never in pip.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .event import SCHEMA
from .files import LogError
from .tally import Count, Group, Tally

_COLUMNS = {
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
_TIME_OF_A_TABLE = "coalesce(strftime(try_cast(time AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%gZ'), CAST(time AS VARCHAR))"
_MAX_LINE = 16 * 1024 * 1024
_LINES, _PARQUET = (".jsonl", ".jsonl.gz"), ".parquet"


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


def count_events(paths: Iterable[Path], wanted: Wanted) -> Counted:
    """Count the events of files and folders, at any depth: JSON Lines, compressed or not, and Parquet.

    :raises LogError: there is no DuckDB, no log, or one that cannot be read.
    """
    engine = _import_engine()
    lines, tables = _find(paths)
    sources, parameters = [], []
    if lines:
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in _COLUMNS.items())
        options = f"columns = {{{columns}}}, ignore_errors = true, maximum_object_size = {_MAX_LINE}"
        sources.append(f"SELECT {', '.join(_COLUMNS)} FROM read_ndjson(?, {options})")  # noqa: S608  # our own words
        parameters.append(lines)
    if tables:
        # Whoever made the table may have made a time stamp of the text.
        columns = ", ".join(_COLUMNS).replace("time", f"{_TIME_OF_A_TABLE} AS time")
        sources.append(f"SELECT {columns} FROM read_parquet(?, union_by_name = true)")  # noqa: S608  # as above
        parameters.append(tables)
    conditions, values = _conditions(wanted)
    is_event = f"schema = {SCHEMA} AND time IS NOT NULL AND event IS NOT NULL"
    query = f"""
        WITH found AS ({" UNION ALL ".join(sources)})
        SELECT coalesce({is_event}, false) AS is_event, event, code, name, index_asked, count(*), min(time), max(time)
        FROM found WHERE NOT coalesce({is_event}, false) OR ({" AND ".join(["true", *conditions])})
        GROUP BY ALL
    """  # noqa: S608  # of our own words; what is not stands in parameters
    try:
        with engine.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            rows = connection.execute(query, [*parameters, *values]).fetchall()
    except engine.Error as error:
        raise LogError(f"DuckDB cannot read these logs: {str(error).splitlines()[0]}") from None
    groups = {Group(*row[1:5]): Count(*row[5:]) for row in rows if row[0]}
    return Counted(Tally(groups), len(lines) + len(tables), sum(row[5] for row in rows if not row[0]))


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
