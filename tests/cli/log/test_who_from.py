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
    answer = shell("log", "who-from", "--all", "--json", "--file", log, "Acme_Core")
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


PIP = "/usr/bin/pip"
MODULE = ("/usr/bin/python", "-m", "pip")


@pytest.mark.parametrize(
    ("use", "command"),
    [
        ("tried", [PIP, "install", "--dry-run", "acme-core"]),
        ("tried", [*MODULE, "-v", "install", "acme-core", "--dry"]),
        ("tried", [*MODULE, "--log", "download", "install", "--dr", "acme-core"]),
        ("downloaded", [PIP, "download", "-r", "install"]),
        ("downloaded", [*MODULE, "--cache-dir", "install", "download", "acme-core"]),
        ("locked", [PIP, "lock", "acme-core"]),
        ("built into a wheel", [PIP, "wheel", "acme-core", "install"]),
        ("looked up", [PIP, "index", "versions", "acme-core"]),
        ("looked up", [PIP, "list", "--outdated"]),
        ("resolved", ["/srv/venv/bin/pip-compile", "requirements.in"]),
    ],
)
def test_what_installs_nothing_is_not_where_the_package_came_from(
    shell: Shell, tmp_path: Path, use: str, command: list[str]
) -> None:
    installed = selected(1, "acme-core", "1.0", run="a" * 16)
    later = selected(2, "acme-core", "9.0", MIRROR, command=command, run="b" * 16)
    log = write(tmp_path / "audit.jsonl", installed, sealed(3, 2, 0, run="b" * 16), later)
    answer = shell("log", "who-from", "--json", "--file", log, "acme-core")
    assert [(row["use"], row["version"]) for row in answer.json["found"]] == [("installed", "1.0")]
    assert answer.json["not_installed"] == 1
    assert f"1 choice left out that installed nothing ({use}): --all shows them" in answer.err
    rows = shell("log", "who-from", "--all", "--json", "--file", log, "acme-core").json["found"]
    assert {row["use"]: row["version"] for row in rows} == {"installed": "1.0", use: "9.0"}
    alone = write(tmp_path / "alone.jsonl", later)
    answer = shell("log", "who-from", "--file", alone, "acme-core")
    assert (answer.code, answer.out) == (1, "")
    assert "acme-core: the log has no run that installed a file of it and ended well" in answer.err


@pytest.mark.parametrize(
    "command",
    [[PIP, "install", "acme-core"], [*MODULE, "install", "--", "--dry-run"], [PIP, "--proxy", "lock", "install", "x"],
     [PIP, "install", "download", "--d", "lock"], ["/srv/tool"], []],
)  # fmt: skip
def test_what_may_have_installed_it_is_shown(shell: Shell, tmp_path: Path, command: list[str]) -> None:
    log = write(tmp_path / "audit.jsonl", selected(1, "acme-core", "1.0", command=command))
    assert shell("log", "who-from", "--file", log, "acme-core").code == 0


def test_name_that_was_never_chosen(shell: Shell, log: str) -> None:
    answer = shell("log", "who-from", "--json", "--file", log, "numpy", "Nobody")
    assert answer.code == 1
    assert [row["name"] for row in answer.json["found"]] == ["numpy"]
    assert answer.json["missing"] == ["nobody"]
    assert "nobody: the log has no run that installed a file of it" in answer.err


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
