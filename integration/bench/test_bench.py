"""The bench's own arithmetic, tables and readers; nothing here measures time."""

from __future__ import annotations

import functools
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from indexguard.logs.files import LogStream
from indexguard.policy.reader import read_policy
from integration.bench.__main__ import ROWS, main
from integration.bench.advisories import more_rows
from integration.bench.children.log_child import BLOCK, write_log
from integration.bench.children.names_child import make_names
from integration.bench.children.policy_child import NAMES, PREFIXES, make_policy
from integration.bench.downloads import group_of
from integration.bench.processes import parse_import_times, run_for_peak, run_timed
from integration.bench.ratios import Cost, Spread, interleave, paired_ratios, spread_of
from integration.bench.report import Report, Result
from integration.bench.served import StaticIndex
from integration.bench.serving.runs import ALL_KEYS, OFF
from integration.harness.cases import read_cases
from integration.harness.dists import Dist

CASES = read_cases(__file__)

_IMPORTS = CASES["imports"]


def test_spread_is_median_and_the_tenths() -> None:
    spread = spread_of([3.0, 1.0, 2.0])
    assert (spread.median, spread.count) == (2.0, 3)
    assert [spread.low, spread.high] == pytest.approx([1.2, 2.8])
    spread = spread_of([float(number) for number in range(101)])
    assert [spread.low, spread.median, spread.high] == pytest.approx([10, 50, 90])
    assert spread_of([4.0]) == Spread(4.0, 4.0, 4.0, 1)
    with pytest.raises(ValueError, match="no values"):
        spread_of([])


def test_ratios_are_of_neighbours() -> None:
    # Every pair has the ratio 2, whatever the machine did meanwhile; the ratio of the medians is 5.
    assert paired_ratios([1, 10, 1], [2, 20, 2]).median == 2
    assert paired_ratios([1, 2, 4], [2, 2, 2]) == spread_of([2, 1, 0.5])
    with pytest.raises(ValueError, match="zip"):
        paired_ratios([1, 2], [1])


def test_runs_are_interleaved_in_turning_order_after_a_warm_up() -> None:
    called: list[str] = []

    def run(name: str) -> int:
        called.append(name)
        return len(called)

    taken = interleave({name: functools.partial(run, name) for name in "ab"}, 2)
    assert "".join(called) == "ababba"
    assert taken == {"a": [3, 6], "b": [4, 5]}


def test_verdict() -> None:
    at = Spread(1.05, 1.0, 1.1, 5)
    assert Result("x", "wall", at, 1.05).verdict == "met"
    assert Result("x", "wall", at, 1.049).verdict == "MISSED"
    assert Result("x", "wall", at).verdict == ""
    assert Result("x", "wall", None, 1.05).verdict == "not run"


@pytest.fixture
def report() -> Report:
    rows = (
        Result("start", "wall", Spread(1.0234, 0.9, 1.2, 20), 1.05),
        Result("page | all", "CPU", Spread(1.5, 1.4, 1.6, 20), 1.25, note="10 ms -> 15 ms"),
        Result("start", "instructions", None, 1.03, note="valgrind is missing"),
        Result("decide", "CPU", Spread(1.5, 1.5, 1.5, 1), 2, unit=" us", digits=2),
    )
    return Report("2026-01-02T03:04:05+00:00", "indexguard 0, pip 1", rows)


def test_text_table(report: Report) -> None:
    lines = report.as_text().splitlines()
    assert lines[0] == "2026-01-02T03:04:05+00:00, indexguard 0, pip 1"
    assert lines[3].split() == ["start", "wall", "<=", "1.05", "1.023", "0.900-1.200", "20", "met"]
    assert lines[4].endswith("MISSED")
    assert lines[5].split()[-2:] == ["not", "run"]
    assert lines[6].split() == ["decide", "CPU", "<=", "2", "us", "1.50", "us", "1", "met"]
    assert "  page | all, CPU: 10 ms -> 15 ms" in lines
    assert lines[-1] == "targets: 2 met, 1 missed, 1 not run"
    assert [result.what for result in report.missed] == ["page | all"]


def test_markdown_table(report: Report) -> None:
    lines = report.as_markdown().splitlines()
    assert lines[0] == "Measured 2026-01-02: indexguard 0, pip 1."
    assert lines[2] == "| what | measure | target | median | p10-p90 | runs | result |"
    assert lines[3] == "|---|---|---|---|---|---|---|"
    assert lines[5] == r"| page \| all | CPU | <= 1.25 | 1.500 | 1.400-1.600 | 20 | **MISSED** |"
    assert lines[6] == "| start | instructions | <= 1.03 |  |  |  | not run |"
    assert lines[-1] == "targets: 2 met, 1 missed, 1 not run."


def test_json(report: Report) -> None:
    tree = json.loads(report.as_json())
    assert [row["verdict"] for row in tree["results"]] == ["met", "MISSED", "not run", "met"]
    assert tree["results"][0]["spread"] == {"median": 1.0234, "low": 0.9, "high": 1.2, "count": 20}


def test_imports_are_told_with_those_that_caused_them() -> None:
    found = parse_import_times(_IMPORTS)
    assert [path for path, _ in found] == [
        ("indexguard.policy.reader", "struct", "_struct"),
        ("indexguard.policy.reader", "struct"),
        ("indexguard.policy.reader", "indexguard._vendor.tomli", "indexguard._vendor.tomli._re"),
        ("indexguard.policy.reader", "indexguard._vendor.tomli"),
        ("indexguard.policy.reader",),
        ("zlib",),
    ]
    assert [seconds for _, seconds in found] == pytest.approx([1e-4, 2e-5, 3e-4, 4e-5, 5e-6, 7e-6])
    groups = [group_of(path) for path, _ in found]
    assert groups == ["own modules", "own modules", "tomli", "tomli", "own modules", None]


