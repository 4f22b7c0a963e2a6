"""The queries of the documents on the engines that they are for, in the versions that people have.

Each engine is installed once into a folder of the cache, by pip; where that cannot be, the test says so and is skipped.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from indexguard.audit.event import EventFields, Offer
from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from integration.harness.children import run_child
from integration.harness.pips import cache_folder, locked
from support.documents import marked

_NEEDED = 20_480
"""Lines that DuckDB looks at by itself."""
_DUCKDB = "import duckdb, json, sys; print(json.dumps(duckdb.sql(sys.argv[1]).fetchall()))"
_CHDB = """
import json, sys
from chdb import session
made = session.Session()
made.query("CREATE DATABASE logs; USE logs")
*statements, last = [each for each in sys.argv[1].split(";") if each.strip()]
for statement in statements: made.query(statement)
answer = made.query(last, "JSONCompactEachRow")
more = made.query("SELECT count(), countIf(seal.exit = 0), countIf(seal.exit IS NULL), uniq(host) FROM audit", "JSONCompactEachRow")
print(json.dumps([[json.loads(line) for line in str(each).splitlines()] for each in (answer, more)]))
"""


def _engine(project: str, version: str) -> Path:
    """Return a folder with an engine of this version."""
    folder = cache_folder() / f"{project}-{version}-{sys.version_info.major}.{sys.version_info.minor}"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not (folder / "complete").exists():
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--target",
                str(folder),
                f"{project}=={version}",
            ]
            try:
                run_child(command, check=True)
            except subprocess.CalledProcessError as error:
                told = (error.stderr or "no pip").strip().splitlines()[-1]
                pytest.skip(f"missing: {project} {version}: {told}")
            (folder / "complete").touch()
    return folder


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quiet log with one squatter behind many choices, a torn line, and a full file that is compressed."""
    folder = tmp_path_factory.mktemp("logs")
    path = folder / "host=other" / "audit.jsonl"
    recorder = Recorder(RunContext.of_process("26.3", argv=["pip", "install", "acme-core"]), path)
    offer = Offer("1.0", "acme_core-1.0-py3-none-any.whl", None, "https://packages.corp.example/a.whl")
    recorder.record("selected", None, EventFields(name="acme-core", chosen=(offer, "https://packages.corp.example/")))
    recorder.record("shadowed", "shadowed-name", EventFields(name="acme-core", offered=[offer]))
    recorder.seal(0)
    selected, shadowed, sealed = path.read_text("utf-8").splitlines()
    path.write_text(f"{selected}\n" * _NEEDED + f"{selected[:300]}\n{shadowed}\n{sealed}\n", "utf-8")
    killed = sealed.replace('"exit":0', '"exit":null')
    packed = f"{selected}\n{shadowed}\n{killed}\n".encode()
    path.with_name("audit-20261126T040000.000000Z.jsonl.gz").write_bytes(gzip.compress(packed))
    return folder


def _ask(engine: Path, script: str, query: str) -> list[Any]:
    done = run_child(
        [sys.executable, "-c", script, query], env={"PYTHONPATH": str(engine), "PATH": "/usr/bin:/bin"}, check=True
    )
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("version", ["1.3.2", "1.4.3", "2.0.1"])
def test_query_for_duckdb(logs: Path, version: str) -> None:
    rows = _ask(_engine("duckdb", version), _DUCKDB, marked("sql").replace("/srv/logs", str(logs)))
    host = RunContext.of_process("26.3", argv=[]).host
    assert [(row[0], row[1], row[4]) for row in rows] == [(host, "acme-core", 2)]


def test_table_for_clickhouse(logs: Path) -> None:
    query = marked("clickhouse").replace("/srv/logs", str(logs))
    rows, ((events, well, unknown, hosts),) = _ask(_engine("chdb", "4.4.0"), _CHDB, query)
    host = RunContext.of_process("26.3", argv=[]).host
    assert [(row[0], row[1], row[4]) for row in rows] == [(host, "acme-core", 2)]
    assert (events, well, unknown, hosts) == (_NEEDED + 5, 1, _NEEDED + 4, 1)
