"""The memory of a machine or user: which files an index has shown, when first, and with which content (SQLite)."""