def test_a_run_that_fails_is_no_measurement(tmp_path: Path) -> None:
    cost = run_timed([sys.executable, "-I", "-c", "sum(range(100000))"], {}, tmp_path)
    assert cost.wall > 0
    assert cost.cpu > 0
    with pytest.raises(RuntimeError, match=r"(?s)status 3.*because"):
        run_timed([sys.executable, "-I", "-c", "print('because'); raise SystemExit(3)"], {}, tmp_path)


def test_served_pages() -> None:
    dist = Dist("Acme_Core", "1.0", "corp")
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    with StaticIndex([dist]) as index:
        page = urllib.request.Request(f"{index.url}acme-core/", headers=accept)  # noqa: S310 - our own loopback server
        with urllib.request.urlopen(page) as answer:  # noqa: S310 - as above
            (listed,) = json.loads(answer.read())["files"]
        with urllib.request.urlopen(listed["url"]) as answer:  # noqa: S310 - as above
            assert answer.read() == dist.content
        with urllib.request.urlopen(f"{index.url}acme-core/") as answer:  # noqa: S310 - as above
            assert f"#sha256={dist.sha256}" in answer.read().decode()
        with pytest.raises(urllib.error.HTTPError, match="404") as error:
            urllib.request.urlopen(f"{index.url}other/")  # noqa: S310 - as above
        error.value.close()
        assert index.requests == 4


def test_large_pages_without_hashes() -> None:
    listed = [Dist("acme-core", "1.0", "corp")]
    with (
        StaticIndex(listed, html_only=True, hashed=False, padding=100_000) as index,
        urllib.request.urlopen(f"{index.url}acme-core/") as answer,  # noqa: S310 - as above
    ):
        page = answer.read().decode()
    assert [page.count("<a "), page.count("sha256"), len(page) > 100_000] == [1, 0, True]


def test_peak_is_that_of_the_command_alone(tmp_path: Path) -> None:
    held = bytearray(200_000_000)  # ours: no part of what the command holds
    held[::4096] = b"1" * len(held[::4096])
    small = run_for_peak([sys.executable, "-I", "-S", "-c", "pass"], {}, tmp_path)
    large = run_for_peak([sys.executable, "-I", "-S", "-c", "bytearray(60_000_000).count(1)"], {}, tmp_path)
    assert 1_000_000 < small < 60_000_000 < large < 160_000_000
    with pytest.raises(RuntimeError, match=r"(?s)status 3.*because"):
        run_for_peak([sys.executable, "-I", "-c", "print('because'); raise SystemExit(3)"], {}, tmp_path)


def test_large_policy_is_what_it_says() -> None:
    text, names = make_policy()
    assert len(names) == NAMES
    assert text.count('\n    "') == NAMES + PREFIXES
    assert make_policy()[0] == text


def test_all_keys_are_a_policy_that_has_them(tmp_path: Path) -> None:
    records = tmp_path / "records.json"
    records.write_text("{}", encoding="utf-8")
    text = ALL_KEYS.format(records=records, ledger=tmp_path / "ledger.db")
    index = '[indexes.public]\nurl = "pypi"\npackages = ["*"]\n'
    policy = read_policy(f"version = 1\n{index}{text}".encode(), "policy.toml")
    said = (policy.serving, policy.ledger, policy.deny, policy.advisories)
    assert None not in said
    assert policy.typo_action == "block"
    plain = read_policy(f"version = 1\n{index}{OFF}".encode(), "policy.toml")
    assert (plain.serving, plain.ledger, plain.deny, plain.advisories, plain.typosquat) == (None,) * 5
    assert plain.typo_action == "off"


def test_names_of_every_kind() -> None:
    popular = [f"popular-name-{number}" for number in range(1000)]
    kinds = make_names(popular)
    assert make_names(popular) == kinds
    assert {len(names) for names in kinds.values()} == {500}
    assert set(kinds["popular"]) <= set(popular)
    assert not set(kinds["like no other"]) & set(popular)


def test_what_advisories_add_is_told_by_instructions() -> None:
    costs = [Cost(1.0, 0.4), Cost(9.0, 0.8)]
    more = [Cost(1.1, 0.5), Cost(9.0, 1.0)]
    wall, cpu, counted = more_rows("more", costs, more, [[1000.0], [1010.0]])
    assert (wall.target, cpu.target) == (None, None)
    assert counted.spread is not None
    assert counted.spread.median == pytest.approx(4)  # a hundredth of 400 ms, the quickest run
    assert counted.verdict == "met"
    _, cpu = more_rows("more", costs, more, [None, None])
    assert (cpu.target, cpu.verdict) == (5, "MISSED")


def test_log_is_whole_events_of_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write_log(str(path), BLOCK + 5)
    lines = path.read_bytes().splitlines()
    assert (len(lines), len(set(lines))) == (BLOCK + 5, BLOCK)
    stream = LogStream([path])
    assert {event["event"] for event in stream} == {"selected", "not-asked", "shadowed", "refused"}
    assert stream.notes == []


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--runs", "0"], ["--json", "--markdown"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage:" in capsys.readouterr().err


def test_help_names_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    printed = capsys.readouterr().out
    assert all(row in printed for row in ROWS)
