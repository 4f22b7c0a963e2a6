"""Stub."""

from __future__ import annotations


def find_interpreters() -> tuple[str, ...]:
    """Stub."""
    return ()
