"""The values of keys that few tables have: reasons, dates, sizes and ages."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .table import TableReader

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SIZE = "([0-9]{1,12}) ?(KiB|MiB|GiB)"
_SIZES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SMALLEST = 64 * 2**10


def read_reason(reader: TableReader, key: str, table: Mapping[str, Any]) -> str | None:
    """Return the reason that the table at ``key`` gives, if it gives one."""
    value = table.get("reason")
    if value is None or isinstance(value, str):
        return value
    reader.unexpected(f"{key}.reason", value, "a text")
    return None


def read_last_day(reader: TableReader, key: str, table: Mapping[str, Any]) -> date | None:
    """Return the last valid day that a table gives, if it gives one.

    :param key: of the date itself.
    """
    value = table.get("expires")
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    close = None
    if isinstance(value, str) and re.fullmatch(_DAY, value):
        close = f"expires = {value}"
    elif isinstance(value, datetime):
        close = f"expires = {value.date().isoformat()}"
    reader.unexpected(key, value, "a date without quotes and without a time, such as 2027-01-31", close)
    return None


def read_size(reader: TableReader, key: str, table: Mapping[str, Any]) -> int | None:
    """Return a size in bytes; None where the table does not have that key."""
    expected = 'a size of at least 64 KiB, such as "100 MiB"'
    found = read_number(reader, key, table, _SIZE, expected)
    size = None if found is None else found[0] * _SIZES[found[1]]
    if size is not None and size < _SMALLEST:
        reader.unexpected(key, table["max-size"], expected)
    return size


def read_number(
    reader: TableReader, key: str, table: Mapping[str, Any], pattern: str, expected: str
) -> tuple[int, str] | None:
    """Return a number and its unit; None where the table does not have that key.

    :param pattern: a regular expression of both, as its groups; compiled only for who needs it.
    """
    name = key.rpartition(".")[2]
    if name not in table:
        return None
    value = table[name]
    found = re.fullmatch(pattern, value) if isinstance(value, str) else None
    if found is None or int(found[1]) == 0:
        reader.unexpected(key, value, expected)
        return None
    return int(found[1]), found[2]
