"""No command stumbles over an event whose fields are of another type than they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from integration.harness.cases import read_cases

from support.logged import CORP, MIRROR, RULE, event, file_of, sealed, selected, write
from support.shell import Shell

CASES = read_cases(__file__)

ODD: list[Any] = [
    None,
    True,
    -1,
    1.5,
    "",
    "\x1b[2J\n",
    "\ud800",
    [],
    [None],
    [["x"]],
    {},
    {"version": 5, "url": [1]},
    [{"file": {}}],
]

WHOLE = [
    selected(1, "acme-core", rule=RULE, requested_by=["app"], ci={"provider": "gitlab-ci", "job": None}),
    sealed(2, 2),
    event(
        3,
        "dropped",
        "version-not-allowed",
        name="numpy",
        versions=["1.0"],
        index_asked=CORP,
        index_answered=f"{CORP}numpy/",
        offered=[file_of("numpy", "1.0", CORP)],
    ),
    event(4, "refused", "direct-url", name="flask", index_asked="https://files.example/flask.zip"),
    event(5, "would-refuse", "unclaimed-internal", name="flask", index_asked=MIRROR),
]

POLICY = CASES["policy"]


@pytest.fixture
def log(tmp_path: Path) -> str:
    """Each field of some events with each odd value, and each field left out."""
    odd = [{**one, key: value} for one in WHOLE for key in one for value in ODD]
    bare = [{key: value for key, value in one.items() if key != missing} for one in WHOLE for missing in one]
    return write(tmp_path / "audit.jsonl", *odd, *bare, selected(6, "acme-web"))


@pytest.mark.parametrize("option", [[], ["--json"]])
@pytest.mark.parametrize(
    "command", ["log --last 9999", "log summary --top 9999", "log runs --last 9999", "log who-from acme* numpy",
                "log replay policy.toml", "log record"]
)  # fmt: skip
def test_odd_fields(shell: Shell, log: str, command: str, option: list[str]) -> None:
    (shell.home / "policy.toml").write_text(POLICY)
    answer = shell(*command.split(), *option, "--file", log)
    assert answer.code in (0, 1)
    assert answer.out
    assert "not a whole event" in answer.err
    assert not any(char in answer.out + answer.err for char in "\x1b\ud800")


@pytest.mark.parametrize(
    "option", ["--name=a*", "--code=direct-url", "--index=x", "--rule=x", "--event=sealed", "--run=x"]
)
def test_odd_fields_and_a_filter(shell: Shell, log: str, option: str) -> None:
    answer = shell("log", "--json", option, log)
    assert answer.code == 0
    assert all("event" in json.loads(line) for line in answer.out.splitlines())
