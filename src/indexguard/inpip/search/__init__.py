"""What one finder met while it looked for one name."""

from __future__ import annotations
