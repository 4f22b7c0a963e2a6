"""Cases as data: the TOML file that lies beside a module of tests and has its name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib  # noqa: TID251 - the harness reads its own files
else:
    from indexguard._vendor import tomli as tomllib  # noqa: TID251 - as it is, for the unit tests on older Pythons


def read_cases(module: str) -> dict[str, Any]:
    """Return what the file of cases holds: lists, tables and texts, by their names.

    :param module: the module's ``__file__``.
    :raises ValueError: something in it is empty, so that a test would have no case.
    """
    path = Path(module).with_suffix(".toml")
    cases = tomllib.loads(path.read_text(encoding="utf-8"))
    empty = [name for name, value in cases.items() if not value]
    if empty or not cases:
        raise ValueError(f"{path}: no cases in {', '.join(empty) or 'it'}")
    return cases
