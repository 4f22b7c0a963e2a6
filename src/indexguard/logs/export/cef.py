r"""Common Event Format, version 0: one line an event, for security systems that read nothing else.

In the header a backslash and a pipe are escaped, and a line break has no place; in a value a backslash and an equals sign
are, and a line break is written ``\n`` or ``\r``. A backslash before anything else would be a fault.
"""

from __future__ import annotations

import re
import shlex

from ... import __version__
from ...audit.kinds import DROPPED, KNOWN, REDIRECTED, REFUSED, SELECTED, SHADOWED
from ...errors import cut, escape
from ..record import table
from .fields import Event, identity, meaning, milliseconds, number, severity, summary, text, texts, version

_LONG = 1023
_CUSTOM = 4000
# The keys of the extension dictionary that are used, with the most characters that each may have. An escape counts as
# one: what it stands for is what the limit is about.
_LIMITS = {
    "act": 63,
    "outcome": 63,
    "dvchost": 100,
    "externalId": 40,
    "fileHash": 255,
    **dict.fromkeys(("cat", "fname", "msg", "reason", "request", "suser"), _LONG),
}
_BLOCKED = (REFUSED, SHADOWED, KNOWN, REDIRECTED, DROPPED)


def line(event: Event) -> str:
    """Return one line, without its end."""
    code = text(event, "code") or text(event, "event")
    header = (
        "CEF:0",
        "indexguard",
        "indexguard",
        header_text(text(event, "guard") or __version__, 31),
        header_text(code, _LONG),
        header_text(meaning(event), 512),
        str(severity(event)),
    )
    return "|".join((*header, " ".join(f"{key}={value}" for key, value in _extension(event).items())))


def header_text(value: str, limit: int) -> str:
    """Return a text as it stands in the header."""
    return cut(escape(value), limit, within=True).replace("\\", "\\\\").replace("|", "\\|")


def value_text(value: str, limit: int) -> str:
    """Return a text as it stands in the extension; a parser takes white space at its ends for the gap between keys."""
    safe = value if value.isprintable() else re.sub(r"[^\r\n]+", lambda found: escape(found[0]), value)
    return (
        cut(safe.strip(), limit, within=True)
        .replace("\\", "\\\\")
        .replace("=", "\\=")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
    )


def _extension(event: Event) -> dict[str, str]:
    kind = text(event, "event")
    chosen, rule = table(event, "chosen"), table(event, "rule")
    standard = {
        "act": "blocked" if kind in _BLOCKED else kind,
        "cat": kind,
        "outcome": "success" if kind == SELECTED else "failure" if kind == REFUSED else "",
        "reason": text(event, "code"),
        "msg": summary(event),
        "externalId": identity(event),
        "dvchost": text(event, "host"),
        "suser": text(event, "user"),
        "fname": text(chosen, "file"),
        "fileHash": text(chosen, "hash"),
        "request": text(chosen, "url") or text(event, "index_asked"),
    }
    customs = (
        ("package", text(event, "name")),
        ("version", version(event) or ", ".join(texts(event, "versions"))),
        ("indexAsked", text(event, "index_asked")),
        ("indexAnswered", text(event, "index_answered")),
        ("rule", " ".join(filter(None, (text(rule, "file"), text(rule, "key"))))),
        ("command", shlex.join(texts(event, "command"))),
    )
    found = {"rt": str(milliseconds(event)), "dvcpid": _digits(number(event, "pid"))}
    found.update((key, value_text(value, _LIMITS[key])) for key, value in standard.items())
    for place, (label, value) in enumerate(customs, 1):
        shown = value_text(value, _CUSTOM)
        if shown:
            found |= {f"cs{place}Label": label, f"cs{place}": shown}
    files = number(event, "files")
    if files:
        found |= {"cn1Label": "files", "cn1": str(files)}
    return {key: value for key, value in found.items() if value}


def _digits(value: int | None) -> str:
    return "" if value is None else str(value)
