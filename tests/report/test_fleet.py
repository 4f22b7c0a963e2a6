"""The engine makes the same page of the same logs as our own loop."""

from __future__ import annotations

import gzip
import json
import random
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import pytest

from indexguard.logs.files import LogStream
from indexguard.logs.fleet import open_events
from indexguard.logs.query import Wanted
from indexguard.report.fleet import summarise
from indexguard.report.page import render_page
from indexguard.report.summary import Summary
from support.report_events import HOSTILE, PUBLIC, event, hostile_event, shadowed

ALL = dict.fromkeys(("code", "name", "index", "rule", "event", "run_id", "since", "until"))
MADE = datetime(2026, 11, 26, tzinfo=timezone.utc)
KINDS = (
    ("selected", None),
    ("not-asked", "claimed-elsewhere"),
    ("shadowed", "shadowed-name"),
    ("would-refuse", "shadowed-name"),
    ("refused", "shadowed-name"),
    ("refused", "unmatched-name"),
    ("dropped", "version-not-allowed"),
    ("sealed", None),
    ("a-kind-to-come", None),
)


def make_events(number: int) -> list[dict[str, object]]:
    """Return events of all kinds, no two at the same time."""
    chance = random.Random(7)  # noqa: S311  # to be repeatable
    made = []
    for place in range(number):
        kind, code = chance.choice(KINDS)
        made.append(
            event(
                kind,
                code,
                name=f"acme-{chance.randrange(8)}",
                time=f"2026-11-{1 + place % 25:02}T{place % 24:02}:{place // 60 % 60:02}:{place % 60:02}.{place % 1000:03}Z",
                run=f"{chance.randrange(40):016x}",
                seq=place,
                host=f"build-{chance.randrange(5)}",
                user=chance.choice(("root", "ada", "")),
                index_answered=chance.choice((f"{PUBLIC}acme/", "https://evil.example/", None)),
                versions=[f"{chance.randrange(3)}.0", "0.1"],
            )
        )
    return made


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The logs of three machines, one of them compressed, with texts that want to be more, and lines that are no event."""
    folder = tmp_path / "logs"
    hostile = [
        hostile_event(text) | {"time": f"2026-11-20T09:{place:02}:00Z"}
        for place, text in enumerate(HOSTILE)
        if "\ud800" not in text  # no character, so no text to the engine
    ]
    events = [*make_events(600), *hostile, shadowed(time="yesterday"), event(time="2026-99-99T00:00:00Z")]
    for place, name in enumerate(("build-[1]", "build-*", "it's")):
        (folder / name).mkdir(parents=True)
        lines = "".join(f"{json.dumps(line)}\n" for line in events[place::3])
        (folder / name / "audit.jsonl").write_text(lines)
    with (folder / "build-*" / "audit.jsonl").open("a") as file:
        file.write('{"schema":1,"time":"20\nnothing\n')
    packed = folder / "it's" / "audit.jsonl"
    packed.with_name("audit.jsonl.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    return folder


def page_of(summary: Summary) -> str:
    return render_page(summary, made=MADE)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"code": ["shadowed-name"]},
        {"event": ["selected"]},
        {"name": ["acme-3", "acme-4"]},
        {"since": "2026-11-05T00:00:00.000Z", "until": "2026-11-09T00:00:00.000Z"},
        {"run_id": ["00000000000000"], "index": ["mirror"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("rows", [0, 7, 2000])
def test_engine_and_loop_make_the_same_page(logs: Path, given: dict[str, object], rows: int) -> None:
    chosen = Wanted.of({**ALL, **given})
    expected = Summary(rows)
    paths = sorted(path for path in logs.rglob("*") if path.is_file())
    expected.add_all(filter(chosen.matches, LogStream(paths, in_order=False)))
    with open_events([logs], chosen) as events:
        found = summarise(events, rows)
        assert events.foreign == 2
    assert found.events == expected.events > 0
    assert page_of(found) == page_of(expected)


def test_parquet_makes_the_same_page(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    with open_events([logs], Wanted()) as events:
        expected = page_of(summarise(events, 50))
    with duckdb.connect() as connection:
        files = [str(path).replace("[", "[[]").replace("*", "[*]") for path in logs.rglob("audit*")]
        connection.execute(
            f"COPY (FROM read_ndjson(?, ignore_errors = true, union_by_name = true)) TO '{tmp_path}/tables/all.parquet'",
            [files],
        )
    with open_events([tmp_path / "tables"], Wanted()) as events:
        assert page_of(summarise(events, 50)) == expected
