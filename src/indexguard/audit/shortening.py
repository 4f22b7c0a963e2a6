"""What is left of an event where its line is longer than a log daemon keeps; loaded only where one is configured.

It begins with the size and the digest of the whole line, so that whoever reads it knows, and can compare. What happened
stays to the last: lists go first, those of files before all, and each tells how many it leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import cut
from .line import digest, encode

SHORTENED = b'{"shortened":'
"""How such an event begins: not as a line of the log does."""

_LISTS = {
    "offered": "more_offered",
    "versions": "more_versions",
    "kept": "more_kept",
    "command": "more_command",
    "requested_by": "more_requested_by",
}
"""Lists, and what counts their rest; in the order in which they are shortened."""
_HEAD = ("shortened", "sha256")
_LAST = ("schema", "time", "run", "seq", "event", "code", "name", "rule", "chosen", "policy")
"""What says what happened, to whom and by which rule: cut only where nothing else is left to be."""
_LIMITS = (400, 100, 40, 10)
"""Characters of a text: as many as there is room for."""
_SLACK = 16
"""Bytes by which a number may grow."""


def shorten(line: bytes, event: Mapping[str, Any], limit: int) -> bytes:
    """Return an event in at most so many bytes, as JSON.

    :param line: the whole line, as the file has it.
    :param limit: at least 1,000.
    """
    fields = {key: value for key, value in event.items() if key not in _HEAD}
    short = {"shortened": len(line), "sha256": digest(line), **fields}
    over = len(encode(short)) - limit
    for key, counter in _LISTS.items():
        if over > 0:
            _shorten_list(short, key, counter, over)
            over = len(encode(short)) - limit
    for is_last in (False, True):
        names = [key for key in short if (key in _LAST) is is_last and key not in _HEAD]
        for most in _LIMITS:
            if over > 0:
                short.update({key: _cut(short[key], most) for key in names})
                over = len(encode(short)) - limit
    while over > 0 and len(short) > len(_HEAD):  # none that a guard writes comes so far
        short.popitem()
        over = len(encode(short)) - limit
    return encode(short)


def _shorten_list(short: dict[str, Any], key: str, counter: str, over: int) -> None:
    """Leave out the end of a list, and count it."""
    items, before = short.get(key), short.get(counter)
    if not isinstance(items, list) or not items:
        return
    kept, need = len(items), over + len(encode({counter: 0})) + _SLACK
    while kept and need > 0:
        kept -= 1
        need -= len(encode({"": items[kept]})) - len('{"":}') + 1
    short[key] = items[:kept]
    short[counter] = (before if isinstance(before, int) else 0) + len(items) - kept


def _cut(value: Any, most: int) -> Any:
    """Cut the texts in a value."""
    if isinstance(value, str):
        return cut(value, most, within=True)
    if isinstance(value, list):
        return [_cut(item, most) for item in value]
    if isinstance(value, Mapping):
        return {key: _cut(item, most) for key, item in value.items()}
    return value
