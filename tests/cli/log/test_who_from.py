"""Which index did it come from?"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.logged import CORP, MIRROR, RULE, sealed, selected, write
from support.shell import Shell


@pytest.fixture
def log(tmp_path: Path) -> str:
    """One name in two environments, downloaded, for a build, and in a run that failed."""
    good, bad, other = ({"run": letter * 16} for letter in "abc")
    return write(
        tmp_path / "audit.jsonl",
        selected(1, "acme-core", "1.0", MIRROR, run="0" * 16),
        selected(2, "acme-core", "1.1", rule=RULE, requested_by=["app", "acme-web"], **good),
        sealed(3, 2, 0, **good),
        selected(4, "acme-core", "1.2", MIRROR, **bad),
        sealed(5, 2, 1, **bad),
        selected(6, "acme-core", "0.9", prefix="/srv/venv", **other),
        selected(7, "acme-core", "0.8", command=["/usr/bin/pip", "download", "acme-core"], run="d" * 16),
        selected(8, "acme-core", "0.7", parent_run="a" * 16, run="e" * 16),
        selected(9, "numpy", "2.0", MIRROR, run="f" * 16),
    )


def test_last_choice_of_each_environment(shell: Shell, log: str) -> None:
    answer = shell("log", "who-from", "--json", "--file", log, "Acme_Core")
    found = {(row["use"], row["prefix"]): row for row in answer.json["found"]}
    assert {key: row["version"] for key, row in found.items()} == {
        ("installed", "/home/ann/venv"): "1.1",
        ("installed", "/srv/venv"): "0.9",
        ("downloaded", "/home/ann/venv"): "0.8",
        ("for a build", "/home/ann/venv"): "0.7",
    }
    installed = found["installed", "/home/ann/venv"]
    assert (installed["index"], installed["run"], installed["rule"]) == (CORP, "a" * 16, RULE)
    assert installed["file"] == "acme_core-1.1-py3-none-any.whl"
    assert installed["hash"] == f"sha256:{'0' * 64}"
    assert answer.json["failed"] == 1
    assert answer.code == 0


def test_text(shell: Shell, log: str) -> None:
    answer = shell(
        "log", "who-from", "--file", log, "--prefix", "/home/ann/venv", "--until", "2026-11-26T00:06Z", "acme-*"
    )
    assert answer.out.splitlines() == [
        f"acme-core 1.1 from {CORP}",
        "  file         acme_core-1.1-py3-none-any.whl",
        f"  hash         sha256:{'0' * 64}",
        "  installed    2026-11-26T00:02:00.000Z by run aaaaaaaaaaaaaaaa",
        "  in           /home/ann/venv on laptop",
        "  required by  app > acme-web",
        "  under        /etc/indexguard/policy.toml indexes.corp.namespaces[0]",
    ]
    assert answer.err == "1 choice of runs that failed left out\n"


def test_name_that_was_never_chosen(shell: Shell, log: str) -> None:
    answer = shell("log", "who-from", "--json", "--file", log, "numpy", "Nobody")
    assert answer.code == 1
    assert [row["name"] for row in answer.json["found"]] == ["numpy"]
    assert answer.json["missing"] == ["nobody"]
    assert "nobody: the log has no run that chose a file of it" in answer.err


def test_other_machine(shell: Shell, log: str) -> None:
    assert shell("log", "who-from", "--file", log, "--host", "server", "numpy").code == 1
    assert shell("log", "who-from", "--file", log, "--host", "laptop", "numpy").code == 0


def test_log_without_the_later_fields(shell: Shell, tmp_path: Path) -> None:
    event = selected(1, "numpy", "2.0", MIRROR, message="numpy-2.0.tar.gz sha256=ab12", executable="/usr/bin/python3")
    for key in ("prefix", "chosen", "offered", "requested_by"):
        del event[key]
    (row,) = shell("log", "who-from", "--json", "--file", write(tmp_path / "audit.jsonl", event), "numpy").json["found"]
    assert (row["file"], row["hash"], row["version"], row["index"], row["prefix"]) == (
        "numpy-2.0.tar.gz",
        "sha256:ab12",
        "2.0",
        MIRROR,
        "/usr/bin/python3",
    )


@pytest.mark.parametrize("name", ["a==1", "*x", "-", "https://mirror.example/"])
def test_what_is_no_name(shell: Shell, log: str, name: str) -> None:
    answer = shell("log", "who-from", "--file", log, "--", name)
    assert answer.code == 2
    assert "is not a project name" in answer.err
