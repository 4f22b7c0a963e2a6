"""What is allowed and perhaps not meant; the cases beside ``test_reader`` show each lint once."""

from __future__ import annotations

from datetime import date

import pytest

from indexguard.policy.lints import lint_policy
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
