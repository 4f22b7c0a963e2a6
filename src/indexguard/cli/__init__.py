"""The command line: the only place that prints and exits.

It never imports ``indexguard.inpip``; what must be known of pip it asks a child process (``pip_facts``).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

from .. import __version__
from ..errors import GuardError, escape
from . import demo, manual, report
from .console import RED, Console
from .ledger import export as ledger_export
from .ledger import forget, listing, show, take_in
from .log import events, export, record, replay, runs, schema, summary, verify, who_from
from .machine import seed, status
from .machine.activate import ACTIVATE, DEACTIVATE
from .parsing import BadInputError, make_parser, read_arguments
from .policy import advisories, check, explain, init

COMMANDS = (
    demo.COMMAND,
    init.COMMAND,
    check.COMMAND,
    *advisories.COMMANDS,
    explain.COMMAND,
    ACTIVATE,
    DEACTIVATE,
    seed.COMMAND,
    status.COMMAND,
    events.COMMAND,
    summary.COMMAND,
    runs.COMMAND,
    who_from.COMMAND,
    replay.COMMAND,
    record.COMMAND,
    verify.COMMAND,
    export.COMMAND,
    schema.COMMAND,
    show.COMMAND,
    listing.COMMAND,
    forget.COMMAND,
    ledger_export.COMMAND,
    take_in.COMMAND,
    report.COMMAND,
    manual.COMMAND,
)

_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 fine, 1 a finding or not guarded, 2 bad input or policy.

    :param argv: the arguments after the program's name; by default those of the process.
    """
    console = Console.standard()
    try:
        code = _run(argv, console)
        console.flush()
    except BrokenPipeError:
        # `indexguard log | head`: nobody reads on.
        console.give_up()
        return _BROKEN_PIPE
    except OSError as error:
        # Commands answer for the files that they read and write; what is left is the output: a full disk. An error that
        # has a file's name is none of the output's.
        console.give_up()
        what = "cannot write the output" if error.filename is None else f"cannot use {escape(str(error.filename))}"
        with suppress(OSError):
            console.note(f"indexguard: {what}: {error.strerror}", RED)
        return 2
    return code


def _run(argv: Sequence[str] | None, console: Console) -> int:
    parser = make_parser("indexguard", COMMANDS, __version__)
    try:
        arguments = read_arguments(parser, sys.argv[1:] if argv is None else argv, COMMANDS)
        if arguments.command_name is None:
            parser.print_help(console.err)
            return 2
        code: int = arguments.command.run(arguments, console)
    except SystemExit as stop:  # argparse: --help, --version, a fault in the arguments; the demo: a signal
        return stop.code if isinstance(stop.code, int) else 2
    except (GuardError, BadInputError) as error:
        console.note(str(error) if isinstance(error, GuardError) else f"indexguard: {error}", RED)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code
