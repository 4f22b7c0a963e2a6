"""The command line: the only place that prints and exits.

It never imports ``indexguard.inpip``; what must be known of pip it asks a child process (``pip_facts``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import GuardError
from . import check, demo, explain, init, log, status
from .console import RED, Console
from .parsing import BadInputError, make_parser

COMMANDS = (demo.COMMAND, init.COMMAND, check.COMMAND, explain.COMMAND, status.COMMAND, log.COMMAND)

_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 fine, 1 a finding or not guarded, 2 bad input or policy.

    :param argv: the arguments after the program's name; by default those of the process.
    """
    console = Console.standard()
    parser = make_parser("indexguard", COMMANDS, __version__)
    try:
        arguments = parser.parse_args(argv)
        if arguments.command_name is None:
            parser.print_help(console.err)
            return 2
        code: int = arguments.command.run(arguments, console)
        console.out.flush()
    except SystemExit as stop:  # argparse: --help, --version, or a fault in the arguments
        return stop.code if isinstance(stop.code, int) else 2
    except (GuardError, BadInputError) as error:
        console.note(str(error) if isinstance(error, GuardError) else f"indexguard: {error}", RED)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # `indexguard log | head`: nobody reads on; keep Python from saying so when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    return code
