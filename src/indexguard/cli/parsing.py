"""The shape of a command: its words for ``--help`` (``commands.toml``), its options, and what runs it.

The help is the same text on every Python and every terminal, because a document shows it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable

from ..policy.table import parse
from .console import Console

_AddOptions = Callable[[argparse._ArgumentGroup], None]  # noqa: SLF001  # it has no public name
_Run = Callable[[argparse.Namespace, Console], int]

EXIT_CODES = "Exit codes: 0 fine, 1 a finding or not guarded, 2 bad input or policy."


@dataclass(frozen=True)
class Command:
    """One subcommand."""

    name: str
    """One word, or that of another command and a word of its own: ``log summary``."""
    add_options: _AddOptions
    run: _Run
    """Returns the exit code. May raise GuardError (2) and BadInputError (2)."""
    summary: str
    """One line for the list of commands."""
    description: str
    example: str
    """A command line, with what it shows if need be."""
    usage: str
    """The options and arguments after the name; written out, because each Python breaks lines differently."""
    exit_codes: str

    @classmethod
    def of(cls, name: str, add_options: _AddOptions, run: _Run) -> Command:
        """Return a command with the words that ``commands.toml`` has for it."""
        words = {**_all_words()[name]}
        usage = words.pop("usage").format_map(_all_words()["shared"])
        return cls(name, add_options, run, **words, usage=usage)


@lru_cache(maxsize=1)
def _all_words() -> dict[str, dict[str, str]]:
    return parse(Path(__file__).with_name("commands.toml").read_bytes())


class BadInputError(Exception):
    """Something that the user typed cannot be used; the text says what and what was expected. Exit code 2."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Of a fixed width, on terminals of any."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100, max_help_position=28)


class _Parser(argparse.ArgumentParser):
    def __init__(self, prog: str, **words: Any) -> None:
        super().__init__(prog, formatter_class=_Formatter, add_help=False, allow_abbrev=False, **words)
        # Python 3.14 colours help texts; earlier versions know no such attribute and do not mind it.
        self.color = False  # type: ignore[attr-defined, unused-ignore]


def positive(text: str) -> int:
    """Return the number that an option gives, at least 1.

    :raises ArgumentTypeError: the text is none.
    """
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 1 to 999999999")
    return number


def make_parser(prog: str, commands: tuple[Command, ...], version: str) -> argparse.ArgumentParser:
    """Return the parser of the whole command line; the chosen command ends up in ``command``."""
    parser = _Parser(
        prog,
        usage=f"{prog} [-h] [--version] COMMAND ...",
        description="A guard inside every pip run: which package name may come from which index.",
        epilog=f"Example:\n  {prog} demo\n\n{EXIT_CODES}\nHelp on one command: {prog} COMMAND --help",
    )
    _add_common(parser.add_argument_group("options"), version=f"{prog} {version}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command_name", prog=prog)
    for command in commands:
        below = [other for other in commands if other.name.startswith(f"{command.name} ")]
        # The help of `log` lists `log summary`; a command without a help is left out of the list.
        shown: dict[str, Any] = {} if " " in command.name else {"help": command.summary}
        subparser = subparsers.add_parser(
            command.name,
            **shown,
            usage=f"{prog} {command.name} {command.usage}",
            description=command.description + _list(prog, below),
            epilog=f"Example:\n{_indented(command.example)}\n\n{command.exit_codes}",
        )
        group = subparser.add_argument_group("options")
        _add_common(group)
        command.add_options(group)
        subparser.set_defaults(command=command)
    return parser


def join_words(argv: Sequence[str], commands: tuple[Command, ...]) -> list[str]:
    """Return the arguments with a command's name of two words in one piece, as the parser knows it."""
    name = " ".join(argv[:2])
    return [name, *argv[2:]] if any(command.name == name for command in commands) else list(argv)


def _add_common(group: argparse._ArgumentGroup, version: str | None = None) -> None:
    group.add_argument("-h", "--help", action="help", help="show this text and exit")
    if version is not None:
        group.add_argument("--version", action="version", version=version, help="show the version and exit")


def _list(prog: str, commands: Sequence[Command]) -> str:
    if not commands:
        return ""
    width = max(len(command.name) for command in commands)
    lines = [f"{prog} {command.name:<{width}}  {command.summary}" for command in commands]
    return "\n\nmore commands:\n" + _indented("\n".join(lines))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))
