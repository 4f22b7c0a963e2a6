"""Fuzzing of whatever others may write: policy files, pages of indexes, lines of the audit log."""
