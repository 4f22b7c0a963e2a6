"""Annotations, read as the runner of GitHub Actions reads workflow commands."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given

from indexguard.logs.export import github
from indexguard.logs.export.fields import summary
from support.log_events import KINDS, events, odd_events, sample

_COMMAND = re.compile(r"::(error|warning|notice) title=([^:,\r\n]*)::([^\r\n]*)")


def _check(line: str | None) -> tuple[str, str, str] | None:
    if line is None:
        return None
    found = _COMMAND.fullmatch(line)
    assert found, line
    assert line.isprintable()
    command, title, message = found.groups()
    title = title.replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    return command, title, message.replace("%25", "%")


@given(event=events() | odd_events())
def test_every_event_is_one_command_or_none(event: dict[str, Any]) -> None:
    found = _check(github.line(event))
    assert found is None or found[2] == summary(event)


@pytest.mark.parametrize("kind", KINDS)
def test_commands(kind: str) -> None:
    commands = {"refused": "error", "shadowed": "error", "guard-failed": "error", "dropped": "notice",
                "redirected": "warning", "would-refuse": "warning", "noticed": "notice", "waived": "notice"}  # fmt: skip
    found = _check(github.line(sample(kind)))
    assert (found and found[0]) == commands.get(kind)


def test_whole_line() -> None:
    event = sample("refused", message="100% sure\n::stop-commands::x", name="acme-core")
    assert github.line(event) == (
        "::error title=indexguard%3A unmatched-name::acme-core (2 versions): no rule of the policy matches the name"
        " (100%25 sure\\n::stop-commands::x), index https://mirror.example/simple/"
    )
