"""The documents of the tree as the tests read them, and what makes their marked blocks.

A block stands between ``<!-- marker -->`` and the next ``<!-- end -->``, in a code fence or not. Each marker stands once
in the whole tree, in the document that ``BLOCKS`` names::

    python -m tests.support.documents                   # writes every block that a function here makes
    python -m tests.support.documents routes FILE       # puts a file's text into a block that needs a long run
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from integration.attacks.rows import render as attack_table
from integration.harness.children import run_child
from integration.harness.pips import ALL_PIPS
from integration.hints.table import render as hint_table

from indexguard.audit.kinds import SEVERITIES
from indexguard.cli import COMMANDS, main
from indexguard.cli.policy.codes import table as code_table
from indexguard.logs.schema import schema_text
from indexguard.policy.serving import read_terms  # noqa: F401  # its tables are looked up by name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent

HELPS = ("", *(known.name for known in COMMANDS))
"""The commands whose help is shown; the first is the program itself."""

NAMES = {
    "<policy>": "/etc/indexguard/policy.toml",
    "<corp>": "https://packages.corp.example/simple/",
    "<public>": "https://mirror.example/simple/",
}
"""What the placeholders of the golden files are called in the story."""

_MADE = {"__pycache__", "_vendor", "build", "dist"}
"""Names of what .gitignore leaves out, beside what begins with a dot."""
_KEPT = {".ci", ".gitignore"}
_END = "<!-- end -->"


# The documents


def documents() -> dict[str, str]:
    """Return the text of every document of ours by its path; other people's, which are data of tests, are none."""
    paths = [path for path in tree_files() if path.suffix == ".md" and path.parts[:2] != ("tests", "data")]
    return {path.as_posix(): (ROOT / path).read_text(encoding="utf-8") for path in paths if path.name != "CHANGELOG.md"}


def read(path: str) -> str:
    """Return the text of one document."""
    return (ROOT / path).read_text(encoding="utf-8")


def marked(marker: str) -> str:
    """Return what stands in a marked block, without a code fence around it.

    :raises LookupError: there is no such marker, or its document has it more than once.
    """
    if marker not in BLOCKS:
        raise LookupError(f"no document has the marker {marker!r}")
    parts = read(BLOCKS[marker].document).split(f"<!-- {marker} -->")
    if len(parts) != 2:  # before and after
        raise LookupError(f"{BLOCKS[marker].document} has the marker {marker!r} {len(parts) - 1} times")
    body = parts[1].partition(_END)[0].strip("\n")
    fenced = re.fullmatch(r"```\w*\n(.*)\n```", body, re.DOTALL)
    return fenced[1] if fenced else body


def command(name: str) -> str:
    """Return one of the README's two commands, as a shell gets it."""
    lines = marked(f"command: {name}").splitlines()
    return "\n".join(line[4:] for line in lines if line.startswith("    "))


