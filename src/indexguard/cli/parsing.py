"""The shape of a command: its words for ``--help`` (``commands.toml``), its options, and what runs it.

The help is the same text on every Python and every terminal, because a document shows it.
"""

from __future__ import annotations

import argparse
import os
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable

from ..policy.hints import find_closest
from ..policy.table import parse
from .console import WIDTH, Console

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
        usage = _fit_usage(name, words.pop("usage").format_map(_all_words()["shared"]))
        for key in ("description", "exit_codes"):
            words[key] = _fit(words[key])
        return cls(name, add_options, run, **words, usage=usage)


def _fit(text: str) -> str:
    """Return a text in lines of a terminal's width; what is indented is a table, and stays as it is."""
    found = []
    for paragraph in text.split("\n\n"):
        is_table = paragraph.startswith(" ")
        found.append(paragraph if is_table else "\n".join(textwrap.wrap(paragraph, WIDTH, break_on_hyphens=False)))
    return "\n\n".join(found)


def _fit_usage(name: str, usage: str) -> str:
    """Return the options of a usage line in lines of a terminal's width; none is broken in two."""
    lines, room = [""], WIDTH - len(f"usage: indexguard {name} ")
    for word in re.findall(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]|\S+", usage):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append("   ")
            room = WIDTH
        lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\n".join(lines)


@lru_cache(maxsize=1)
def _all_words() -> dict[str, dict[str, str]]:
    return parse(Path(__file__).with_name("commands.toml").read_bytes())


class BadInputError(Exception):
    """Something that the user typed cannot be used; the text says what and what was expected. Exit code 2."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Of a fixed width, on terminals of any."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=WIDTH, max_help_position=26)


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
            description=command.description + _list(below),
            epilog=f"Example:\n{_indented(command.example)}\n\n{command.exit_codes}",
        )
        group = subparser.add_argument_group("options")
        _add_common(group)
        command.add_options(group)
        subparser.set_defaults(command=command, parser=subparser)
    return parser


def read_arguments(parser: argparse.ArgumentParser, argv: Sequence[str], commands: tuple[Command, ...]) -> Any:
    """Return the arguments; what no command knows is told with the usage of the command that was meant.

    :raises SystemExit: they have a fault, which has been told.
    """
    _check_name(parser, argv, commands)
    arguments, unknown = parser.parse_known_args(join_words(argv, commands))
    if unknown:
        own: argparse.ArgumentParser = vars(arguments).get("parser", parser)
        options = [option for action in own._actions for option in action.option_strings]  # noqa: SLF001  # no public name
        close = find_closest(unknown[0].partition("=")[0], options) if unknown[0].startswith("--") else None
        meant = f"; did you mean {close}?" if close else ""
        own.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
    return arguments


def _check_name(parser: argparse.ArgumentParser, argv: Sequence[str], commands: tuple[Command, ...]) -> None:
    """Refuse a command that is none, with the one that it is most like.

    :raises SystemExit: it is none.
    """
    names = [command.name for command in commands]
    first, second = (*argv[:2], "", "")[:2]
    if first and not first.startswith("-") and first not in names:
        close = find_closest(first, [*names, *(name.rpartition(" ")[2] for name in names)])
        meant = next((name for name in names if close in (name, name.rpartition(" ")[2])), None)
        hint = f"did you mean `{parser.prog} {meant}`?" if meant else f"`{parser.prog} --help` lists them"
        parser.error(f"no command {first!r}; {hint}")
    below = [name for name in names if name.startswith(f"{first} ")]
    # A word where a file may stand: one that is there is meant, and so is what looks like a path.
    if (
        below
        and re.fullmatch(r"[a-z][a-z-]*", second)
        and f"{first} {second}" not in below
        and not os.path.exists(second)
    ):
        close = find_closest(f"{first} {second}", below)
        hint = f"did you mean `{parser.prog} {close}`?" if close else f"`{parser.prog} {first} --help` lists them"
        parser.error(f"no command {f'{first} {second}'!r}, and no such file; {hint}")


def join_words(argv: Sequence[str], commands: tuple[Command, ...]) -> list[str]:
    """Return the arguments with a command's name of two words in one piece, as the parser knows it."""
    name = " ".join(argv[:2])
    return [name, *argv[2:]] if any(command.name == name for command in commands) else list(argv)


def _add_common(group: argparse._ArgumentGroup, version: str | None = None) -> None:
    group.add_argument("-h", "--help", action="help", help="show this text and exit")
    if version is not None:
        group.add_argument("--version", action="version", version=version, help="show the version and exit")


def _list(commands: Sequence[Command]) -> str:
    if not commands:
        return ""
    width = max(len(command.name) for command in commands)
    lines = [f"{command.name:<{width}}  {command.summary}" for command in commands]
    return "\n\nmore commands:\n" + _indented("\n".join(lines))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))
