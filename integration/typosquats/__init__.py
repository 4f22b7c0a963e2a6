"""What the look for near-misses finds, and what it finds amiss."""

from __future__ import annotations
