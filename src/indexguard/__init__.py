"""A guard inside every pip run: which package name may come from which index.

Nothing is imported here: this module runs inside pip before the guard knows whether it is needed.
"""

__version__ = "0.1.0"

SUPPORTED = ((3, 9), (3, 18))
"""Pythons that the guard supports: from the first, below the second."""
