"""Runs in the guarded environment's Python: writes an audit log, as the guard itself would write its events.

Started as ``python log_child.py FILE LINES``.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from typing import Any

BLOCK = 20_000
"""How many events differ; they are written again and again."""

_INDEXES = ("https://packages.corp.example/simple/", "https://mirror.example/simple/", "https://team.example/simple/")
_KINDS = (*["selected"] * 6, *["claimed-elsewhere"] * 3, "shadowed-name", "unmatched-name", "version-not-allowed")
_EVENTS = {"selected": "selected", "claimed-elsewhere": "not-asked", "shadowed-name": "shadowed"}


def make_lines(number: int) -> list[bytes]:
    """Return events of many runs, names and indexes; the same for every call but for their times and run ids."""
    event: Any = importlib.import_module("indexguard.audit.event")
    run_context: Any = importlib.import_module("indexguard.audit.run_context")
    chance = random.Random(1)  # noqa: S311 - nothing secret
    context = None
    lines = []
    for place in range(number):
        if place % 25 == 0:
            context = run_context.RunContext.of_process("26.3", argv=["pip", "install", "-r", "requirements.txt"])
        kind = chance.choice(_KINDS)
        name, index = f"project-{chance.randrange(2000)}", chance.choice(_INDEXES)
        made = event.build_event(
            context,
            place % 25 + 1,
            _EVENTS.get(kind, "refused"),
            None if kind == "selected" else kind,
            event.EventFields(
                name=name,
                versions=[f"{chance.randrange(9)}.{minor}" for minor in range(5)],
                files=10,
                index_asked=index,
                index_answered=f"{index}{name}/",
                message=f"{name}-1.0-py3-none-any.whl sha256={chance.getrandbits(256):064x}",
            ),
        )
        lines.append(json.dumps(made, separators=(",", ":")).encode() + b"\n")
    return lines


def write_log(path: str, number: int) -> None:
    """Write a log of so many lines."""
    lines = make_lines(min(number, BLOCK))
    with open(path, "wb") as file:
        while number > 0:
            file.writelines(lines[:number])
            number -= len(lines)


if __name__ == "__main__":
    write_log(sys.argv[1], int(sys.argv[2]))
