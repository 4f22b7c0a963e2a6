"""The engine counts what our own loop counts, in lines and in tables, and says what it cannot read."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path
from typing import Callable

import duckdb
import pytest

from indexguard.audit.event import EventFields
from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from indexguard.decision.verdict import Finding
from indexguard.logs.files import LogStream
from indexguard.logs.fleet import count_events, open_events
from indexguard.logs.opening import LogError
from indexguard.logs.query import Wanted
from indexguard.logs.tally import Tally
from indexguard.patterns import parse_pattern
from indexguard.policy.model import Layer, Policy
from indexguard.policy.rules import Rule

LAYER = Layer("machine", "/etc/indexguard/policy.toml", "0" * 64, Policy())
FINDING = Finding("shadowed-name", LAYER, Rule(parse_pattern("acme-*"), ("corp",), "indexes.corp.namespaces[0]"))
LINE = b'{"schema":1,"time":"2026-11-26T04:00:00.000Z","run":"ab","seq":1,"event":"selected","name":"acme-core"}\n'
NONE = {
    "code": None,
    "name": None,
    "index": None,
    "rule": None,
    "event": None,
    "run_id": None,
    "since": None,
    "until": None,
}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The logs of three machines, one of them compressed, with lines that are none."""
    for machine in ("build-1", "build-2", "build-3"):
        path = tmp_path / "logs" / machine / "audit.jsonl"
        recorder = Recorder(RunContext.of_process("26.3", argv=["pip"]), path)
        for number in range(20):
            name = f"acme-{number % 3}" if number % 2 else "numpy"
            url = f"https://{'corp' if number % 5 else 'mirror'}.example/simple/"
            recorder.record("selected", None, EventFields(name=name, index_asked=url))
            recorder.record("shadowed", "shadowed-name", EventFields(name=name, index_asked=url, finding=FINDING))
        recorder.seal(0)
        assert recorder.problem is None
    with (tmp_path / "logs" / "build-2" / "audit.jsonl").open("ab") as file:
        file.write(b'{"schema":1,"time":"20\nnothing\n{"schema":2,"time":"t","event":"e"}\n')
    packed = tmp_path / "logs" / "build-3" / "audit.jsonl"
    packed.with_name("audit.jsonl.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    return tmp_path / "logs"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"code": ["shadowed-name"]},
        {"event": ["selected", "sealed"]},
        {"name": ["Acme_1"]},
        {"name": ["acme-*", "nothing"]},
        {"index": ["mirror."]},
        {"rule": ["policy.toml indexes.corp"]},
        {"rule": ["no such rule"]},
        {"since": "2000-01-01T00:00:00.000Z", "until": "2999-01-01T00:00:00.000Z"},
        {"until": "2000-01-01T00:00:00.000Z"},
        {"code": ["shadowed-name"], "name": ["numpy"], "index": ["corp.", "team."]},
    ],
    ids=str,
)
def test_engine_and_loop_count_alike(logs: Path, given: dict[str, object]) -> None:
    chosen = Wanted.of({**NONE, **given})
    paths = sorted(path for path in logs.rglob("*") if path.is_file())
    expected = Tally.of(filter(chosen.matches, LogStream(paths, in_order=False)))
    counted = count_events([logs], chosen)
    assert counted.tally.groups == expected.groups
    assert (counted.files, counted.foreign) == (3, 3)


EVENT = LINE.strip()[:-1]
ODD = {
    "duplicate event": EVENT + b',"event":"shadowed"}',
    "duplicate code": b'{"code":null,' + EVENT[1:] + b',"code":"shadowed-name"}',
    "duplicate, escaped": EVENT + b',"\\u0065vent":"shadowed"}',
    "duplicate in the rule": EVENT + b',"rule":{"file":"a","key":"k","file":"b"}}',
    "duplicate elsewhere": EVENT + b',"ci":{"run":"a","run":"b"}}',
    "long": EVENT + b',"message":"' + b"x" * 3_000_000 + b'"}',
    "very long": EVENT + b',"message":"' + b"x" * 20_000_000 + b'"}',
    "NaN": EVENT + b',"files":NaN}',
    "nan": EVENT + b',"files":[1,  nan]}',
    "Infinity": EVENT + b',"files":-Infinity}',
    "NaN in a text": EVENT + b',"message":"a\\"NaN, ],} nan\\\\"}',
    "trailing comma": EVENT + b",}",
    "schema as a text": EVENT.replace(b'"schema":1', b'"schema":"1"') + b"}",
    "schema with a point": EVENT.replace(b'"schema":1', b'"schema":1.0') + b"}",
    "event that is none": EVENT.replace(b'"selected"', b"7") + b"}",
    "time that is none": EVENT.replace(b'"2026-11-26T04:00:00.000Z"', b"2026") + b"}",
    "surrogates": EVENT + b',"message":"\\ud83d\\ude00"}',
    "list": b"[1]",
    "text": b'"event"',
    "blank": b"",
}


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "with a mark"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_engine_and_loop_read_alike_what_no_guard_writes(
    tmp_path: Path, bom: bytes, pack: Callable[[bytes], bytes]
) -> None:
    if bom and duckdb.__version__ < "2":
        pytest.skip(
            f"DuckDB {duckdb.__version__} takes a mark for a part of the first line, which it leaves out, and is counted"
        )
    for number, line in enumerate(ODD.values()):
        (tmp_path / f"{number}.jsonl").write_bytes(pack(bom + LINE + line + b"\n" + LINE))
    for number, name in enumerate(ODD):
        path = tmp_path / f"{number}.jsonl"
        stream = LogStream([path], in_order=False)
        expected = Tally.of(stream)
        counted = count_events([path], Wanted())
        assert counted.tally.groups == expected.groups, name
        assert counted.foreign == sum(reading.foreign for reading in stream.readings), name
        with open_events([path], Wanted()) as events:
            assert (sum(row[0] for row in events.ask("SELECT count(*) FROM events")), events.foreign) == (
                sum(count.events for count in expected.groups.values()),
                counted.foreign,
            ), name


