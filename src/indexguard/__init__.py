"""A guard inside every pip run: which package name may come from which index.

Nothing is imported here: this module runs inside pip before the guard knows whether it is needed.
"""

__version__ = "0.1.0"
