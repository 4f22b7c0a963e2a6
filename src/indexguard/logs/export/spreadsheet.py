"""Comma-separated values as RFC 4180 has them: a header, one record an event, lines that end in CR LF.

What a spreadsheet would take for a formula is put behind an apostrophe: names and versions come from an index,
and so from anybody.
"""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Sequence
from typing import Union

from ..record import table, tables
from .fields import Event, number, text, texts, timestamp

Cell = Union[str, int, None]

COLUMNS = (
    "time", "event", "code", "name", "versions", "more_versions", "files", "index_asked", "index_answered", "kept",
    "chosen_version", "chosen_file", "chosen_hash", "chosen_url", "chosen_index", "offered", "more_offered",
    "requested_by", "rule_layer", "rule_file", "rule_key", "rule_pattern", "rule_indexes", "policy", "message",
    "run", "seq", "parent_run", "user", "host", "pid", "ppid", "guard", "pip", "python", "executable", "prefix", "cwd",
    "command", "ci_provider", "ci_job", "ci_run", "ci_repository", "ci_ref", "seal_events", "seal_exit", "prev",
    "same_file", "drill",
    "squat_own_newest", "squat_newest", "squat_above", "squat_jump", "squat_oldest_upload", "squat_newest_upload",
    "squat_first_seen",
)  # fmt: skip
"""The columns; their order never changes, and new ones come at the end."""

# Where the comma is the decimal sign, a spreadsheet takes the semicolon for the end of a cell, whatever the quotes say.
_FORMULA = re.compile(
    '(^|;)(?=["\\s]*[-=+@\t\r\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}])'
)
_NUMBERS = ("more_versions", "files", "more_offered", "seq", "pid", "ppid")


def opening() -> str:
    """Return the header."""
    return _record(COLUMNS)


def line(event: Event) -> str:
    """Return one record, with its end."""
    cells = _cells(event)
    return _record([_guarded(cells[column]) for column in COLUMNS])


def _cells(event: Event) -> dict[str, Cell]:
    found: dict[str, Cell] = {column: text(event, column) for column in COLUMNS}
    found.update((column, number(event, column)) for column in _NUMBERS)
    for prefix in ("chosen", "rule", "ci", "squat"):
        inner = table(event, prefix)
        found.update((c, text(inner, c[len(prefix) + 1 :])) for c in COLUMNS if c.startswith(f"{prefix}_"))
    seal, squat = table(event, "seal"), table(event, "squat")
    return {
        **found,
        "time": timestamp(event),
        "drill": "true" if event.get("drill") is True else "",
        "versions": _listed(texts(event, "versions")),
        "kept": _listed(texts(event, "kept")),
        "offered": _listed([_joined(offer, "version", "file", "hash", "url") for offer in tables(event, "offered")]),
        "requested_by": _listed(texts(event, "requested_by")),
        "same_file": _listed(texts(event, "same_file")),
        "rule_indexes": _listed(texts(table(event, "rule"), "indexes")),
        "policy": _listed([_joined(layer, "layer", "mode", "sha256", "file") for layer in tables(event, "policy")]),
        "command": shlex.join(texts(event, "command")),
        "seal_events": number(seal, "events"),
        "seal_exit": number(seal, "exit"),
        "squat_above": number(squat, "above"),
        "squat_jump": number(squat, "jump"),
    }


def _listed(values: Sequence[str]) -> str:
    return "; ".join(values)


def _joined(inner: Event, *keys: str) -> str:
    return " ".join(filter(None, (text(inner, key) for key in keys)))


def _guarded(cell: Cell) -> Cell:
    return _FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell


def _record(cells: Sequence[Cell]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