def test_lone_surrogate_is_left_out_by_the_engine_and_counted(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_bytes(LINE + EVENT + b',"message":"\\ud800"}\n')
    counted = count_events([tmp_path], Wanted())
    assert (sum(count.events for count in counted.tally.groups.values()), counted.foreign) == (1, 1)


def test_run_and_those_that_it_started(logs: Path) -> None:
    line = (logs / "build-1" / "audit.jsonl").read_text().splitlines()[0]
    counted = count_events([logs], Wanted(runs=[json.loads(line)["run"][:12]]))
    total = counted.tally.total()
    assert total is not None
    assert total.events == 41


def test_long_work_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexguard.logs.engine._PAUSE", 0)
    line = (
        json.dumps({"schema": 1, "time": "2026-11-26T08:00:00.000Z", "event": "selected", "message": "m" * 900}) + "\n"
    )
    (tmp_path / "audit.jsonl").write_text(line * 50_000)
    told: list[float] = []
    total = count_events([tmp_path], Wanted(), told.append).tally.total()
    assert total is not None
    assert total.events == 50_000
    assert told
    assert all(0 <= percent <= 100 for percent in told)


def test_parquet(logs: Path, tmp_path: Path) -> None:
    expected = count_events([logs], Wanted()).tally.groups
    tables = tmp_path / "tables"
    tables.mkdir()
    for machine in ("build-1", "build-2", "build-3"):
        source = f"{logs}/{machine}/audit.jsonl*"
        query = f"COPY (FROM read_ndjson('{source}', ignore_errors = true)) TO '{tables}/{machine}.parquet' (FORMAT parquet)"
        with duckdb.connect() as connection:
            connection.execute(query)
    counted = count_events([tables], Wanted())
    assert counted.tally.groups == expected
    both = count_events([tables, logs], Wanted(codes=["shadowed-name"])).tally.total()
    assert both is not None
    assert both.events == 120


def test_text_that_would_be_a_query_is_a_text(logs: Path) -> None:
    hostile = "x' OR 'a' = 'a"
    assert count_events([logs], Wanted(indexes=[hostile], names=[hostile], rules=[hostile])).tally.groups == {}


def put(path: Path, content: bytes = LINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("folder", ["name=evil", "schema=2", "time=1", "code=x"])
def test_name_of_a_folder_is_no_field(tmp_path: Path, folder: str) -> None:
    put(tmp_path / folder / "audit.jsonl")
    counted = count_events([tmp_path], Wanted())
    assert (list(counted.tally.by_name()), counted.tally.by_code(), counted.foreign) == (["acme-core"], {}, 0)


def test_name_of_a_file_is_no_pattern(tmp_path: Path) -> None:
    for name in ("audit-x.jsonl", "audit-*.jsonl", "audit-[x].jsonl"):
        put(tmp_path / name, LINE * len(name))
    for name in ("audit-*.jsonl", "audit-[x].jsonl"):
        total = count_events([tmp_path / name], Wanted()).tally.total()
        assert total is not None
        assert total.events == len(name)


def test_compression_is_told_by_the_content(tmp_path: Path) -> None:
    put(tmp_path / "build-1" / "audit.jsonl", gzip.compress(LINE))
    put(tmp_path / "build-2" / "audit.jsonl.gz")
    put(tmp_path / "build-3" / "audit.jsonl.gz", b"")
    counted = count_events([tmp_path], Wanted())
    assert (counted.tally.by_name()["acme-core"].events, counted.foreign, counted.unread) == (2, 0, {})


def test_file_that_is_there_compressed_too_counts_once(tmp_path: Path) -> None:
    put(tmp_path / "build-1" / "audit.jsonl")
    put(tmp_path / "build-1" / "audit.jsonl.gz", gzip.compress(LINE))
    counted = count_events([tmp_path], Wanted())
    assert (counted.files, counted.tally.by_name()["acme-core"].events) == (1, 1)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("audit.jsonl.gz", gzip.compress(os.urandom(100_000))[:90_000], "its compressed data is damaged or cut off"),
        ("audit.parquet", b"no table", "it is no Parquet file, or damaged"),
        (os.fsdecode(b"audit\xff.jsonl"), LINE, "its name is not UTF-8"),
    ],
)
def test_one_file_keeps_no_other_from_being_counted(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    put(tmp_path / "build-1" / "audit.jsonl")
    put(tmp_path / "build-2" / name, content)
    counted = count_events([tmp_path], Wanted())
    assert counted.tally.by_name()["acme-core"].events == 1
    assert counted.unread == {tmp_path / "build-2" / name: why}
    with open_events([tmp_path], Wanted()) as events:
        assert events.ask("SELECT count(*) FROM events") == [(1,)]
        assert (events.unread, events.files) == (counted.unread, [tmp_path / "build-1" / "audit.jsonl"])


def test_without_the_engine(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(LogError, match=r"install indexguard\[fleet\]"):
        count_events([logs], Wanted())


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no such file"):
        count_events([tmp_path / "audit.jsonl"], Wanted())
    with pytest.raises(LogError, match="no log in the folder"):
        count_events([tmp_path], Wanted())
    (tmp_path / "broken.parquet").write_bytes(b"no table")
    with pytest.raises(LogError, match="DuckDB cannot read these logs"):
        count_events([tmp_path], Wanted())
