"""What is live in the interpreters of this machine."""

from __future__ import annotations
