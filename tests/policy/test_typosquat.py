"""What ``[typosquat]`` says: its keys, another list of popular names, what is odd about it, and what a log is judged by."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from indexguard.cli.policy.lints import lint_policy
from indexguard.errors import PolicyError
from indexguard.logs.replay import Replay
from indexguard.patterns import Name
from indexguard.policy.identity import PYPI as PYPI_PLACE
from indexguard.policy.identity import Location, parse_location
from indexguard.policy.layers import find_layers
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy
from indexguard.policy.serving.typosquat import TyposquatSettings, read_names
from indexguard.policy.trust import VARIABLE
from support.logged import event

BASE = """
version = 1
[indexes.corp]
url = "https://packages.corp.example/simple/"
namespaces = ["acme"]
[indexes.pypi]
url = "pypi"
packages = ["*"]
[typosquat]
"""
TODAY = date(2026, 11, 30)


def layer_of(text: str) -> Layer:
    """Return a layer with some more lines."""
    return Layer("user", "/policy.toml", "0" * 64, read_policy((BASE + text).encode(), "/policy.toml"))


def test_by_default_a_near_miss_is_told() -> None:
    policy = read_policy(BASE.replace("[typosquat]", "").encode(), "/policy.toml")
    assert (policy.typo_action, policy.typosquat) == ("warn", None)


def test_names_to_protect_are_normalised() -> None:
    policy = layer_of('action = "block"\nprotect = ["Foo_Bar", "baz"]').policy
    assert policy.typo_action == "block"
    assert policy.typosquat == TyposquatSettings(frozenset({Name("foo-bar"), Name("baz")}))


def test_another_list_is_read_beside_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "policy.toml"
    file.write_text(BASE + 'names-file = "names.txt"', encoding="utf-8")
    (tmp_path / "names.txt").write_text("# ours\nFrobnicate\n", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(file))
    found = find_layers()
    (layer,) = [layer for layer in found.layers if layer.kind == "environment"]
    assert layer.policy.typosquat is not None
    assert layer.policy.typosquat.names == ("frobnicate",)
    assert str(tmp_path / "names.txt") in found.vital_places, "nothing that is installed may write it"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no file"),
        (b"", "holds no name"),
        (b"# nothing\n", "holds no name"),
        (b"foo\nfoo bar\n", "line 2 is no project name"),
        (b"\xff\xfe", "is no list of project names"),
    ],
)
def test_a_list_that_is_none_is_a_fault_of_the_policy(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(PolicyError) as caught:
        read_names(TyposquatSettings(names_file="names.txt"), str(tmp_path / "policy.toml"), "environment", None)
    (fault,) = caught.value.faults
    assert fault.key == "typosquat.names-file"
    assert told in fault.message


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('action = "off"\nprotect = ["foo"]', "typosquat"),
        ('protect = ["acme-core"]', "typosquat.protect"),
        ('action = "block"', ""),
    ],
)
def test_what_is_odd_is_said(text: str, key: str) -> None:
    keys = [lint.key for lint in lint_policy(layer_of(text).policy, TODAY) if lint.key.startswith("typosquat")]
    assert keys == ([key] if key else [])


def test_block_without_a_star_is_odd() -> None:
    policy = read_policy((BASE.replace('"*"', '"foo"') + 'action = "block"').encode(), "/policy.toml")
    assert "typosquat.action" in [lint.key for lint in lint_policy(policy, TODAY)]


PYPI = "https://public.example/simple/"


def locate(url: str) -> Location:
    return PYPI_PLACE if url.startswith(PYPI) else parse_location(url)


def judged(text: str, kind: str, code: str | None, **fields: Any) -> tuple[str, str | None]:
    judgement = Replay(layer_of(text), TODAY, locate).judge(event(1, kind, code, index_asked=PYPI, **fields))
    assert judgement is not None
    assert judgement.unknown is None
    return judgement.was, None if judgement.finding is None else judgement.finding.code


@pytest.mark.parametrize(
    ("action", "kind", "expected"),
    [
        ("block", "selected", ("selected", "typosquat")),
        ("warn", "selected", ("selected", None)),
        ("off", "selected", ("selected", None)),
        ("warn", "refused", ("typosquat", None)),
        ("block", "refused", ("typosquat", "typosquat")),
    ],
)
def test_a_log_is_judged_by_another_action(action: str, kind: str, expected: tuple[str, str | None]) -> None:
    code, answered = (None, f"{PYPI}reqeusts/") if kind == "selected" else ("typosquat", None)
    found = judged(f'action = "{action}"', kind, code, name="reqeusts", versions=["1.0"], index_answered=answered)
    assert found == expected


@pytest.mark.parametrize(("versions", "expected"), [(["1.0"], "typosquat"), (["1.0", "2.0"], None)])
def test_a_doubtful_name_that_one_release_had_refused_stays_refused(versions: list[str], expected: str | None) -> None:
    fields = {"name": "requestk", "versions": versions, "index_answered": f"{PYPI}requestk/"}
    assert judged('action = "block"', "dropped", "typosquat", **fields) == ("typosquat", expected)
