"""What reads the audit log: outside pip."""

from __future__ import annotations
