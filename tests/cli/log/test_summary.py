"""The summary as its reader sees it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from integration.harness.cases import read_cases

from support.logged import CORP, MIRROR, event, selected, write
from support.shell import Shell

CASES = read_cases(__file__)


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A log in which one name is shadowed."""
    return write(
        tmp_path / "audit.jsonl",
        selected(1, "numpy", index=MIRROR),
        selected(2, "acme-core"),
        event(3, "shadowed", "shadowed-name", name="acme-core", index_asked=MIRROR),
        event(4, "refused", "unmatched-name", name="evil\x1b[2J", index_asked=MIRROR),
    )


def test_text(shell: Shell, log: str) -> None:
    answer = shell("log", "summary", log)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == CASES["text"]


def test_json(shell: Shell, log: str) -> None:
    found = shell("log", "summary", "--json", log).json
    assert (found["events"], found["last"]) == (4, "2026-11-26T00:04:00.000Z")
    assert [row["name"] for row in found["by_name"]] == ["acme-core", "evil\x1b[2J", "numpy"]
    assert found["by_name"][0]["indexes"] == sorted([CORP, MIRROR])
    assert found["by_code"][0] == {
        "code": "shadowed-name",
        "events": 1,
        "first": "2026-11-26T00:03:00.000Z",
        "last": "2026-11-26T00:03:00.000Z",
    }


def test_only_the_first_names(shell: Shell, log: str) -> None:
    out = shell("log", "summary", "--top", "1", log).out
    assert "other names: the first 1 of 2" in out
    assert "numpy" not in out
    assert shell("log", "summary", "--top", "0", log).code == 2


def test_filter(shell: Shell, log: str) -> None:
    assert (
        shell("log", "summary", "--json", "--name", "acme-*", "--until", "2026-11-26T00:03Z", log).json["events"] == 1
    )


def test_several_files(shell: Shell, log: str, tmp_path: Path) -> None:
    packed = tmp_path / "audit-20261126T000000.000000Z.jsonl.gz"
    packed.write_bytes(gzip.compress(Path(log).read_bytes()))
    assert shell("log", "summary", "--json", str(tmp_path)).json["events"] == 8
    assert shell("log", "summary", "--json", str(packed), log).json["events"] == 8


def test_nothing_to_count(shell: Shell, tmp_path: Path) -> None:
    answer = shell("log", "summary", write(tmp_path / "audit.jsonl"))
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == f"there is no event in {tmp_path / 'audit.jsonl'}\n"
    found = shell("log", "summary", "--json", str(tmp_path)).json
    assert found == {
        "events": 0,
        "first": None,
        "last": None,
        "by_event": [],
        "by_code": [],
        "by_index": [],
        "by_name": [],
    }
