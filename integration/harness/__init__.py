"""What plays a scenario: real pips, real indexes, real files."""

from __future__ import annotations
