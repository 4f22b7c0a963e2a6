"""Events for the tests of the report: as the guard writes them, and as nobody should."""

from __future__ import annotations

from typing import Any

PUBLIC = "https://mirror.example/simple/"

HOSTILE = (
    "</script><script>document.title='taken'</script>",
    '"><img src=x onerror="document.title=1">',
    "' onmouseover='document.title=1",
    "</style></title></table><h1>taken</h1><!--",
    "acme\u202egnp.exe\u2066\u200b",
    "\ud800\x1b[2J\x00\r\n]]>",
    "&lt;b&gt;&amp;",
    "$style ${script} {0} %s",
    "javascript:document.title=1",
)
"""Texts that want to be more than texts."""


def event(kind: str = "refused", code: str | None = "unmatched-name", **fields: Any) -> dict[str, Any]:
    """Return one event."""
    name = fields.get("name") or "acme-core"
    return {
        "schema": 1,
        "time": "2026-11-20T08:30:00.123Z",
        "run": "4a39da479bb0b09a",
        "seq": 3,
        "event": kind,
        "code": code,
        "name": name,
        "versions": ["5.0"],
        "more_versions": 0,
        "files": 1,
        "index_asked": PUBLIC,
        "index_answered": f"{PUBLIC}{name}/",
        "kept": [],
        "rule": {
            "layer": "machine",
            "file": "/etc/indexguard/policy.toml",
            "key": "indexes.corp.namespaces[0]",
            "pattern": "acme-*",
            "indexes": ["corp"],
        },
        "policy": [],
        "message": f"refused `{name}`",
        "pip": "26.3",
        "python": "3.13.0",
        "user": "root",
        "host": "build-7",
        "cwd": "/src",
        "command": ["python", "-m", "pip", "install", "parentlib"],
        **fields,
    }


def shadowed(name: str = "acme-core", **fields: Any) -> dict[str, Any]:
    """Return the event of a name that a public index offers."""
    return event("shadowed", "shadowed-name", name=name, **fields)


def hostile_event(text: str) -> dict[str, Any]:
    """Return an event that says this text wherever a text may be."""
    lists = {key: [text] * 9 for key in ("versions", "kept", "command", "requested_by")}
    texts = dict.fromkeys(
        ("run", "code", "name", "index_asked", "index_answered", "message", "pip", "python", "user", "host", "cwd", "prefix"), text
    )  # fmt: skip
    return shadowed() | {
        **texts,
        **lists,
        "event": text,
        "rule": {"layer": text, "file": text, "key": text, "pattern": text, "indexes": [text]},
        "ci": dict.fromkeys(("provider", "job", "run", "repository", "ref"), text),
        "offered": [{"version": text, "file": text, "hash": text, "url": text}],
    }
