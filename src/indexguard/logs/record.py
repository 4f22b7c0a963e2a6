"""A field of a record from a log as the type that it should have, whatever it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text(fields: Mapping[str, Any], key: str) -> str:
    """Return a field that is a text, or the empty text."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def table(fields: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a field that is an object, or an empty one."""
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def items(fields: Mapping[str, Any], key: str) -> list[Any]:
    """Return a field that is a list, or an empty one."""
    value = fields.get(key)
    return value if isinstance(value, list) else []


def texts(fields: Mapping[str, Any], key: str) -> list[str]:
    """Return the texts in a field that is a list."""
    return [item for item in items(fields, key) if isinstance(item, str)]


def tables(fields: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects in a field that is a list."""
    return [item for item in items(fields, key) if isinstance(item, dict)]
