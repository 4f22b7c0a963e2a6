"""What ``[shadow]`` says of squatters: those that are known, and files that the name's own index lists too."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from indexguard.decision.authority import Authority
from indexguard.decision.outcome import find_same_files, find_squatters
from indexguard.errors import PolicyError
from indexguard.logs.replay import Replay
from indexguard.patterns import Name, normalise_name
from indexguard.policy.identity import parse_location
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy
from support.logged import event

BASE = """
version = 1
[indexes.corp]
url = "https://packages.corp.example/simple/"
namespaces = ["acme"]
[indexes.pypi]
url = "pypi"
packages = ["*"]
"""
TODAY = date(2026, 11, 30)


def layer_of(text: str) -> Layer:
    """Return a layer with some more lines."""
    return Layer("user", "/policy.toml", "0" * 64, read_policy((BASE + text).encode(), "/policy.toml"))


def faults_of(text: str) -> list[str]:
    """Return the faults of a file with some more lines, each with its key."""
    with pytest.raises(PolicyError) as caught:
        layer_of(text)
    return [str(fault) for fault in caught.value.faults]


def test_to_drop_the_public_index_has_to_be_asked() -> None:
    (fault,) = faults_of('[shadow]\nprobe = "never"\nsame-file = "drop"\n')
    assert fault.startswith('shadow.same-file: "drop" needs `probe = "always"`')
    assert layer_of('[shadow]\nprobe = "never"\nsame-file = "warn"\n').policy.same_file == "warn"
    assert layer_of("").policy.same_file == "warn"
    (fault,) = faults_of('[shadow]\nsame-file = "block"\n')
    assert fault.startswith('shadow.same-file: found "block"')


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[shadow]\nknown = []\n", "shadow.known:"),
        ('[shadow]\nknown = ["acme"]\n', "shadow.known[0]:"),
        ('[[shadow.known]]\nreason = "ours"\n', "shadow.known[0].packages:"),
        ("[[shadow.known]]\npackages = []\n", "shadow.known[0].packages:"),
        ('[[shadow.known]]\npackages = ["acme-*"]\n', "shadow.known[0].packages[0]:"),
        ('[[shadow.known]]\npackages = ["acme>=1"]\n', "shadow.known[0].packages[0]:"),
        ("[[shadow.known]]\npackages = [1]\n", "shadow.known[0].packages[0]:"),
        ('[[shadow.known]]\npackages = ["Acme.Core", "acme_core"]\n', "shadow.known[0].packages[1]:"),
        ('[[shadow.known]]\npackages = ["acme"]\nexpires = "2027-01-31"\n', "shadow.known[0].expires:"),
        ('[[shadow.known]]\npackages = ["acme"]\nreason = 1\n', "shadow.known[0].reason:"),
        ('[[shadow.known]]\npackages = ["acme"]\nversion = "1"\n', "shadow.known[0].version:"),
    ],
)
def test_what_is_no_known_project(text: str, key: str) -> None:
    (fault,) = faults_of(text)
    assert fault.startswith(key)


@pytest.mark.parametrize(
    ("name", "expires", "is_known"),
    [
        ("acme-core", "2026-11-30", True),
        ("acme-core", "2026-11-29", False),
        ("acme-other", "2099-01-01", False),
    ],
)
def test_a_known_project_is_known_to_its_last_day(name: str, expires: str, *, is_known: bool) -> None:
    layer = layer_of(f'[[shadow.known]]\npackages = ["Acme_Core"]\nexpires = {expires}\n')
    authority = Authority((layer,), normalise_name(name), TODAY)
    asked = authority.ask(parse_location("pypi"))
    assert [(found.code, found.is_known) for found in find_squatters(asked)] == [("shadowed-name", is_known)]
    # Who may serve the name is as ever.
    assert [found.code for found in asked.findings] == ["claimed-elsewhere"]


def test_another_layer_that_does_not_know_it_warns() -> None:
    layers = (layer_of('[[shadow.known]]\npackages = ["acme"]\n'), layer_of(""))
    asked = Authority(layers, Name("acme"), TODAY).ask(parse_location("pypi"))
    assert [found.is_known for found in find_squatters(asked)] == [True, False]


def test_the_same_files_are_those_of_one_digest() -> None:
    assert find_same_files(["a", "b", "c"], {"c": 1, "a": 2}) == ["a", "c"]


@pytest.mark.parametrize(("text", "changes"), [("", False), ('[shadow]\nsame-file = "drop"\n', True)])
@pytest.mark.parametrize("name", ["acme-core", "other"])
def test_replay_says_what_would_become_of_the_same_file(text: str, name: str, *, changes: bool) -> None:
    index = "https://packages.corp.example/simple/" if name == "acme-core" else "pypi"
    file = {"version": "1.0", "file": "a-1.0.tar.gz", "hash": "sha256:ab", "url": f"{index}f/", "index": index}
    fields: dict[str, Any] = {"name": name, "index_asked": index, "index_answered": index, "chosen": file}
    fields["same_file"] = ["a-1.0.tar.gz"]
    judged = Replay(layer_of(text), TODAY, parse_location).judge(event(1, "selected", **fields))
    assert judged is not None
    assert judged.unknown is None
    # What nobody claims has no index of its own.
    assert judged.becomes_refused is (changes and name == "acme-core")
