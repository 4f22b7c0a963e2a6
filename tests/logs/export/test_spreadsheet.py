"""Comma-separated values, read back by the standard library's strict reader."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.logs.export.formats import FORMATS, Export
from indexguard.logs.export.spreadsheet import COLUMNS
from support.log_events import KINDS, events, odd_events, sample


def _rows(*given_events: dict[str, Any]) -> list[dict[str, str]]:
    written = "".join(Export(FORMATS["csv"], given_events))
    # RFC 4180: each line ends in CR LF. No text has a line break of its own: it is escaped.
    assert written.endswith("\r\n")
    assert written.count("\r") == written.count("\n") == written.count("\r\n") == len(given_events) + 1
    header, *rows = csv.reader(io.StringIO(written, newline=""), strict=True)
    assert tuple(header) == COLUMNS
    assert all(len(row) == len(COLUMNS) for row in rows)
    return [dict(zip(header, row)) for row in rows]


def test_every_kind() -> None:
    rows = _rows(*map(sample, KINDS))
    assert [row["event"] for row in rows] == list(KINDS)


@given(some=st.lists(events() | odd_events(), max_size=3))
def test_no_cell_is_a_formula(some: list[dict[str, Any]]) -> None:
    for row in _rows(*some):
        for column, cell in row.items():
            assert cell[:1] not in ("=", "+", "@", "\uff1d", "\t"), column
            assert not cell.startswith("-") or cell[1:].isdigit(), column
            assert not re.search(r';["\s]*[-=+@\uff1d]', cell), column
            assert cell.isprintable()


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=cmd()", "'=cmd()"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), (" =x", "' =x"), ("acme-core", "acme-core"),
        ('a"b,c', 'a"b,c'), ("a\r\nb", "a\\r\\nb"), ("", ""), ("1-2", "1-2"), ("\uff1dx", "'\uff1dx"),
        # Where the comma is the decimal sign, a cell ends at a semicolon.
        ("a;=cmd()", "a;'=cmd()"), ("a; +1;@b", "a;' +1;'@b"), ('a;"=cmd()', "a;'\"=cmd()"), ("a;b=1", "a;b=1"),
    ],
)  # fmt: skip
def test_cells(name: str, cell: str) -> None:
    (row,) = _rows(sample("refused", name=name))
    assert row["name"] == cell


def test_number_is_no_formula() -> None:
    (row,) = _rows(sample("sealed", seal={"events": 3, "exit": -9}))
    assert (row["seal_events"], row["seal_exit"]) == ("3", "-9")


def test_selected_file() -> None:
    (row,) = _rows(sample("selected"))
    assert {key: value for key, value in row.items() if key.startswith(("chosen", "offered", "rule_", "policy"))} == {
        "chosen_version": "1.0",
        "chosen_file": "acme_core-1.0-py3-none-any.whl",
        "chosen_hash": f"sha256:{'0' * 64}",
        "chosen_url": "https://corp.example/files/acme_core-1.0-py3-none-any.whl",
        "chosen_index": "https://corp.example/simple/",
        "offered": f"1.0 acme_core-1.0-py3-none-any.whl sha256:{'0' * 64}"
        " https://corp.example/files/acme_core-1.0-py3-none-any.whl",
        "rule_layer": "", "rule_file": "", "rule_key": "", "rule_pattern": "", "rule_indexes": "",
        "policy": f"machine enforce {'ab' * 32} /etc/indexguard/policy.toml",
    }  # fmt: skip


def test_every_field_has_a_column() -> None:
    nested = {"chosen": "chosen_file", "rule": "rule_file", "ci": "ci_provider", "seal": "seal_exit", "squat": "squat_above"}
    assert {field for field in sample("selected") if nested.get(field, field) not in COLUMNS} == {"schema"}


def test_squatter_is_compared_with_the_own_index() -> None:
    told = {"own_newest": "1.2", "newest": "99.0", "above": 3, "jump": 98, "oldest_upload": None, "newest_upload": None}
    (row,) = _rows(sample("shadowed") | {"squat": told})
    shown = {column: row[f"squat_{column}"] for column in (*told, "first_seen")}
    assert shown == {key: "" if value is None else str(value) for key, value in told.items()} | {"first_seen": ""}
