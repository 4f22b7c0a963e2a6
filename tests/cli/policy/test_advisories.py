"""``indexguard advisories``: what sources hold, and their indexes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from integration.bench.advisories import make_record, write_folder

from indexguard.advisories import store
from support.shell import Shell


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the indexes, which is not the machine's."""
    folder = tmp_path / "indexes"
    monkeypatch.setattr(store, "machine_folder", lambda: str(folder))
    return folder


def test_check_counts_and_writes_nothing(shell: Shell, tmp_path: Path, kept: Path) -> None:
    folder = write_folder(tmp_path / "mirror", 5)
    gone = folder / "osv/withdrawn/pypi/gentle"
    gone.mkdir(parents=True)
    (gone / "MAL-2026-9.json").write_text(
        json.dumps(make_record("gentle", "MAL-2026-9", ["1"], withdrawn="2026-01-01"))
    )
    answer = shell("advisories", "check", str(folder))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == (f"{folder}: 5 records count (MAL-)\n  names 5, files by their sha256 4; 1 withdrawn\n")
    assert not kept.exists()
    described = shell("advisories", "check", "--json", str(folder)).json["sources"][0]
    assert (described["records"], described["withdrawn"], described["index"]) == (5, 1, None)


def test_texts_that_are_no_record_are_listed(shell: Shell, tmp_path: Path) -> None:
    for number in range(22):
        (tmp_path / f"{number:02}.json").write_text("{")
    (tmp_path / "good.json").write_text(json.dumps(make_record("a", "MAL-1", ["1"])))
    answer = shell("advisories", "check", str(tmp_path))
    assert answer.code == 1
    assert "  no record: 22\n    00.json: it is not JSON\n" in answer.out
    assert "    and 2 more\n" in answer.out


def test_source_without_a_record_that_counts(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps([make_record("a", "PYSEC-1", ["1"]), {"id": "MAL-2", "affected": []}]))
    answer = shell("advisories", "check", str(path))
    assert answer.code == 1
    assert "0 records count (MAL-)" in answer.out
    assert "1 of other kinds, 1 of other ecosystems" in answer.out
    assert shell("advisories", "check", "--kind", "PYSEC-", str(path)).code == 0


@pytest.mark.parametrize("command", ["check", "build"])
def test_source_that_cannot_be_read(shell: Shell, tmp_path: Path, command: str) -> None:
    answer = shell("advisories", command, str(tmp_path / "nothing"))
    assert answer.code == 2
    assert answer.err == f"indexguard: cannot read {tmp_path}/nothing: it is not there\n"


def test_build_keeps_the_index_that_runs_find(shell: Shell, tmp_path: Path, kept: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps(make_record("a", "MAL-1", ["1"])))
    policy = shell.policy('version = 1\n[advisories]\npaths = ["records.json"]\n')
    path.rename(policy.parent / "records.json")
    answer = shell("advisories", "build")
    assert (answer.code, answer.err) == (0, "")
    (index,) = kept.iterdir()
    assert f"  index {index}\n" in answer.out
    assert shell("advisories").code == 0
    assert "1 record counts (MAL-)" in shell("advisories").out


def test_index_that_cannot_be_kept_is_told(shell: Shell, tmp_path: Path, kept: Path) -> None:
    kept.write_text("")
    path = tmp_path / "records.json"
    path.write_text(json.dumps(make_record("a", "MAL-1", ["1"])))
    answer = shell("advisories", "build", str(path))
    assert answer.code == 1
    assert "cannot be kept" in answer.out


def test_no_policy_goes_by_advisories(shell: Shell) -> None:
    answer = shell("advisories")
    assert answer.code == 0
    assert "no policy goes by advisories" in answer.out


def test_kind_is_for_paths(shell: Shell) -> None:
    answer = shell("advisories", "build", "--kind", "MAL-")
    assert answer.code == 2
    assert "--kind needs a PATH" in answer.err


def test_policy_with_a_fault(shell: Shell) -> None:
    shell.policy("version = 1\n[advisories]\n")
    assert shell("advisories").code == 2
