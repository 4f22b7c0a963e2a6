"""Events for the tests of the report: as the guard writes them, and as nobody should."""

from __future__ import annotations

from typing import Any

from integration.harness.cases import read_cases

_EVENT = read_cases(__file__)["event"]
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
    told = {"index_answered": f"{PUBLIC}{name}/", "message": f"refused `{name}`"}
    return {**_EVENT, "event": kind, "code": code, "name": name, **told, **fields}


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
