"""One remembered file as a line of JSON, and lines that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.ledger.sighting import MAX_TEXT, Sighting, is_line, parse_line, read_time, show_time
from indexguard.patterns import Name

LINE: dict[str, Any] = {
    "ledger": 1,
    "name": "Acme_Core",
    "version": "1.0",
    "file": "acme_core-1.0.tar.gz",
    "sha256": "a" * 64,
    "index": "https://packages.corp.example/simple/",
    "first_seen": "2030-01-31T12:00:00Z",
    "attested": True,
}
FIT = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=MAX_TEXT)


def test_a_line_is_what_it_says() -> None:
    found = parse_line(json.dumps(LINE).encode())
    assert found == Sighting(
        Name("acme-core"), "1.0", "acme_core-1.0.tar.gz", "a" * 64, LINE["index"], 1896091200, attested=True
    )
    assert found.as_record() == {**LINE, "name": "acme-core"}


def test_what_may_be_unknown_may_be_left_out() -> None:
    few = {key: value for key, value in LINE.items() if key not in ("sha256", "attested")}
    found = parse_line(json.dumps(few).encode())
    assert (found.sha256, found.attested) == (None, False)


@given(version=FIT, file=FIT, place=FIT, at=st.integers(0, 2**37), attested=st.booleans())
def test_every_line_comes_back(version: str, file: str, place: str, at: int, *, attested: bool) -> None:
    sighting = Sighting(Name("acme-core"), version, file, None, place, at, attested)
    if sighting.is_fit:
        line = sighting.as_line()
        assert line.isascii()
        assert is_line(line.encode())
        assert parse_line(line.encode()) == sighting


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ledger": 2}, 'no object with "ledger": 1'),
        ({"name": 3}, "`name` is missing"),
        ({"file": None}, "`file` is missing"),
        ({"sha256": 3}, "`sha256` is missing, or no value that it may have"),
        ({"sha256": "A" * 64}, "`sha256` is no SHA-256"),
        ({"attested": "yes"}, "`attested` is missing"),
        ({"first_seen": "yesterday"}, "`first_seen`: no time such as 2030-01-31T12:00:00Z"),
        ({"first_seen": "2030-02-31T12:00:00Z"}, "`first_seen`: day is out of range"),
        ({"version": ""}, "is empty, too long or cannot be printed"),
        ({"index": "a\nb"}, "is empty, too long or cannot be printed"),
        ({"file": "a" * (MAX_TEXT + 1)}, "is empty, too long or cannot be printed"),
    ],
)
def test_what_is_no_line_is_told(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_line(json.dumps({**LINE, **change}).encode())


@pytest.mark.parametrize("line", [b"", b"[]", b'"ledger"', b'{"ledger":1', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_told(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"not JSON|no object"):
        parse_line(line)


@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_a_value_error(line: bytes) -> None:
    try:
        parse_line(line)
    except ValueError:
        return
    assert is_line(line)


def test_times() -> None:
    assert show_time(read_time("2026-11-30T10:00:01.123Z")) == "2026-11-30T10:00:01Z"
    assert show_time(2**39) == str(2**39)  # no calendar has that
