"""``indexguard log schema``: what the fields of the audit log mean."""

from __future__ import annotations

import argparse

from ...logs.schema import schema_text
from ..console import Console
from ..parsing import Command


def add_options(_group: argparse._ArgumentGroup) -> None:
    """Add no option: there is one schema."""


def run(_arguments: argparse.Namespace, console: Console) -> int:
    """Print the schema."""
    console.lines(schema_text().rstrip("\n"))
    return 0


COMMAND = Command.of("log schema", add_options, run)
