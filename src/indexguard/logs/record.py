"""A field of a record from a log as the type that it should have, whatever it has."""

from __future__ import annotations

from typing import Any


def text(fields: dict[str, Any], key: str) -> str:
    """Return a field that is a text, or the empty text."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def table(fields: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a field that is an object, or an empty one."""
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def texts(fields: dict[str, Any], key: str) -> list[str]:
    """Return the texts in a field that is a list."""
    value = fields.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def tables(fields: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects in a field that is a list."""
    value = fields.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
