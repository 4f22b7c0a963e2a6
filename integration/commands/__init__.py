"""Commands that are told of servers by pip, with real ones."""

from __future__ import annotations
