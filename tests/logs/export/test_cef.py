"""Lines of the Common Event Format, read back by a parser that allows nothing that the format does not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration.harness.cases import read_cases

from indexguard import __version__
from indexguard.errors import escape
from indexguard.logs.export import cef, fields
from support.log_events import KINDS, events, odd_events, sample

CASES = read_cases(__file__)

_HEADER = re.compile(r"CEF:0\|" + r"((?:[^\\|\r\n]|\\[\\|])*)\|" * 6 + r"([^\r\n]*)")
_KEYS = re.compile(r"(?:^| )([A-Za-z][A-Za-z0-9]*)=")
_VALUE = re.compile(r"(?:[^\\=\r\n]|\\[\\=nr])*")
_STANDS_FOR = {"\\\\": "\\", "\\=": "=", "\\|": "|", "\\n": "\n", "\\r": "\r"}


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda found: _STANDS_FOR[found[0]], text)


def _parse(line: str) -> tuple[list[str], dict[str, str]]:
    found = _HEADER.fullmatch(line)
    assert found, line
    *header, extension = found.groups()
    _, *parts = _KEYS.split(extension)
    values = dict(zip(parts[::2], parts[1::2]))
    assert len(values) == len(parts) / 2, "a key stands there twice"
    assert all(_VALUE.fullmatch(value) for value in values.values()), line
    return [_unescaped(part) for part in header], {key: _unescaped(value) for key, value in values.items()}


def _check(line: str) -> dict[str, str]:
    header, values = _parse(line)
    vendor, product, version, _, name, severity = header
    assert (vendor, product, version) == ("indexguard", "indexguard", __version__)
    assert name
    assert 0 <= int(severity) <= 10
    assert line.isprintable()
    assert all(f"{key}Label" in values for key in values if re.fullmatch(r"c[sn]\d", key))
    assert all(key[:-5] in values for key in values if key.endswith("Label"))
    return values


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_back(kind: str) -> None:
    event = sample(kind)
    values = _check(cef.line(event))
    assert values["rt"] == str(fields.milliseconds(event))
    assert values["cat"] == kind
    assert values["externalId"] == f"{event['run']}-3"


@given(event=events())
def test_every_event_is_read_back(event: dict[str, Any]) -> None:
    values = _check(cef.line(event))
    for key, field in (("reason", "code"), ("cs1", "name"), ("cs3", "index_asked"), ("dvchost", "host")):
        assert values.get(key, "") == escape(event[field] or "").strip()


@given(event=odd_events())
def test_fields_of_another_type_are_left_out(event: dict[str, Any]) -> None:
    _check(cef.line({**event, "guard": None}))  # a text would be told as the version


@pytest.mark.parametrize(
    ("value", "in_header", "in_value"),
    CASES["escapes"],
)
def test_escapes(value: str, in_header: str, in_value: str) -> None:
    assert cef.header_text(value, 99) == in_header
    assert cef.value_text(value, 99) == in_value


@given(value=st.text(), limit=st.integers(1, 20))
def test_limit_cuts_no_escape_in_two(value: str, limit: int) -> None:
    assert _VALUE.fullmatch(cef.value_text(value, limit))
    assert re.fullmatch(r"(?:[^\\|]|\\[\\|])*", cef.header_text(value, limit))
    assert len(_unescaped(cef.value_text(value, limit))) <= limit


def test_long_texts_are_cut() -> None:
    values = _check(cef.line(sample("refused", message="x" * 2000, command=["y" * 1000] * 10, host="h" * 300)))
    assert (len(values["msg"]), len(values["cs6"]), len(values["dvchost"])) == (1023, 4000, 100)


def test_blank_value_has_no_label() -> None:
    values = _check(cef.line(sample("refused", name=" ", host="  ")))
    assert not {"cs1", "cs1Label", "dvchost"} & values.keys()


def test_selected_file() -> None:
    event = sample("selected")
    header, values = _parse(cef.line(event))
    assert header[3:] == ["selected", "pip chose this file", "0"]
    assert values["fname"] == "acme_core-1.0-py3-none-any.whl"
    assert values["fileHash"] == f"sha256:{'0' * 64}"
    assert (values["act"], values["outcome"]) == ("selected", "success")
    assert (values["cs2Label"], values["cs2"]) == ("version", "1.0")


def test_refusal() -> None:
    header, values = _parse(cef.line(sample("refused")))
    assert header[3:] == ["unmatched-name", "no rule of the policy matches the name", "7"]
    assert (values["act"], values["outcome"], values["reason"]) == ("blocked", "failure", "unmatched-name")
    assert values["cs5"] == "/etc/indexguard/policy.toml indexes.corp.namespaces[0]"
