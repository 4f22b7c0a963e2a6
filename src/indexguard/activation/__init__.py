"""What makes an interpreter's pips guarded, and takes it back: the files that are written, and each of them by name."""

from __future__ import annotations
