"""The commands about the policy file."""

from __future__ import annotations
