"""Where the command line prints: data to standard output, talk to standard error, colour only on a terminal."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, TextIO

from ..errors import escape, hide

WIDTH = 80
"""Columns of a terminal: what is printed fits, but for words that are longer."""
RED, GREEN, YELLOW, BOLD = "31", "32", "33", "1"


class Console:
    """Prints lines; every control character in them is escaped, whoever supplied it.

    :param out: for what was asked for.
    :param err: for everything else.
    """

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self.out = out
        self.err = err

    @classmethod
    def standard(cls) -> Console:
        """Return the process's own streams, made unable to fail on a character that they cannot encode.

        One that the caller has closed (``>&-``) takes everything and shows nothing.
        """
        return cls(_prepare(sys.stdout), _prepare(sys.stderr))

    def flush(self) -> None:
        """Write out what waits; the system may refuse only now."""
        self.out.flush()
        self.err.flush()

    def give_up(self) -> None:
        """Keep Python from complaining of streams that cannot be written when it closes them at its end."""
        _give_up(self.out)
        _give_up(self.err)

    def line(self, text: str = "", style: str | None = None) -> None:
        """Print one line of the answer."""
        _print(self.out, text, style)

    def wrapped(self, text: str, style: str | None = None, *, indent: str = "") -> None:
        """Print a sentence in lines of a terminal's usual width; a word that is longer (a path) is not broken.

        :param indent: what each line begins with; from the second on two spaces more.
        """
        for line in wrap(escape(text), indent):
            self.line(line, style)

    def record(self, text: str, style: str | None = None) -> None:
        """Print one record: in one line for a program that reads on, in lines of its width on a terminal."""
        if self.out.isatty():
            self.wrapped(text, style)
        else:
            self.line(text, style)

    def lines(self, text: str) -> None:
        """Print a text of several lines."""
        for line in text.split("\n"):
            self.line(line)

    def table(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Print rows in columns."""
        for line in columns(rows):
            self.line(line)

    def note(self, text: str, style: str | None = None) -> None:
        """Print a text of one or several lines about the answer."""
        for line in text.split("\n"):
            _print(self.err, line, style)

    def progress(self, text: str) -> None:
        """Show how far long work is, in one line of a terminal that the next one replaces; an empty text takes it away."""
        self.err.write(f"\r\x1b[K{escape(text)}")
        self.err.flush()

    def json(self, value: Any, *, indent: int | None = 2) -> None:
        """Print a value for a machine; without ``indent`` it is one line."""
        print(json.dumps(hide(value), indent=indent, separators=None if indent else (",", ":")), file=self.out)


def wrap(text: str, indent: str = "") -> list[str]:
    """Return a text in lines of at most ``WIDTH`` characters, words that are longer aside."""
    further = f"{indent}  "
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent]


def _prepare(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # as long as the process
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return stream


def _give_up(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print(stream: TextIO, text: str, style: str | None) -> None:
    safe = escape(hide(text))
    print(f"\x1b[{style}m{safe}\x1b[0m" if style and _shows_colour(stream) else safe, file=stream)


def _shows_colour(stream: TextIO) -> bool:
    # no-color.org: any text that is not empty counts.
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def columns(rows: Sequence[tuple[str, ...]], indent: str = "  ") -> list[str]:
    """Return rows as lines, each column as wide as its longest cell; the last one is not filled up."""
    widths = [max(len(escape(row[place])) for row in rows) for place in range(len(rows[0]))] if rows else []
    return [indent + "  ".join(f"{escape(cell):<{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
