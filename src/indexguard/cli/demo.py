"""``indexguard demo``: the attack, without and with the guard."""

from __future__ import annotations

import argparse

from .console import Console
from .parsing import Command


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument("--keep", action="store_true", help="leave the temporary folder behind")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Play the demo; 1 if the guard did not hold, 2 if it cannot be played here."""
    from ..demo import run as run_demo  # noqa: PLC0415  # servers and venvs, which no other command needs

    return run_demo(console.out, keep=arguments.keep)


COMMAND = Command(
    name="demo",
    summary="show the attack, without and with the guard",
    description=(
        "Starts two indexes on this machine, publishes the attack on one of them, and runs pip without and with\n"
        "the guard in a throw-away environment. Nothing leaves the machine, and nothing remains."
    ),
    example="indexguard demo",
    usage="[-h] [--keep]",
    add_options=add_options,
    run=run,
    exit_codes="Exit codes: 0 the guard held, 1 it did not, 2 the demo cannot be played here.",
)
