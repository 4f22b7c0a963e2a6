"""The commands about this machine's interpreters."""

from __future__ import annotations
