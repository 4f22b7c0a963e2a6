"""What the formats read of an event."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration.harness.cases import read_cases

from indexguard.audit.kinds import SEVERITIES
from indexguard.logs.export import fields
from support.log_events import KINDS

CASES = read_cases(__file__)


@pytest.mark.parametrize(
    ("told", "milliseconds", "shown"),
    [
        ("2026-11-26T04:00:00.123Z", 1795665600123, "2026-11-26T04:00:00.123Z"),
        ("2026-11-26T05:00:00.123+01:00", 1795665600123, "2026-11-26T04:00:00.123Z"),
        ("2026-11-26T04:00:00", 1795665600000, "2026-11-26T04:00:00.000Z"),
        ("1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_times(told: str, milliseconds: int, shown: str) -> None:
    event = {"time": told}
    assert (fields.milliseconds(event), fields.timestamp(event)) == (milliseconds, shown)


@given(moment=st.datetimes(timezones=st.just(timezone.utc)))
def test_every_time_is_exact(moment: datetime) -> None:
    event = {"time": moment.isoformat().replace("+00:00", "Z")}
    again = fields.moment({"time": fields.timestamp(event)})
    assert again == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@pytest.mark.parametrize("told", ["", "now", "Z", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:00", 5, None])
def test_time_that_is_none(told: Any) -> None:
    assert fields.moment({"time": told}) is None


def test_every_kind_has_a_severity() -> None:
    assert set(SEVERITIES) == set(KINDS)
    assert fields.severity({"event": "of-a-later-version"}) >= fields.ALERT


@pytest.mark.parametrize(
    ("event", "expected"),
    CASES["package_urls"],
)
def test_package_url(event: dict[str, Any], expected: str) -> None:
    assert fields.purl(event) == expected


@pytest.mark.parametrize(
    ("event", "expected"),
    CASES["summaries"],
)
def test_summary(event: dict[str, Any], expected: str) -> None:
    assert fields.summary(event) == expected


def test_empty_is_left_out_and_zero_is_not() -> None:
    value: dict[str, Any] = {
        "a": 0,
        "b": False,
        "c": None,
        "d": "",
        "e": [],
        "f": {"g": [{}]},
        "h": [{"i": ""}, 1, ""],
        "j": 0.0,
    }
    assert fields.filled(value) == {"a": 0, "b": False, "h": [1, ""], "j": 0.0}


def test_deep_nesting_is_left_out() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert fields.carried({"ci": deep, "files": 2}, ("ci", "files")) == {"ci": [[[None]]], "files": 2}


def test_only_whole_numbers_are_numbers() -> None:
    values = {"a": True, "b": 1.0, "c": "1", "d": 2**53, "e": -3}
    assert [fields.number(values, key) for key in "abcdef"] == [None, None, None, None, -3, None]
