"""Policy files: each valid one with what it means, each faulty one with what is said."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration.harness.cases import read_cases

from indexguard.cli.policy.lints import lint_policy
from indexguard.errors import PolicyError
from indexguard.patterns import normalise_name
from indexguard.policy.model import FilesFrom, Policy
from indexguard.policy.reader import MAX_BYTES, read_policy
from indexguard.policy.rules import Rule

CASES = read_cases(__file__)

DATA = Path(__file__).parent.parent / "data" / "policies"
VALID = sorted((DATA / "valid").glob("*.toml"))
INVALID = sorted((DATA / "invalid").glob("*.toml"))
TODAY = date(2026, 11, 22)


def test_there_are_cases() -> None:
    assert len(VALID) >= 7
    assert len(INVALID) >= 24


def describe_policy(policy: Policy) -> dict[str, Any]:
    """Return what a policy means, as JSON holds it."""
    return {
        "mode": policy.mode,
        "probe": policy.probe,
        "shadow action": policy.shadow_action,
        "local": policy.local,
        "when nothing left": policy.when_nothing_left,
        "direct urls": [
            policy.direct_urls.requested,
            policy.direct_urls.transitive,
            *map(str, policy.direct_urls.allow),
        ],
        "log": describe_log(policy),
        "indexes": {
            index.name: {
                "urls": [str(url) for url in index.urls],
                "public": index.public,
                "files from": None if index.files_from is None else [describe_place(p) for p in index.files_from],
                "credentials": index.has_credentials,
            }
            for index in policy.indexes
        },
        "rules": {rule.key + " " + str(rule.pattern): describe_rule(rule) for rule in policy.rules},
        "lints": [str(lint) for lint in lint_policy(policy, TODAY)],
        **describe_serving(policy),
    }


def describe_serving(policy: Policy) -> dict[str, Any]:
    """Return what a policy asks of files, where it does."""
    serving = policy.serving
    if serving is None:
        return {}
    places = {"defaults": serving.defaults, **serving.indexes}
    places |= {rule.key: rule.terms for rule in policy.rules if rule.terms is not None}
    asked = {
        place: {
            "min age": None if terms.min_age is None else f"{terms.min_age.span}, else {terms.min_age.unknown}",
            "formats": None if terms.formats is None else terms.formats.written,
            "hashes": None if terms.hashes is None else terms.hashes.need,
        }
        for place, terms in places.items()
    }
    waived = [
        f"{it.code} { ({name: sorted(versions) for name, versions in it.versions.items()}) } {it.reason} {it.expires}"
        f" {sorted(it.sha256)}"
        for it in serving.waivers
    ]
    return {"serving": asked, "status": list(serving.status), "downgrade": serving.downgrade, "waived": waived}


def describe_log(policy: Policy) -> dict[str, Any]:
    """Return what a policy says of the log."""
    log = policy.log
    return {
        "sinks": list(log.sinks),
        "on failure": policy.log_failure,
        "syslog": list(map(str, log.syslog)),
        **dict([("syslog form", address.form) for address in log.syslog if address.form][:1]),
        "max size": log.max_size,
        "max age": None if log.max_age is None else str(log.max_age),
    }


def describe_place(place: FilesFrom) -> str:
    """Return a host, or a URL prefix."""
    return str(place.prefix) if place.host is None else place.host


def describe_rule(rule: Rule) -> dict[str, Any]:
    """Return what a rule adds to its pattern and key."""
    told: dict[str, Any] = {"indexes": list(rule.indexes)}
    if rule.versions is not None:
        told["versions"] = str(rule.versions)
    if rule.reason is not None:
        told["reason"] = rule.reason
    if rule.expires is not None:
        told["expires"] = rule.expires.isoformat()
    return told


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_file_means_what_is_written_beside_it(path: Path) -> None:
    expected = {"log": describe_log(Policy()), **json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))}
    finds = expected.pop("finds")

    policy = read_policy(path.read_bytes(), "policy.toml")

    assert describe_policy(policy) == expected
    found = {name: policy.rules.find(normalise_name(name)) for name in finds}
    assert {name: None if rule is None else rule.key for name, rule in found.items()} == finds
    assert policy.path == "policy.toml"


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_a_faulty_file_is_refused_with_all_its_faults(path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(path.read_bytes(), "policy.toml")

    assert f"{caught.value}\n" == path.with_suffix(".txt").read_text(encoding="utf-8")
    assert caught.value.code == "policy-invalid"
    assert "hunter2" not in str(caught.value)


def read_fault(content: bytes) -> str:
    """Return the one fault of a file."""
    with pytest.raises(PolicyError) as caught:
        read_policy(content, "policy.toml")
    (fault,) = caught.value.faults
    return str(fault)


@pytest.mark.parametrize(
    "content",
    [b"a = " + b"[" * 5000 + b"]" * 5000, b"a = " + b"{a=" * 5000, b"a." * 5000 + b"a = 1"],
    ids=["arrays", "tables", "keys"],
)
def test_deep_nesting_is_a_fault(content: bytes) -> None:
    assert "nested too deeply" in read_fault(content)


def test_more_digits_than_python_reads_are_a_fault() -> None:
    assert "expected 1" in read_fault(b"version = 0x" + b"f" * 5000)
    with pytest.raises(PolicyError):
        read_policy(b"version = 1" + b"0" * 5000, "policy.toml")


def test_a_file_is_at_most_16_mib() -> None:
    content = b"version = 1\n#".ljust(MAX_BYTES, b"x")
    assert read_policy(content, "policy.toml").mode == "enforce"
    assert read_fault(content + b"x") == "found more than 16 MiB; a policy file is at most that large"


def test_many_names_are_read_as_each_would_be() -> None:
    names = [f"Some_{number}.Name" for number in range(2000)]
    entries = [*names[:1000], "types-*", {"name": "x"}, *names[1000:], "numpy>=2"]
    content = 'version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = [{}]\n'.format(
        ", ".join('{ name = "x" }' if isinstance(entry, dict) else json.dumps(entry) for entry in entries)
    )

    rules = read_policy(content.encode(), "policy.toml").rules

    assert len(rules) == len(entries)
    assert {rule.key for rule in rules} == {f"indexes.pypi.packages[{place}]" for place in range(len(entries))}
    for name in names:
        rule = rules.find(normalise_name(name))
        assert rule is not None
        assert rule.key == f"indexes.pypi.packages[{entries.index(name)}]"


# Whatever a file holds, the answer is a policy or its faults.

TOP_KEYS = ["version", "mode", "indexes", "merge", "shadow", "local", "when-nothing-left", "defaults", "deny"]
INNER_KEYS = ["url", "insecure", "packages", "namespaces", "public", "files-from", "name", "reason", "expires", "probe"]
KEYS = st.sampled_from([*TOP_KEYS, *INNER_KEYS, "action", "a", "corp"])
BARE = ["1", "true", "1.5", "nan", "-inf", "2027-01-31", "10:00:00", "2027-01-31T10:00:00Z", "0x" + "f" * 5000]
QUOTED = CASES["quoted"]
WORDS = st.sampled_from([*BARE, *map(json.dumps, QUOTED)])
TEXTS = st.text(max_size=20).map(json.dumps).map(lambda text: text.replace("\x7f", "\\u007f"))
VALUES = st.recursive(
    WORDS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(KEYS, inner, max_size=4).map(
            lambda table: f"{{{', '.join(f'{key} = {value}' for key, value in table.items())}}}"
        )
    ),
    max_leaves=12,
)


def answer(content: bytes) -> Policy | PolicyError:
    """Return the policy, or its faults; nothing else may be raised, by the message either."""
    try:
        policy = read_policy(content, "policy.toml")
    except PolicyError as error:
        answered = error
    else:
        lint_policy(policy, TODAY)
        return policy
    assert answered.faults
    assert str(answered).replace("\n", "").isprintable()
    return answered


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_tree_is_a_policy_or_faults(tree: dict[str, str]) -> None:
    answer("\n".join(f"{key} = {value}" for key, value in tree.items()).encode("utf-8", "surrogatepass"))


@given(VALUES, KEYS)
def test_any_value_at_any_key_of_an_index_is_a_policy_or_faults(value: str, key: str) -> None:
    base = {"url": '"pypi"', "packages": '["*"]'}
    lines = "\n".join(f"{name} = {text}" for name, text in {**base, key: value}.items())
    answer(f"version = 1\n[indexes.a]\n{lines}".encode("utf-8", "surrogatepass"))


@given(st.lists(VALUES, max_size=4))
def test_any_entries_are_a_policy_or_faults(values: list[str]) -> None:
    head = 'version = 1\n[indexes.a]\nurl = "pypi"\n'
    answer(f"{head}packages = [{', '.join(values)}]\n".encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_policy_or_faults(content: bytes) -> None:
    answer(content)


@given(KEYS.map(lambda key: f"{key}x"))
def test_an_unknown_key_is_never_ignored(key: str) -> None:
    answered = answer(f'version = 1\n{key} = 1\n[indexes.a]\nurl = "pypi"\npackages = ["*"]\n'.encode())
    assert isinstance(answered, PolicyError)
    assert [fault.key for fault in answered.faults] == [key]
