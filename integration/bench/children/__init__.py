"""What a benchmark starts in processes of its own."""

from __future__ import annotations
