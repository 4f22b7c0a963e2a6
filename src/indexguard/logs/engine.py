"""The door to DuckDB, of the extra ``indexguard[fleet]``: files of lines and tables, and a connection that reads them.

It is imported only where somebody asks for it, and never in pip. Nothing is fetched from a network, and what does not
fit into the memory lies in a folder that goes at the end.
"""

from __future__ import annotations

import importlib
import json
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from ..audit.event import SCHEMA
from ..audit.place import without_copies
from .opening import ENDINGS, GZIP, MAX_LINE, LogError, explain
from .schema import schema_text

Rows = list[tuple[Any, ...]]

Progress = Optional[Callable[[float], None]]
"""Is told now and then how much of a long piece of work is done, in percent; from a thread of its own."""

PLAIN, PACKED, PARQUET = "uncompressed", "gzip", ".parquet"
"""The kinds of files: the first two as the engine names compressions, the last by the end of the name."""
TIME_OF_A_TABLE = "coalesce(strftime(try_cast(time AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%gZ'), CAST(time AS VARCHAR))"
"""Whoever made a table may have made a time stamp of the text: this makes the text of it again."""

_MAX_OBJECT = 16 * 1024 * 1024
LINES_OPTIONS = f"ignore_errors = true, maximum_object_size = {_MAX_OBJECT}, hive_partitioning = false"
TABLE_OPTIONS = "union_by_name = true, hive_partitioning = false"

LAYERS = "STRUCT(mode VARCHAR)[]"
JOB = "STRUCT(provider VARCHAR, repository VARCHAR, job VARCHAR, run VARCHAR, ref VARCHAR)"
CHOSEN = 'STRUCT(version VARCHAR, "index" VARCHAR, origin VARCHAR)'
_STRUCTURES = {
    "STRUCT(file VARCHAR, key VARCHAR)": {"file": "VARCHAR", "key": "VARCHAR"},
    "STRUCT(file VARCHAR, key VARCHAR, indexes VARCHAR[])": {
        "file": "VARCHAR",
        "key": "VARCHAR",
        "indexes": ["VARCHAR"],
    },
    "VARCHAR[]": ["VARCHAR"],
    LAYERS: [{"mode": "VARCHAR"}],
    JOB: {"provider": "VARCHAR", "repository": "VARCHAR", "job": "VARCHAR", "run": "VARCHAR", "ref": "VARCHAR"},
    CHOSEN: {"version": "VARCHAR", "index": "VARCHAR", "origin": "VARCHAR"},
}
"""Types of columns, as ``json_transform`` has them."""


def _is_told_once(place: str) -> str:
    """Return what tells that an object has no key twice: the engine takes the first, our reader neither."""
    keys = f"json_keys(json{place})"
    return f"len({keys}) = list_unique({keys})"


_USUAL_KEYS = ", ".join(f"'{name}'" for name in json.loads(schema_text())["properties"])
_WITHOUT_TEXTS = r"""regexp_replace(json, '"(?:[^"\\]|\\.)*"', '', 'g')"""
_SUSPICIOUS = " OR ".join(
    f"contains(json, '{word}')" for word in ("NaN", "nan", "nfinity", ":inf", ":-inf", ",}", ",]")
)
_IS_READ = f"""coalesce(
    strlen(json) < {MAX_LINE}
    AND json_extract(json, '$.schema')::VARCHAR = '{SCHEMA}'
    AND json_type(json, '$.time') = 'VARCHAR' AND json_type(json, '$.event') = 'VARCHAR'
    AND CASE WHEN json_keys(json) = [{_USUAL_KEYS}] THEN true ELSE {_is_told_once("")} END
    AND CASE WHEN json_type(json, '$.rule') = 'OBJECT' THEN {_is_told_once(", '$.rule'")} ELSE true END
    AND CASE WHEN {_SUSPICIOUS} THEN NOT regexp_matches({_WITHOUT_TEXTS}, '(?i)nan|inf|,\\s*[}}\\]]') ELSE true END,
false)"""
"""Whether our own reader takes a line for an event: what it refuses, and the engine would take, is refused here too."""

