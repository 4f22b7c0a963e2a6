"""What is said of a decision: words, events and pip's exceptions."""

from __future__ import annotations
