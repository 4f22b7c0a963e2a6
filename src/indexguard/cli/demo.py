"""``indexguard demo``: the attack, without and with the guard."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from .console import Console
from .parsing import Command

_SIGNALLED = 128  # what a shell adds to the number of the signal that ended a command


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument("--keep", action="store_true", help="leave the temporary folder behind, and say where it is")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Play the demo; 1 if the guard did not hold, 2 if it cannot be played here."""
    from ..demo import run as run_demo  # noqa: PLC0415  # servers and venvs, which no other command needs

    with _ended_in_order():
        return run_demo(console.out, keep=arguments.keep)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let a signal end the demo as an exception does: children, servers and the folder go with it.

    One that the caller has the process ignore (``nohup``) stays ignored; a second one does not disturb the tidying up.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [int(getattr(signal, name)) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    taken = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]

    def end(number: int, _frame: object) -> None:
        for each in taken:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(_SIGNALLED + number)

    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


COMMAND = Command.of("demo", add_options, run)
