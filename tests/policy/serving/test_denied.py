"""``[[deny]]`` and ``[advisories]``: what they hold, and every fault of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.cli.policy.lints import NOTE, WARNING, lint_policy
from indexguard.errors import Fault, PolicyError
from indexguard.patterns import Name
from indexguard.policy.layers import find_layers
from indexguard.policy.model import Policy
from indexguard.policy.reader import read_policy
from indexguard.policy.serving import advisories

CORP = '[indexes.corp]\nurl = "https://corp.example/simple/"\nnamespaces = ["acme"]\n'


def read(text: str, path: str = "/etc/indexguard/policy.toml") -> Policy:
    """Return the policy of a text."""
    return read_policy(f"version = 1\n{text}".encode(), path)


def denied(policy: Policy, name: str, version: str | None) -> list[str]:
    """Return the keys of the entries that deny a version."""
    assert policy.deny is not None
    return [entry.key for entry in policy.deny.find(Name(name)) if entry.denies(version)]


def test_policy_without_these_keys_has_neither() -> None:
    policy = read(CORP)
    assert (policy.deny, policy.advisories) == (None, None)


@pytest.mark.parametrize(
    ("entry", "name", "version", "is_denied"),
    [
        ("evil", "evil", "1.0", True),
        ("evil", "evil", None, True),
        ("Evil.Twin", "evil-twin", "1.0", True),
        ("evil", "evil-twin", "1.0", False),
        ("evil-*", "evil-twin", "1.0", True),
        ("evil-*", "evil", "1.0", False),
        ("*", "anything", "1.0", True),
        ("evil<2", "evil", "1.9", True),
        ("evil<2", "evil", "2.0", False),
        ("evil<2", "evil", None, False),
        ("evil<2", "evil", "not-a-version", True),
        ("evil>=1", "evil", "2.0rc1", True),
        ("evil==2.0", "evil", "2.0+local", True),
        ("evil-* >=1,<2", "evil-twin", "1.5", True),
    ],
)
def test_what_is_denied(entry: str, name: str, version: str | None, is_denied: bool) -> None:
    policy = read(f'[[deny]]\npackages = ["other", "{entry}"]\nreason = "SEC-7"\n')
    assert denied(policy, name, version) == (["deny[0].packages[1]"] if is_denied else [])


def test_all_entries_of_a_name_are_found() -> None:
    policy = read('[[deny]]\npackages = ["evil<1", "evil-*"]\n[[deny]]\npackages = ["evil>2", "ev*"]\nreason = "b"\n')
    assert denied(policy, "evil", "3") == ["deny[1].packages[0]", "deny[1].packages[1]"]
    assert denied(policy, "evil-a", "3") == ["deny[0].packages[1]", "deny[1].packages[1]"]
    assert policy.deny is not None
    assert [entry.reason for entry in policy.deny.entries] == [None, None, "b", "b"]


@given(st.sampled_from(["0.9", "1.0", "1.5", "2.0", "2.0+local", "3.0rc1", "not-one"]))
def test_a_version_is_denied_or_else_denied_by_what_is_left(version: str) -> None:
    """What no range holds is none: of two ranges that leave nothing out, one denies it; what is no version, both."""
    policy = read('[[deny]]\npackages = ["evil<2", "evil>=2"]\n')
    assert len(denied(policy, "evil", version)) == (2 if version == "not-one" else 1)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("deny = []", "deny"),
        ('deny = ["evil"]', "deny[0]"),
        ("[deny]\npackages = []", "deny"),
        ("[[deny]]", "deny[0].packages"),
        ("[[deny]]\npackages = []", "deny[0].packages"),
        ("[[deny]]\npackages = [1]", "deny[0].packages[0]"),
        ('[[deny]]\npackages = ["a*b"]', "deny[0].packages[0]"),
        ('[[deny]]\npackages = ["a>=x"]', "deny[0].packages[0]"),
        ('[[deny]]\npackages = ["a @ https://a.example/"]', "deny[0].packages[0]"),
        ('[[deny]]\npackages = ["a"]\nreason = 1', "deny[0].reason"),
        ('[[deny]]\npackages = ["a"]\nexpires = 2030-01-01', "deny[0].expires"),
        ("advisories = 1", "advisories"),
        ("[advisories]", "advisories.paths"),
        ("[advisories]\npaths = []", "advisories.paths"),
        ('[advisories]\npaths = "records"', "advisories.paths"),
        ('[advisories]\npaths = [""]', "advisories.paths[0]"),
        ('[advisories]\npaths = ["a", "a"]', "advisories.paths[1]"),
        ('[advisories]\npaths = ["a", 1]', "advisories.paths[1]"),
        ('[advisories]\npaths = ["a"]\nkinds = []', "advisories.kinds"),
        ('[advisories]\npaths = ["a"]\nkinds = ["MAL *"]', "advisories.kinds[0]"),
        ('[advisories]\npaths = ["a"]\nindexes = ["crop"]', "advisories.indexes[0]"),
        ('[advisories]\npaths = ["a"]\npath = ["b"]', "advisories.path"),
    ],
)
def test_faults_name_their_key(text: str, key: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(f"{text}\n{CORP}" if not text.startswith("[") else f"{CORP}{text}\n")
    assert [fault.key for fault in caught.value.faults] == [key]


def test_advisories() -> None:
    text = '[advisories]\npaths = ["records", "/srv/osv.zip"]\n'
    settings = read(CORP + text).advisories
    assert settings is not None
    assert settings.places == ("/etc/indexguard/records", "/srv/osv.zip")
    assert (settings.kinds, settings.indexes) == (("MAL-",), frozenset())
    settings = read(f'{CORP}{text}kinds = ["MAL-", "PYSEC-"]\nindexes = ["corp"]\n').advisories
    assert settings is not None
    assert (settings.kinds, settings.indexes) == (("MAL-", "PYSEC-"), frozenset({"corp"}))


def layers_of(folder: Path, text: str) -> Policy:
    """Return the one policy that counts, from a file."""
    path = folder / "policy.toml"
    path.write_text(f"version = 1\n{text}")
    environ = {"INDEXGUARD_POLICY": str(path)}
    found = find_layers(
        environ, machine_path=str(folder / "none"), base_prefix=str(folder), user_path=str(folder / "no")
    )
    assert found.vital_places[-1].startswith(str(folder))
    return found.layers[0].policy


def test_sources_must_be_there_and_be_trusted(tmp_path: Path) -> None:
    text = '[advisories]\npaths = ["records", "other.zip"]\n'
    with pytest.raises(PolicyError) as caught:
        layers_of(tmp_path, text)
    assert [(it.key, it.message) for it in caught.value.faults] == [
        ("advisories.paths[0]", f"there is no {tmp_path}/records"),
        ("advisories.paths[1]", f"there is no {tmp_path}/other.zip"),
    ]
    (tmp_path / "records").mkdir()
    (tmp_path / "other.zip").write_text("")
    assert layers_of(tmp_path, text).advisories is not None
    (tmp_path / "records").chmod(0o777)
    with pytest.raises(PolicyError, match="may be written by everybody"):
        layers_of(tmp_path, text)
    (tmp_path / "records").chmod(0o755)
    os.symlink("nowhere", tmp_path / "link")
    with pytest.raises(PolicyError, match="there is no"):
        layers_of(tmp_path, text.replace("records", "link"))


def test_check_asks_about_what_was_perhaps_not_meant() -> None:
    assert [(it.key, it.level) for it in lint_policy(read('[[deny]]\npackages = ["evil", "*<1", "*"]\n'))] == [
        ("deny[0].packages[2]", WARNING)
    ]
    text = '[advisories]\npaths = ["records"]\n'
    assert [(it.key, it.level) for it in lint_policy(read(text))] == [("advisories", NOTE)]
    assert [it.key for it in lint_policy(read(CORP + text)) if it.key == "advisories"] == []


@pytest.mark.parametrize(("kind", "is_fine"), [("machine", True), ("interpreter", True), ("user", False)])
def test_sources_are_trusted_as_the_file_of_their_layer_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, is_fine: bool
) -> None:
    """In a user namespace: the owner of a machine's place may be one whom it does not map."""
    asked = []

    def find(path: str, _info: object, _trust: object, kind: str) -> list[Fault]:
        asked.append((path, kind))
        return [] if kind in ("machine", "interpreter") else [Fault("", "of a user whom nobody knows")]

    monkeypatch.setattr(advisories, "find_distrust", find)
    settings = advisories.AdvisorySettings(("records",), (str(tmp_path),))
    if is_fine:
        settings.check_sources("policy.toml", None, kind)
    else:
        with pytest.raises(PolicyError, match="whom nobody knows"):
            settings.check_sources("policy.toml", None, kind)
    assert asked == [(str(tmp_path), kind)]
