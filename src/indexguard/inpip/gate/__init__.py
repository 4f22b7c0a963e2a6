"""The gate: what goes round pip's finder, and what a distribution turns out to be."""

from __future__ import annotations