def rows(marker: str) -> list[list[str]]:
    """Return the rows of a marked table as cells, without its heading."""
    lines = marked(marker).splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def tree_files() -> list[Path]:
    """Return every file that belongs to the tree, relative to its root; a file that git has not seen yet counts too."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = run_child(listing, cwd=ROOT, check=True)
    except (OSError, subprocess.CalledProcessError):  # no git, an unpacked sdist, or a checkout of somebody else's
        return sorted(_walk())
    return sorted({Path(name) for name in done.stdout.split("\0") if name and (ROOT / name).is_file()})


def _walk() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _MADE and (name in _KEPT or not name.startswith("."))]
        names = [name for name in files if not name.endswith(".pyc") and (name in _KEPT or not name.startswith("."))]
        found += [(Path(folder) / name).relative_to(ROOT) for name in names]
    return found


# What makes the blocks


def help_of(name: str) -> str:
    """Return the help of a command, as it prints it."""
    with redirect_stdout(io.StringIO()) as printed:
        main([*name.split(), "--help"])
    return printed.getvalue()


def _commands() -> str:
    lines = [f"| `indexguard {known.name}` | {known.summary} |" for known in COMMANDS]
    return "\n".join(["| command | what it does |", "|---|---|", *lines])


def _refusal() -> str:
    """What pip printed, which the golden file holds (``integration/test_golden.py``)."""
    told = read(f"integration/golden/pip-{ALL_PIPS[-1]}.txt")
    for name, shown in NAMES.items():
        told = told.replace(name, shown)
    return told


TABLES = {"": "_FILE", "indexes.N": "_INDEX", "entry": "_ENTRY", "merge": "_MERGE", "shadow": "_SHADOW"}
TABLES |= {"shadow.known": "_KNOWN", "direct-urls": "_DIRECT_URLS", "defaults": "_DEFAULTS", "log": "_LOG"}
TABLES |= {"deny": "_DENY", "advisories": "_ADVISORIES", "ledger": "_LEDGER", "typosquat": "_TYPOSQUAT"}
TABLES |= {"status": "_STATUS", "provenance": "_PROVENANCE", "waive": "_WAIVE"}
"""The tables of a policy file, and what the reader calls their keys."""


def keys_of(table: str) -> Any:
    """Return the keys of one of ``TABLES`` as the reader has them: ``known`` and ``later``."""
    rooms = [vars(module) for name, module in sys.modules.items() if name.startswith("indexguard.policy.")]
    return next(room[TABLES[table]] for room in rooms if TABLES[table] in room)


def _later() -> str:
    of_file, of_index = ([f"`{key}`" for key in keys_of(table).later] for table in ("", "indexes.N"))
    return f"{', '.join(of_file)}; {', '.join(of_index)} of an index"


def _fields() -> str:
    """Make the table of the audit log's fields from the published schema."""
    schema = json.loads(schema_text())
    lines = list(_rows_of(schema["properties"], schema["$defs"]))
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *lines])


