"""A policy that is made from a log allows what the log saw."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from integration.harness.cases import read_cases

from indexguard.patterns import normalise_name
from indexguard.policy.reader import read_policy
from indexguard.survey.pip_facts import ask_pip
from support.logged import CORP, MIRROR, RULE, event, selected, write
from support.shell import Shell

CASES = read_cases(__file__)

TEAM = "http://team.example:8080/simple/"


@pytest.fixture(scope="module")
def public() -> str:
    """The public index, as this pip knows it."""
    return str(ask_pip().pypi)


def owners(policy: str, name: str) -> tuple[str, ...]:
    rule = read_policy(policy.encode(), "policy.toml").rules.find(normalise_name(name))
    return () if rule is None else rule.indexes


def events(public: str) -> list[dict[str, Any]]:
    """Return choices of names that one index has, and of some that are to be decided."""
    return [
        selected(1, "acme-core"),
        selected(2, "acme-core", "1.1"),
        selected(3, "billing-models", index=TEAM),
        selected(4, "flask", index=public),
        selected(5, "numpy", index=public),
        selected(6, "numpy"),
        selected(7, "moved", index_answered=f"{MIRROR}moved/"),
        event(8, "would-refuse", "unclaimed-internal", name="flask", index_asked=CORP, versions=["1.0"], files=1),
        selected(9, "local", index="file:///wheels/"),
        selected(10, "direct", index_asked="https://files.example/direct-1.0.tar.gz", index_answered=None),
        selected(11, "not a name"),
    ]


def test_policy(shell: Shell, tmp_path: Path, public: str) -> None:
    answer = shell("log", "record", write(tmp_path / "audit.jsonl", *events(public)))
    assert answer.code == 0
    assert answer.out == CASES["policy"]
    assert answer.err.splitlines() == [
        "left out: 1 choice, because it was a local file",
        "left out: 1 choice, because it came by a URL and from no index",
        "left out: 1 choice, because its name is not a project name",
        "to be decided: 3 names, named at the top of the policy",
    ]


def test_replay_of_what_came_from_one_index_changes_nothing(shell: Shell, tmp_path: Path, public: str) -> None:
    log = write(tmp_path / "audit.jsonl", *events(public))
    policy = tmp_path / "policy.toml"
    assert shell("log", "record", "--output", str(policy), log).code == 0
    answer = shell("log", "replay", "--json", str(policy), log)
    assert {row["name"] for row in answer.json["would_be_refused"]} == {"numpy", "moved"}
    certain = [f"--name={name}" for name in ("acme-core", "billing-models", "flask", "local", "direct")]
    answer = shell("log", "replay", "--json", *certain, str(policy), log)
    assert answer.code == 0
    assert (answer.json["would_be_refused"], answer.json["would_pass"]) == ([], [])
    assert answer.json["unchanged"] == 5


def test_file(shell: Shell, tmp_path: Path) -> None:
    log = write(tmp_path / "audit.jsonl", selected(1, "acme-core"), selected(2, "flask", index=MIRROR))
    path = tmp_path / "new" / "policy.toml"
    answer = shell("log", "record", "--public", MIRROR, "--mode", "audit", "--output", str(path), log)
    assert (answer.code, answer.out, answer.err) == (0, "", f"wrote {path}\n")
    text = path.read_text()
    policy = read_policy(text.encode(), str(path))
    assert policy.mode == "audit"
    assert [(index.name, index.public) for index in policy.indexes] == [
        ("packages-corp-example", False),
        ("mirror-example", True),
    ]
    assert (owners(text, "acme-core"), owners(text, "anything")) == (("packages-corp-example",), ("mirror-example",))
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    answer = shell("log", "record", "--public", MIRROR, "--output", str(path), log)
    assert answer.code == 2
    assert "with --force it is overwritten" in answer.err
    assert shell("log", "record", "--public", MIRROR, "--output", str(path), "--force", log).code == 0
    assert read_policy(path.read_bytes(), str(path)).mode == "enforce"


def test_without_a_public_index_other_names_are_refused_unless_one_gets_them(shell: Shell, tmp_path: Path) -> None:
    log = write(tmp_path / "audit.jsonl", selected(1, "acme-core"), selected(2, "flask", index=MIRROR))
    text = shell("log", "record", log).out
    assert "A name that is not listed here is refused" in text
    assert (owners(text, "flask"), owners(text, "anything")) == (("mirror-example",), ())
    text = shell("log", "record", "--rest", MIRROR, log).out
    assert (owners(text, "flask"), owners(text, "anything")) == (("mirror-example",), ("mirror-example",))
    assert '"flask"' not in text


def test_json(shell: Shell, tmp_path: Path, public: str) -> None:
    found = shell("log", "record", "--json", write(tmp_path / "audit.jsonl", *events(public))).json
    assert owners(found["policy"], "acme-core") == ("packages-corp-example",)
    assert [row["name"] for row in found["undecided"]] == ["flask", "moved", "numpy"]
    assert found["by_rest"] == 1
    assert {row["name"]: row["packages"] for row in found["indexes"]} == {
        "packages-corp-example": ["acme-core"],
        "team-example-8080": ["billing-models"],
        "pypi": ["*"],
    }


def test_log_that_tells_nothing(shell: Shell, tmp_path: Path, public: str) -> None:
    answer = shell("log", "record", write(tmp_path / "audit.jsonl", event(1, "refused", "unmatched-name", name="x")))
    assert (answer.code, answer.out) == (2, "")
    assert "the log tells of no file that pip chose from an index" in answer.err
    log = write(tmp_path / "audit.jsonl", selected(1, "flask", index=public))
    answer = shell("log", "record", log)
    assert (answer.code, answer.out) == (2, "")
    assert "to refuse every other index from now on: --rest pypi" in answer.err
    assert owners(shell("log", "record", "--rest", "pypi", log).out, "flask") == ("pypi",)


def test_nothing_is_written_where_everything_is_to_be_decided(shell: Shell, tmp_path: Path, public: str) -> None:
    both = [selected(1, "numpy"), selected(2, "numpy", index=public)]
    answer = shell("log", "record", write(tmp_path / "audit.jsonl", *both))
    assert (answer.code, answer.out) == (2, "")
    assert "    numpy: chosen from packages-corp-example (1 time), chosen from pypi (1 time)\n" in answer.err


@pytest.mark.parametrize("option", ["--rest", "--public"])
def test_index_that_is_none(shell: Shell, tmp_path: Path, option: str) -> None:
    answer = shell("log", "record", option, "not a url", write(tmp_path / "audit.jsonl", selected(1, "acme-core")))
    assert answer.code == 2
    assert "expected the URL of an index" in answer.err


AUDIT = [{"layer": "machine", "file": "/etc/indexguard/policy.toml", "sha256": "0" * 64, "mode": "audit"}]


def came(minute: int, name: str, index: str, origin: str, rule: dict[str, Any] | None = RULE) -> dict[str, Any]:
    """Return a choice that was made under a policy."""
    made = selected(minute, name, index=index, rule=rule, policy=AUDIT)
    return {**made, "chosen": {**made["chosen"], "index": index, "origin": origin}}


def shadow(minute: int, name: str, rule: dict[str, Any] | None = RULE) -> dict[str, Any]:
    """Return what a layer in audit mode says of a squatter."""
    return event(minute, "would-refuse", "shadowed-name", name=name, index_asked=MIRROR, rule=rule, policy=AUDIT)


def test_squatter_is_never_proposed(shell: Shell, tmp_path: Path) -> None:
    # In audit mode pip has installed the squatter's file: nothing else was chosen of that name.
    log = write(
        tmp_path / "audit.jsonl",
        shadow(1, "acme-core"),
        came(2, "acme-core", MIRROR, "other"),
        selected(3, "team", index=TEAM),
    )
    answer = shell("log", "record", "--public", MIRROR, "--rest", MIRROR, log)
    assert answer.code == 0, answer.err
    told = " ".join(answer.out.replace("#", "").split())
    assert "acme-core: chosen from mirror-example (1 time), a squatter on mirror-example, belongs to corp by " in told
    assert '"acme-core"' not in answer.out
    # An older guard told neither origin nor rule.
    log = write(
        tmp_path / "old.jsonl",
        shadow(1, "acme-x", None),
        selected(2, "acme-x", index=MIRROR),
        selected(3, "team", index=TEAM),
    )
    assert '"acme-x"' not in shell("log", "record", log).out
    # From its own index it came as well: that it is.
    log = write(
        tmp_path / "both.jsonl", shadow(1, "acme-y", None), selected(2, "acme-y", index=MIRROR), selected(3, "acme-y")
    )
    assert owners(shell("log", "record", log).out, "acme-y") == ("packages-corp-example",)


def test_claims_of_the_logs_own_rules_are_honoured(shell: Shell, tmp_path: Path) -> None:
    log = write(
        tmp_path / "audit.jsonl",
        came(1, "acme-core", CORP, "own"),
        shadow(2, "acme-web"),
        came(3, "acme-web", MIRROR, "other"),
        came(4, "flask", MIRROR, "own", {**RULE, "pattern": "*", "key": "indexes.public.packages[0]"}),
    )
    answer = shell("log", "record", "--public", MIRROR, log)
    assert answer.code == 0, answer.err
    assert 'packages = ["acme", "acme-*"]' in answer.out
    for name in ("acme-core", "acme-web", "acme-new"):
        assert owners(answer.out, name) == ("packages-corp-example",)
    assert owners(answer.out, "flask") == ("mirror-example",)
    assert "TO BE DECIDED" not in answer.out


def test_drills_are_no_ground_for_a_policy(shell: Shell, tmp_path: Path) -> None:
    log = write(tmp_path / "audit.jsonl", selected(1, "acme-core"), selected(2, "drilled", index=TEAM, drill=True))
    assert "drilled" not in shell("log", "record", log).out
