"""The commands about the ledger: what an index has shown, and when first."""

from __future__ import annotations
