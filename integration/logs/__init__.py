"""Log daemons, and many writers on one log."""

from __future__ import annotations
