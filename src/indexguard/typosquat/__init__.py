"""Typosquatting: which names are a typing error away from a claimed or a popular one. Pure look-ups in prepared data."""

from __future__ import annotations
