"""The filter: which indexes pip asks for a name, and which of the files that they offer it gets to see."""

from __future__ import annotations
