"""Carries the guard into a pip that the parent pip starts with another interpreter (``pip --python OTHER``).

The parent puts this folder, and nothing else, at the front of PYTHONPATH. It starts the guard and then runs the
``sitecustomize`` that it stands before, if there is one.
"""

import sys

import _indexguard_bootstrap  # type: ignore[import-not-found]  # lies beside it, on the child's path

_indexguard_bootstrap.install()
_indexguard_bootstrap.chain(sys.modules[__name__])
