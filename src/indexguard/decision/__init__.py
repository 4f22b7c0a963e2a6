"""The heart: what the policy says of a name, an index, a page and a file, and what comes of a whole name. Pure."""

from __future__ import annotations