_PAUSE = 0.5
_WHOLE_FILE = {
    PACKED: f"SELECT count(*) FROM read_ndjson_objects(?, compression = '{PACKED}', {LINES_OPTIONS})",  # noqa: S608  # as above
    PARQUET: f"SELECT bit_xor(hash(found)) FROM read_parquet(?, {TABLE_OPTIONS}) found",  # noqa: S608  # as above
}
_DAMAGED = {PACKED: "its compressed data is damaged or cut off", PARQUET: "it is no Parquet file, or damaged"}


@contextmanager
def connected(paths: Iterable[Path], progress: Progress) -> Iterator[Logs]:
    """Start the engine on files and folders; what does not fit into the memory lies in a folder that goes at the end.

    :raises LogError: there is no DuckDB, or no log.
    """
    engine = _import_engine()
    sources = Sources.of(_find(paths))
    with tempfile.TemporaryDirectory(prefix="indexguard-") as folder, engine.connect(f"{folder}/events") as connection:
        connection.execute(
            "SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false; "
            "SET enable_progress_bar = true; SET enable_progress_bar_print = false"
        )
        yield Logs(engine, connection, sources, progress)


class Logs:
    """Files, and a connection to the engine that reads them."""

    def __init__(self, engine: Any, connection: Any, sources: Sources, progress: Progress) -> None:
        self._engine = engine
        self._connection = connection
        self._progress = progress
        self.sources = sources

    def ask_all(self, query: Callable[[str], str], columns: dict[str, str], values: Sequence[Any]) -> Rows:
        """Return the rows that answer a query about all files; damaged ones are left out.

        :param query: returns it, given what selects the columns and ``filename`` of all files.
        :param values: those of its parameters that come after the files.
        :raises LogError: the engine cannot.
        """
        try:
            return self._ask_all(query, columns, values)
        except LogError:
            if not self._leave_out_damaged():
                raise
            return self._ask_all(query, columns, values)

    def _ask_all(self, query: Callable[[str], str], columns: dict[str, str], values: Sequence[Any]) -> Rows:
        parts = [self._select(kind, files, columns) for kind, files in self.sources.kinds()]
        files = [literally(files) for _, files in self.sources.kinds()]
        return self.ask(query(" UNION ALL ".join(parts)), [*files, *values])

    def _select(self, kind: str, files: list[str], columns: dict[str, str]) -> str:
        """Return what selects these columns and ``filename`` of files of one kind."""
        if kind != PARQUET:
            return _select_lines(kind, columns)
        there = {row[0] for row in self.ask(f"DESCRIBE FROM read_parquet(?, {TABLE_OPTIONS})", [literally(files)])}
        # Whoever made the table may have made a time stamp of the text, or have left out what was always empty.
        names = ", ".join(
            f"CAST(NULL AS {type_}) AS {name}" if name not in there
            else f"{TIME_OF_A_TABLE} AS time" if name == "time"
            else name
            for name, type_ in columns.items()
        )  # fmt: skip
        return f"SELECT {names}, filename FROM read_parquet(?, {TABLE_OPTIONS}, filename = true)"  # noqa: S608  # as above

    def _leave_out_damaged(self) -> bool:
        """Try each file that may be damaged alone; tell whether there are such and others."""
        damaged = {
            file: _DAMAGED[kind]
            for kind, files in self.sources.kinds()
            for file in files
            if kind in _WHOLE_FILE and not self._can_be_read(_WHOLE_FILE[kind], file)
        }
        self.sources = self.sources.without(damaged)
        return bool(damaged) and bool(self.sources.kinds())

    def _can_be_read(self, query: str, file: str) -> bool:
        try:
            self.ask(query, [literally([file])])
        except LogError:
            return False
        return True

    def ask(self, query: str, values: Sequence[Any] = ()) -> Rows:
        """Return the rows that answer a query.

        :raises LogError: the engine cannot.
        """
        try:
            with self._watched():
                rows: Rows = self._connection.execute(query, list(values)).fetchall()
        except (self._engine.Error, UnicodeError) as error:  # before 2.0 its messages may quote bytes that are no text
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


