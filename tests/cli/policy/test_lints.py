"""What is allowed and perhaps not meant; the cases beside ``test_reader`` show each lint once."""

from __future__ import annotations

from datetime import date

import pytest

from indexguard.cli.policy.lints import lint_policy
from indexguard.policy.reader import read_policy


def read_lints(entries: str, today: date = date(2026, 11, 22)) -> list[str]:
    """Return the lints of a policy with one public index."""
    content = f'version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = [{entries}]\n'
    return [str(lint) for lint in lint_policy(read_policy(content.encode(), "policy.toml"), today)]


def test_nothing_to_ask() -> None:
    assert read_lints('"*", "acme-*", "x"') == []


def test_build_backends_that_are_named_are_not_missed() -> None:
    assert len(read_lints('"setuptools"')) == 2
    (lint,) = read_lints('"setuptools", "wheel", "hatchling", "flit-*", "poetry_core", "pdm-*"')
    assert "no entry is `*`" in lint


@pytest.mark.parametrize(
    ("today", "lint"),
    [
        (date(2026, 12, 31), []),
        (date(2027, 1, 1), ["indexes.pypi.packages[1]: expires after 2027-01-31: from then on `x` is refused"]),
        (date(2027, 1, 31), ["indexes.pypi.packages[1]: expires after 2027-01-31: from then on `x` is refused"]),
        (date(2027, 2, 1), ["indexes.pypi.packages[1]: expired after 2027-01-31: `x` is refused"]),
    ],
)
def test_an_entry_that_expires(today: date, lint: list[str]) -> None:
    assert read_lints('"*", { name = "x", expires = 2027-01-31 }', today) == lint


def test_without_a_date_today_is_today() -> None:
    content = b'version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = ["*", {name = "x", expires = 2020-01-01}]'
    (lint,) = lint_policy(read_policy(content, "policy.toml"))
    assert lint.key == "indexes.pypi.packages[1]"


WAIVER = """
[[waive]]
code = "too-young"
packages = ["x==1.0"]
reason = "SEC-212"
expires = 2027-01-31
"""


@pytest.mark.parametrize(
    ("today", "lint"),
    [
        (date(2026, 12, 31), []),
        (date(2027, 1, 1), ["waive[0]: ends after 2027-01-31, in 30 days: from then on `too-young` holds again"]),
        (date(2027, 1, 31), ["waive[0]: ends after 2027-01-31, in 0 days: from then on `too-young` holds again"]),
        (date(2027, 2, 1), ["waive[0]: ended after 2027-01-31: it lifts nothing any more"]),
    ],
)
def test_a_waiver_that_ends(today: date, lint: list[str]) -> None:
    content = f'version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = ["*"]\nmin-age = "3d"\n{WAIVER}'
    assert [str(it) for it in lint_policy(read_policy(content.encode(), "policy.toml"), today)] == lint


def test_a_cooldown_of_an_index_that_tells_no_times() -> None:
    content = """version = 1
[indexes.pypi]
url = "pypi"
packages = ["*"]
[indexes.corp]
url = "https://corp.example/simple/"
files-from = ["corp.example"]
packages = ["acme"]
min-age = "3d"
"""
    (lint,) = lint_policy(read_policy(content.encode(), "policy.toml"))
    assert str(lint).startswith("indexes.corp.min-age: drops every file of which the index tells no upload time")
    content = content.replace('min-age = "3d"', 'min-age = { for = "3d", unknown = "allow" }')
    assert lint_policy(read_policy(content.encode(), "policy.toml")) == []


def test_a_waiver_of_what_only_a_ledger_finds() -> None:
    content = f"""version = 1
[indexes.pypi]
url = "pypi"
packages = ["*"]
[[waive]]
code = "hash-changed"
packages = ["requests==2.33.0"]
reason = "published again"
expires = 2031-01-31
sha256 = ["{"a" * 64}"]
"""
    (lint,) = lint_policy(read_policy(content.encode(), "policy.toml"), date(2026, 12, 1))
    assert str(lint) == "waive[0]: lifts `hash-changed`, which only a policy with [ledger] finds"
    assert lint_policy(read_policy(f"{content}[ledger]\n".encode(), "policy.toml"), date(2026, 12, 1)) == []


def test_what_does_nothing_without_indexes_is_told_with_its_key() -> None:
    text = """
version = 1
[defaults]
min-age = "3d"
formats = ["wheel"]
[status]
archived = "block"
[typosquat]
action = "block"
protect = ["acme-core"]
[ledger]
"""
    lints = lint_policy(read_policy(text.encode(), "policy.toml"))
    assert {lint.level for lint in lints} == {"warning"}
    assert [lint.key for lint in lints] == [
        *("defaults.min-age", "defaults.formats", "status.archived", "typosquat.action", "typosquat.protect", "ledger"),
    ]
    assert all("has no effect without [indexes]" in lint.message for lint in lints)
