"""Annotations of a GitHub Actions job: workflow commands, one line for each finding.

The service shows ten errors and ten warnings of a step. Events of routine are left out.
"""

from __future__ import annotations

from ...audit.kinds import NOTABLE
from ...errors import escape
from .fields import Event, severity, summary, text
from .sarif import level

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def line(event: Event) -> str | None:
    """Return one workflow command, without its end; None for an event that is no finding."""
    if severity(event) < NOTABLE:
        return None
    title = f"indexguard: {text(event, 'code') or text(event, 'event')}"
    return f"::{_COMMANDS[level(event)]} title={property_text(title)}::{message_text(summary(event))}"


def message_text(value: str) -> str:
    """Return a text as it stands after the second ``::``."""
    return escape(value).replace("%", "%25")


def property_text(value: str) -> str:
    """Return a text as it stands in a property."""
    return message_text(value).replace(":", "%3A").replace(",", "%2C")
