"""Prepares a list of names so that a pip run finds in it what a name may be meant for: once, when the wheel is built.

Standard library only, and imports nothing but its neighbour: the build loads it from the source tree.
"""

from __future__ import annotations

import re
import sys
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from zlib import crc32

from .names import MARK, MIN_LETTERS, RENOWNED, keys_of, mask

_FIRST = 500
"""How many names of the list are the most popular ones of all: those are what is squatted."""
_MOST = 60_000
"""Names are numbered with 16 bits."""
_NAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,200}[a-z0-9])?")


def read_list(path: str) -> list[str]:
    """Return the names of a file, one a line, the most popular first; a line that begins with ``#`` says something else.

    :raises OSError: there is no such file.
    :raises ValueError: it is not text, or a line is no name.
    """
    with open(path, encoding="utf-8") as file:
        return parse_list(file.read())


def parse_list(text: str) -> list[str]:
    """Return the names of a list, normalised, each once.

    :raises ValueError: a line is no name, or there are too many.
    """
    names: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        told = line.strip()
        if not told or told.startswith("#"):
            continue
        name = re.sub(r"[-_.]+", "-", told).lower()
        if not _NAME.fullmatch(name):
            raise ValueError(f"line {number} is no project name")
        names[name] = None
    if len(names) > _MOST:
        raise ValueError(f"{len(names)} names; at most {_MOST} can be looked for")
    return list(names)


def prepare(names: Sequence[str]) -> bytes:
    """Return a list in the form that ``names.Names`` reads: the same bytes on every machine.

    :param names: normalised, each once, the most popular first.
    """
    renowned = frozenset(names[:_FIRST])
    ordered = sorted(names, key=lambda name: (name[0], len(name), name))
    links = sorted(
        (crc32(key.encode()) >> 8, owner)
        for owner, name in enumerate(ordered)
        for key in (keys_of(name) if len(name) >= MIN_LETTERS else (name,))
    )
    codes = [code for code, _ in links]
    numbers = (
        ("I", [len(ordered), len(links)]),
        ("Q", [mask(name) | (RENOWNED if name in renowned else 0) for name in ordered]),
        ("I", [bisect_left(codes, first << 16) for first in range(257)]),
        ("H", [code & 0xFFFF for code in codes]),
        ("H", [owner for _, owner in links]),
        ("H", [(ord(name[0]) << 8) + len(name) for name in ordered]),
    )
    parts = [MARK]
    for kind, values in numbers:
        stored = array(kind, values)
        if sys.byteorder == "big":
            stored.byteswap()
        parts.append(stored.tobytes())
    text = "\n".join(["", *ordered, ""])
    return b"".join([*parts, text.encode("ascii")])
