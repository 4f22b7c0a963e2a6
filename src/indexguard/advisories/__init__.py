"""What records of advisories (OSV) say of names, versions and files: read offline, and found by way of an index."""

from __future__ import annotations