def _rows_of(fields: Mapping[str, Any], defs: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, field in fields.items():
        kind, parts = _type_of(field, defs)
        # The kinds of events have a table of their own.
        meaning = re.sub(r" `[a-z-]+`: .+(?= The list may grow)", " See the kinds below.", field["description"])
        yield f"| `{above}{name}` | {kind} | {meaning} |"
        yield from _rows_of(parts, defs, f"{above}{name}.")


_TYPES = {"string": "text", "integer": "integer", "object": "object", "null": "null", "boolean": "true or false"}


def _type_of(field: Mapping[str, Any], defs: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the words for a field's type, and the fields of the object that it holds, if it holds one."""
    if "$ref" in field:
        return _type_of(defs[field["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in field:
        (kind, parts), *others = (_type_of(option, defs) for option in field["anyOf"])
        return " or ".join([kind, *(word for word, _ in others)]), parts
    kinds = field.get("type", "string" if None not in field.get("enum", ()) else ["string", "null"])
    if kinds == "array":
        kind, parts = _type_of(field["items"], defs)
        return f"list of {kind}s", parts
    if "const" in field:
        return "integer", {}
    words = [_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return " or ".join(words), field.get("properties", {})


def _events() -> str:
    """Make the table of kinds from the published schema and the severities of the exports."""
    words = json.loads(schema_text())["properties"]["event"]["description"]
    told = re.findall(r"`([a-z-]+)`: (.+?)\.(?= `[a-z-]+`: | The list)", words)
    lines = [f"| `{kind}` | {SEVERITIES[kind]} | {meaning} |" for kind, meaning in told]
    return "\n".join(["| event | severity | what happened |", "|---|---|---|", *lines])


def _layers() -> str:
    """Return the floors of the house as import-linter holds them, the top first."""
    contract = re.search(
        r'^containers = \["indexguard"\]\nlayers = \[\n(.*?)^\]', read("pyproject.toml"), re.DOTALL | re.MULTILINE
    )
    floors = re.findall(r'"([^"]+)"', contract[1]) if contract else []
    return "\n".join(re.sub(r"[()]", "", floor).replace(" : ", "   ") for floor in floors if floor != "(__main__)")


# The registry


@dataclass(frozen=True)
class Block:
    """One marked block."""

    document: str
    """Where its marker stands, relative to the root."""
    make: Callable[[], str] | None = None
    """Returns its text; None for what a person or a long run writes."""


_CLI = "src/indexguard/cli/README.md"
_AUDIT = "src/indexguard/audit/README.md"
_POLICY = "src/indexguard/policy/README.md"
_MAP = "src/README.md"
_ACTIVATION = "src/indexguard/activation/README.md"

BLOCKS: dict[str, Block] = {
    "refusal": Block("README.md", _refusal),
    "commands": Block("README.md", _commands),
    "pips": Block("README.md", lambda: ", ".join(ALL_PIPS)),
    **{f"help: indexguard {name}".strip(): Block(_CLI, partial(help_of, name)) for name in HELPS},
    "codes": Block(_CLI, code_table),
    "attacks": Block("integration/attacks/README.md", attack_table),
    "hints": Block("integration/hints/README.md", hint_table),
    "fields": Block(_AUDIT, _fields),
    "events": Block(_AUDIT, _events),
    "later": Block(_POLICY, _later),
    "layers": Block(_MAP, _layers),
    "pth": Block(_ACTIVATION, lambda: read("src/indexguard.pth")),
    # By hand, and held by tests of tests/test_documents.py and integration/; `reach` sums up what `.ci/run --starts` plays.
    "command: demo": Block("README.md"),
    "command: tests": Block("README.md"),
    "demo": Block("README.md"),
    "policy": Block(_POLICY),
    "keys": Block(_POLICY),
    "event": Block(_AUDIT),
    "sql": Block("src/indexguard/logs/README.md"),
    "clickhouse": Block("src/indexguard/logs/README.md"),
    "dockerfile: base": Block(_ACTIVATION),
    "reach": Block(_ACTIVATION),
    "lands": Block(_ACTIVATION),
    "sigma": Block(_ACTIVATION),
    "map": Block(_MAP),
    # By long runs: `.ci/run --routes`, `python -m integration.bench --markdown`.
    "routes": Block("integration/ROUTES.md"),
    "benchmarks": Block("integration/bench/README.md"),
}
"""Every marker of the tree."""


def replaced(document: str, marker: str, text: str) -> str:
    """Return a document's text with the block's text in the place of what stands there; fence and line breaks stay.

    :raises LookupError: the document has no such block.
    """
    begin = f"<!-- {marker} -->"
    before, found, rest = document.partition(begin)
    body, end, after = rest.partition(_END)
    if not found or not end:
        raise LookupError(f"there is no block {marker!r}")
    opening = re.match(r"\n(?:```\w*\n)?", body)
    closing = "\n```\n" if opening and "```" in opening[0] else "\n" if opening else ""
    return f"{before}{begin}{opening[0] if opening else ''}{text.strip(chr(10))}{closing}{end}{after}"


def write(marker: str, text: str) -> None:
    """Put a text into its block.

    :raises LookupError: the marker is none of ``BLOCKS``, or its document has no such block.
    """
    if marker not in BLOCKS:
        raise LookupError(f"no document has the marker {marker!r}")
    path = ROOT / BLOCKS[marker].document
    old = path.read_text(encoding="utf-8")
    new = replaced(old, marker, text)
    if new != old:
        path.write_text(new, encoding="utf-8")


def _run(arguments: Sequence[str]) -> None:
    if arguments:
        marker, file = arguments
        write(marker, Path(file).read_text(encoding="utf-8"))
        return
    for marker, block in BLOCKS.items():
        if block.make is not None:
            write(marker, block.make())


if __name__ == "__main__":
    _run(sys.argv[1:])
