"""Interpreters, roots and images that the guard is put into."""

from __future__ import annotations
