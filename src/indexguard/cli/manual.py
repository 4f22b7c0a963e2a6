"""``indexguard manual``: the documents, without a network."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from ..errors import CODES
from .console import Console, columns
from .parsing import BadInputError, Command
from .policy.codes import describe

_HERE = Path(__file__).resolve().parent
_MARKER = re.compile(r"^<!-- .* -->\n|<!-- .*? -->", re.MULTILINE)
"""What tells a program where a block begins and ends is nothing to read."""
_FRONT = "README"
_ALIASES = {"readme": _FRONT, "commands": "cli"}
"""What somebody may look for, by the room that tells of it."""


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the argument of this command."""
    group.add_argument("topic", metavar="TOPIC", nargs="?", help="a document, or a code such as index-failed")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print one document, or what a code means.

    :raises BadInputError: there is no such topic; this installation carries no documents.
    """
    topic = arguments.topic and arguments.topic.lower()
    if topic in CODES:
        console.lines("\n".join(describe(topic)))
        return 0
    documents = find_documents()
    if not documents:
        raise BadInputError("this copy carries no documents; the installed package does")
    path = documents.get(_ALIASES.get(topic, topic) if topic else _FRONT)
    if path is None:
        known = ", ".join(name for name in documents if name != _FRONT)
        raise BadInputError(f"there is no topic {arguments.topic!r}; topics: {known}, and the code of any error")
    console.lines(_text(path).rstrip("\n"))
    if topic is None:
        titles = [(name, _title(path)) for name, path in documents.items() if name != _FRONT]
        console.lines("\n".join(["", "Topics of `indexguard manual TOPIC`:", "", *columns(titles)]))
        console.line("  and the code of any error, such as index-failed")
    return 0


def find_documents() -> dict[str, Path]:
    """Return the documents of this installation by topic, the front door first; empty in a copy that has none."""
    built = _HERE / "documents"
    if built.is_dir():
        found = {path.stem: path for path in sorted(built.glob("*.md"))}
        return {_FRONT: found.pop(_FRONT), **found} if _FRONT in found else found
    package = _HERE.parent
    front = package.parent.parent / "README.md"  # the tree, as an editable install reads it
    rooms = {path.parent.name: path for path in sorted(package.glob("*/README.md"))}
    return {_FRONT: front, **rooms} if rooms and front.is_file() else {}


def _text(path: Path) -> str:
    return re.sub(r"\n{3,}", "\n\n", _MARKER.sub("", path.read_text(encoding="utf-8")))


def _title(path: Path) -> str:
    return _text(path).partition("\n")[0].lstrip("# ")


COMMAND = Command.of("manual", add_options, run)
