"""The JSON Schema of an event, as it is published: ``schema.json`` beside this module."""

from __future__ import annotations

from pathlib import Path


def schema_text() -> str:
    """Return the schema (JSON Schema 2020-12), which names every field with its type, unit and first version."""
    return Path(__file__).with_name("schema.json").read_text(encoding="utf-8")
