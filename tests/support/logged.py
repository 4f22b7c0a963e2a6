"""Events of an audit log, made as pip's runs would write them, with a time of our own; logs, and who writes them."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from indexguard.audit.event import build_event
from indexguard.audit.kinds import EventKind
from indexguard.audit.run_context import RunContext
from indexguard.audit.writer import AuditLog

CORP = "https://packages.corp.example/simple/"
MIRROR = "https://mirror.example/simple/"
RULE = {
    "layer": "machine",
    "file": "/etc/indexguard/policy.toml",
    "key": "indexes.corp.namespaces[0]",
    "pattern": "acme-*",
    "indexes": ["corp"],
}

_CONTEXT = RunContext("0123456789abcdef", "26.3", (), ("pip", "install", "app"), user="ann", host="laptop")
_LATER: dict[str, Any] = {"prefix": "/home/ann/venv", "ci": None, "requested_by": [], "offered": [], "more_offered": 0}
_LATER |= {"chosen": None, "seal": None, "prev": None}


def event(minute: int, kind: str, code: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return an event of a given minute; ``fields`` replace those that it would have."""
    known: EventKind = "refused"
    made = {**build_event(_CONTEXT, minute + 1, known, None), **_LATER, "event": kind, "code": code}
    made["time"] = f"2026-11-26T{minute // 60:02}:{minute % 60:02}:00.000Z"
    unknown = set(fields) - set(made)
    assert not unknown
    return {**made, **fields}


def file_of(name: str, version: str, index: str) -> dict[str, Any]:
    """Return one file as ``offered`` and ``chosen`` have it."""
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    url = f"{index.replace('/simple/', '/files/')}{filename}"
    return {"version": version, "file": filename, "hash": f"sha256:{'0' * 64}", "url": url}


def selected(minute: int, name: str, version: str = "1.0", index: str = CORP, **fields: Any) -> dict[str, Any]:
    """Return the event of a file that pip chose from an index."""
    file = file_of(name, version, index)
    own = {
        "name": name,
        "versions": [version],
        "files": 1,
        "index_asked": index,
        "index_answered": f"{index}{name}/",
        "offered": [file],
        "chosen": {**file, "index": index},
    }
    return event(minute, "selected", **{**own, **fields})


def sealed(minute: int, events: int, code: int | None = 0, **fields: Any) -> dict[str, Any]:
    """Return the last event of a run."""
    return event(minute, "sealed", seal={"events": events, "exit": code}, **fields)


def write(path: Path, *events: dict[str, Any]) -> str:
    """Write a log; return its path as a command line has it."""
    path.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in events), encoding="utf-8")
    return str(path)


SOURCE = Path(sys.modules[AuditLog.__module__].__file__ or "").parents[2]


def chained(path: Path, head: str | None = None) -> list[bytes]:
    """Return the lines of a log, each of which goes on from the one before it.

    :param head: the digest that the first one goes on from.
    """
    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    for line in lines:
        assert json.loads(line)["prev"] == head
        head = sha256(line).hexdigest()
    return lines


WRITE_MANY = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from indexguard.audit.writer import AuditLog
log = AuditLog(Path(sys.argv[2]))
for number in range(200):
    log.write({"writer": sys.argv[3], "number": number, "filling": "x" * (number * 97 % 9000)})
sys.exit(log.problem)
"""
