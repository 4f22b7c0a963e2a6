"""One line for each run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexguard.cli.log import runs
from support.logged import event, sealed, selected, write
from support.shell import Shell

CI = {"provider": "github-actions", "job": "build", "run": "7", "repository": "acme/app", "ref": "refs/heads/main"}


@pytest.fixture
def log(tmp_path: Path) -> str:
    """Three runs at once: one refused, one fine, one killed."""
    first, second, third = ({"run": f"{letter * 16}"} for letter in "abc")
    return write(
        tmp_path / "audit.jsonl",
        selected(1, "numpy", **second, ci=CI),
        event(0, "refused", "unmatched-name", name="evil", **first),
        selected(2, "acme-core", **third, parent_run="a" * 16, command=["pip", "install", "\x1b[2J"]),
        sealed(3, 2, 1, **first),
        sealed(4, 3, 0, **second, ci=CI),
    )


def test_text(shell: Shell, log: str) -> None:
    answer = shell("log", "runs", log)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        (
            "2026-11-26T00:00:00.000Z  aaaaaaaaaaaaaaaa  ann@laptop  1 refused, 0 selected  exit 1"
            "  unmatched-name: evil  pip install app"
        ),
        (
            "2026-11-26T00:01:00.000Z  bbbbbbbbbbbbbbbb  ann@laptop  github-actions acme/app build  0 refused, 1 selected"
            "  exit 0, 2 of 3 events  selected: numpy  pip install app"
        ),
        (
            "2026-11-26T00:02:00.000Z  cccccccccccccccc  ann@laptop  0 refused, 1 selected  unsealed"
            "  started by aaaaaaaaaaaaaaaa  selected: acme-core  pip install \\x1b[2J"
        ),
    ]


def test_json(shell: Shell, log: str) -> None:
    first, second, third = map(json.loads, shell("log", "runs", "--json", log).out.splitlines())
    assert (first["events"], first["events_written"], first["exit"], first["sealed"]) == (2, 2, 1, True)
    assert second["ci"] == CI
    assert (third["events_written"], third["exit"], third["sealed"], third["parent_run"]) == (
        None,
        None,
        False,
        "a" * 16,
    )


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        (["--last", "1"], "c"),
        (["--event", "refused"], "a"),
        (["--name", "num*"], "b"),
        (["--run", "aaaa"], "ac"),
        (["--since", "2026-11-26T00:03Z"], "ab"),
        (["--until", "2026-11-26T00:01Z"], "a"),
    ],
)
def test_runs_with_an_event_that_matches_are_shown_whole(shell: Shell, log: str, options: list[str], runs: str) -> None:
    found = [json.loads(line) for line in shell("log", "runs", "--json", *options, log).out.splitlines()]
    assert [run["run"][0] for run in found] == list(runs)
    assert all(run["events"] == {"a": 2, "b": 2, "c": 1}[run["run"][0]] for run in found)


def test_exit_code_that_is_not_known(shell: Shell, tmp_path: Path) -> None:
    log = write(tmp_path / "audit.jsonl", sealed(1, 1, None), event(2, "refused", run="", user="", host=""))
    first, second = shell("log", "runs", log).out.splitlines()
    assert "  exit not known  " in first
    assert second.startswith("2026-11-26T00:02:00.000Z  no run id  @  1 refused")


def test_runs_without_end_do_not_fill_the_memory(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_MOST_OPEN", 3)
    log = write(tmp_path / "audit.jsonl", *(event(number, "refused", run=f"{number:016}") for number in range(9)))
    assert len(shell("log", "runs", log).out.splitlines()) == 9


def test_no_whole_program_and_one_refusal_for_one_name(shell: Shell, tmp_path: Path) -> None:
    program = "import sys; " * 400
    many = [
        selected(place, f"name-{place}", command=["python", "-c", program, "install", "x" * 500]) for place in range(12)
    ]
    refused = [event(20, "refused", code, name="evil") for code in ("unknown-index", "unmatched-name")]
    answer = shell("log", "runs", write(tmp_path / "audit.jsonl", *many, *refused))
    (line,) = answer.out.splitlines()
    assert "1 refused, 12 selected" in line
    assert "unknown-index, unmatched-name: evil" in line
    assert "selected: name-0, name-1, name-2, name-3, name-4, name-5, name-6, name-7 and 4 more" in line
    assert "python -c ... install xxx" in line
    assert len(line) < 500
