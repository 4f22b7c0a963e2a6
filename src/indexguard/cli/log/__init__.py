"""The commands that read the audit log."""

from __future__ import annotations
