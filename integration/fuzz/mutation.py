"""Mutations that keep the form of an input, so that more of it is read than its first wrong byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from integration.harness.cases import read_cases

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 10**25, 1.5, float("nan"), float("inf"), "", " ", "\x1b[31m", "\ud800", "\u202e"),
    *("x" * 300, "9" * 300, "//[x", "../x-1.0.tar.gz", "file:///x-1.0.zip", "https://evil.example\\@corp.example/"),
    *("2026-13-01", ">=1,<2", "acme-core", [], {}, [[]], [{}], {"": None}, ["1.0"] * 60, {"sha256": "0" * 64}),
)
_ODD_TOML = (*map(str.encode, read_cases(__file__)["odd"]), b'"' + b"x" * 200 + b'"', b"9" * 5000)


def mutate_json(text: bytes, random: Random) -> bytes | None:
    """Replace, remove, repeat or rename one node of a JSON text; None where it is none."""
    try:
        tree = json.loads(text)
        places = list(_places([tree]))
        holder, key = random.choice(places)
        holder[key] = _change(holder[key], random)
        return json.dumps(places[0][0][0], ensure_ascii=random.random() < 0.9).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return None


def _places(root: list[Any]) -> list[tuple[Any, Any]]:
    """Return every node of a tree as (what holds it, its key or place there)."""
    found: list[tuple[Any, Any]] = [(root, 0)]
    for holder, key in found:
        node = holder[key]
        if isinstance(node, (dict, list)):
            found += [(node, inner) for inner in (list(node) if isinstance(node, dict) else range(len(node)))]
    return found


def _change(node: Any, random: Random) -> Any:
    if isinstance(node, dict) and node and random.random() < 0.5:
        key = random.choice(list(node))
        other = random.choice(["url", "versions", "files", "name", "schema", "\x1b", key.upper()])
        return {(other if name == key else name): value for name, value in node.items()}
    if isinstance(node, list) and node and random.random() < 0.5:
        return random.choice([node * 2, node[1:], node[::-1], [node], [*node, random.choice(_ODD)]])
    if isinstance(node, str) and node and random.random() < 0.5:
        place = random.randrange(len(node) + 1)
        return (
            node[:place]
            + random.choice(["\x00", "\n", "\\", "@", "%2f", "/../", "\ud800", "#egg=", " "])
            + node[place:]
        )
    return random.choice([*_ODD, [node], {"a": node}])


def mutate_lines(text: bytes, random: Random) -> bytes:
    """Repeat, remove or move one line of a text, repeat a piece of it often, or give a key of TOML another value."""
    lines = text.split(b"\n")
    place, other = random.randrange(len(lines)), random.randrange(len(lines))
    line = lines[place]
    how = random.randrange(5)
    if how == 0:
        lines.insert(other, line)
    elif how == 1 and len(lines) > 1:
        lines.insert(other, lines.pop(place))
    elif how == 2:
        del lines[place]
    elif how == 3 and line:
        start = random.randrange(len(line))
        end = start + random.randrange(1, 9)
        lines[place] = line[:start] + line[start:end] * random.randrange(2, 1500) + line[end:]
    else:
        key, equals, _ = line.partition(b"=")
        lines[place] = key + equals + b" " + random.choice(_ODD_TOML) if equals else line[::-1]
    return b"\n".join(lines)


def mutate_policy(data: bytes, random: Random) -> bytes:
    """Mutate a policy file."""
    return mutate_lines(data, random)


def mutate_json_page(data: bytes, random: Random) -> bytes:
    """Mutate an input whose page is JSON: what stands after the bytes and lines that choose the scene."""
    start = data.find(b"{")
    changed = mutate_json(data[start:], random) if start >= 0 else None
    return data if changed is None else data[:start] + changed


def mutate_log(data: bytes, random: Random) -> bytes:
    """Mutate a log: one of its events, or the order of its lines."""
    lines = data[1:].split(b"\n")
    place = random.randrange(len(lines))
    changed = mutate_json(lines[place], random)
    if changed is None:
        return data[:1] + mutate_lines(data[1:], random)
    lines[place] = changed.replace(b"\n", b" ")
    return data[:1] + b"\n".join(lines)


MUTATIONS: dict[str, Callable[[bytes, Random], bytes]] = {
    "policy": mutate_policy,
    "html": mutate_lines,
    "json": mutate_json_page,
    "log": mutate_log,
}
"""By target."""