@dataclass(frozen=True)
class Sources:
    """Files by how the engine has to read them, which their names do not always tell."""

    by_kind: Mapping[str, list[str]]
    unread: Mapping[Path, str]
    """Those that were left out, and why."""

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Sources:
        """Look into each file.

        :raises LogError: none of them can be read.
        """
        found: dict[str, list[str]] = {PLAIN: [], PACKED: [], PARQUET: []}
        unread = {}
        for path in paths:
            kind, why = _look_into(path)
            if kind is None:
                unread[path] = why
            else:
                found[kind].append(str(path))
        if not any(found.values()):
            path, why = next(iter(unread.items()))
            raise LogError(f"cannot read the audit log {path}: {why}")
        return cls(found, unread)

    @property
    def files(self) -> list[Path]:
        """All that are read."""
        return [Path(file) for _, files in self.kinds() for file in files]

    def kinds(self) -> list[tuple[str, list[str]]]:
        """Return the kinds that there are, with their files."""
        return [(kind, files) for kind, files in self.by_kind.items() if files]

    def without(self, damaged: Mapping[str, str]) -> Sources:
        """Return the others."""
        kept = {kind: [file for file in files if file not in damaged] for kind, files in self.by_kind.items()}
        return Sources(kept, {**self.unread, **{Path(file): why for file, why in damaged.items()}})


def _select_lines(kind: str, columns: Mapping[str, str]) -> str:
    """Return what selects columns of lines, all of them NULL where a line is no whole event to our own reader."""
    structure = json.dumps({name: _STRUCTURES.get(type_, type_) for name, type_ in columns.items()})
    fields = ", ".join(f"CASE WHEN is_read THEN found.{name} END AS {name}" for name in columns)
    return f"""
        SELECT {fields}, filename FROM (
            SELECT json_transform(json, '{structure}') AS found, {_IS_READ} AS is_read, filename
            FROM read_ndjson_objects(?, filename = true, compression = '{kind}', {LINES_OPTIONS})
        )
    """  # noqa: S608  # our own words


def _import_engine() -> Any:
    try:
        return importlib.import_module("duckdb")
    except ImportError:
        raise LogError("DuckDB is not here: install indexguard[fleet] into this environment") from None


def _look_into(path: Path) -> tuple[str | None, str]:
    """Return the kind of a file, or why it cannot be read."""
    try:
        str(path).encode("utf-8")
        with path.open("rb") as file:
            is_packed = file.read(len(GZIP)) == GZIP
    except OSError as error:
        return None, explain(error)
    except UnicodeError:
        return None, "its name is not UTF-8"
    return PARQUET if path.name.endswith(PARQUET) else PACKED if is_packed else PLAIN, ""


def _find(paths: Iterable[Path]) -> list[Path]:
    """Return the files that paths stand for, each once.

    :raises LogError: there is none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            named = (file for file in path.rglob("*") if file.name.endswith((*ENDINGS, PARQUET)) and file.is_file())
            below = sorted(map(Path, without_copies(map(str, named))))
            if not below:
                raise LogError(
                    f"there is no log in the folder {path}: no file that ends in .jsonl, .jsonl.gz or .parquet"
                )
            found.update(dict.fromkeys(below))
        elif path.is_file():
            found[path] = None
        else:
            raise LogError(f"cannot read the audit log {path}: there is no such file")
    return list(found)


def literally(files: Iterable[str]) -> list[str]:
    """Return paths as the engine takes them, which reads patterns."""
    return [re.sub(r"[*?\[]", r"[\g<0>]", file) for file in files]
