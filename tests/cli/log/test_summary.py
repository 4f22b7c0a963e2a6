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
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"indexguard: there is no event in {tmp_path / 'audit.jsonl'}\n"
    assert (
        shell("log", "summary", "--json", str(tmp_path)).code,
        shell("log", "summary", "--json", str(tmp_path)).out,
    ) == (2, "")


AUDIT = {"layer": "machine", "file": "/etc/indexguard/policy.toml", "sha256": "0" * 64, "mode": "audit"}


@pytest.mark.parametrize("engine", ["python", "duckdb"])
def test_what_deserves_a_look(shell: Shell, tmp_path: Path, engine: str) -> None:
    enforced = [{**AUDIT, "mode": "enforce"}, AUDIT]
    one = selected(1, "acme-core", "99.0", MIRROR, host="audits", policy=[AUDIT])
    one["chosen"] = {**one["chosen"], "index": MIRROR, "origin": "other"}
    own = selected(2, "acme-web", host="fine", policy=enforced)
    own["chosen"] = {**own["chosen"], "origin": "own"}
    drill = event(3, "refused", "unmatched-name", name="drilled", host="drilling", drill=True)
    same = {"host": "fine", "policy": enforced, "run": "f" * 16}
    # One refused install: two events of one run, and what the pip of its build has said before.
    refused = [
        event(4, "refused", "shadowed-name", name="acme-x", **{**same, "run": "c" * 16, "parent_run": "f" * 16}),
        event(5, "refused", "unknown-index", name="acme-x", **same),
        event(6, "refused", "shadowed-name", name="acme-x", **same),
    ]
    log = write(tmp_path / "audit.jsonl", one, own, drill, *refused, selected(7, "numpy", host="bare", policy=[]))
    answer = shell("log", "summary", "--engine", engine, log)
    assert answer.code == 0, answer.err
    assert "1 refusal\n" in answer.out
    assert "machines without policy or only audit: 2\n" in answer.out
    assert "bare: no policy" in answer.out
    assert "audits: only audit" in answer.out
    assert "files that did not come from the name's own index: 1\n" in answer.out
    assert f"acme-core 99.0 from {MIRROR}" in answer.out
    assert "drilled" not in answer.out
    assert "fine" not in answer.out
    found = shell("log", "summary", "--json", "--engine", engine, log).json
    assert (found["refusals"], found["events"]) == (1, 6)
    assert [(row["host"], row["state"]) for row in found["unenforced"]] == [
        ("bare", "no policy"),
        ("audits", "only audit"),
    ]
    assert [(row["name"], row["version"], row["index"]) for row in found["strays"]] == [("acme-core", "99.0", MIRROR)]
    assert shell("log", "summary", "--json", "--drills", "--engine", engine, log).json["events"] == 7
    options = {"--host": "bare", "--user": "nobody", "--ci": "", "--without-policy": None, "--audit": None}
    counts = {}
    for option, value in options.items():
        words = [option] if not value else [option, value]
        counts[option] = shell("log", "summary", "--json", "--engine", engine, log, *words).json["events"]
    assert counts == {"--host": 1, "--user": 0, "--ci": 0, "--without-policy": 1, "--audit": 5}


@pytest.mark.parametrize("engine", ["python", "duckdb"])
def test_temporary_folders_are_one_index(shell: Shell, tmp_path: Path, engine: str) -> None:
    # ensurepip has its wheels in a new folder each time.
    urls = [f"file:///tmp/tmp{letter * 8}" for letter in "abc"] + ["file:///tmp/tmpfiles/", "file:///srv/wheels/"]
    log = write(tmp_path / "audit.jsonl", *(selected(place, "pip", index=url) for place, url in enumerate(urls)))
    rows = shell("log", "summary", "--json", "--engine", engine, log).json["by_index"]
    assert {row["index"]: row["events"] for row in rows} == {
        "file:///tmp/tmp...": 3, "file:///tmp/tmpfiles/": 1, "file:///srv/wheels/": 1
    }  # fmt: skip


def test_nothing_that_matches_is_said(shell: Shell, log: str, tmp_path: Path) -> None:
    for engine in ("python", "duckdb"):
        answer = shell("log", "summary", "--engine", engine, "--name", "nobody", log)
        assert (answer.code, answer.err) == (0, "no event matches\n")
    answer = shell("log", "summary", "--engine", "duckdb", write(tmp_path / "empty.jsonl"))
    assert (answer.code, answer.err) == (2, "indexguard: there is no event in 1 file\n")
