"""What the page shows of one event: fields that are missing or of another type are empty, and every text is bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..audit.kinds import GROUP_OF, REFUSED, ROUTINE, SHADOWED
from ..codes import all_words
from ..errors import SHADOWED_NAME, cut
from ..logs.record import items, table, tables, text

Event = dict[str, Any]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
"""What a time of the log looks like."""

MAX_NAME = 200
MAX_LINE = 500
MAX_MESSAGE = 1000
MAX_ITEMS = 5


@dataclass(frozen=True)
class Entry:
    """One row of the table."""

    time: str
    """As in the log, so that texts sort by time; empty if it is no time."""
    group: str
    """A key of ``kinds.GROUPS``."""
    event: str
    code: str
    name: str
    versions: str
    asked: str
    answered: str
    host: str
    user: str
    message: str
    facts: tuple[tuple[str, str], ...]
    """Pairs of label and text for a closer look; none is empty."""


def read_time(event: Event) -> str:
    """Return the time of an event, in the form of the log; empty if it has another form."""
    time = event.get("time")
    return time if isinstance(time, str) and TIME.fullmatch(time) else ""


def find_group(event: Event) -> str | None:
    """Return the key in ``GROUPS`` of a finding; None for what is routine."""
    kind = event.get("event")
    if not isinstance(kind, str) or kind in ROUTINE:
        return None
    group = GROUP_OF.get(kind, REFUSED)
    return SHADOWED if group == REFUSED and event.get("code") == SHADOWED_NAME else group


def read_text(fields: Event, key: str, limit: int = MAX_NAME) -> str:
    """Return a text of an event or of an object in it; empty if it is something else."""
    return cut(text(fields, key), limit)


def find_offering_index(event: Event) -> str:
    """Return the index that was asked, or the page that answered in its place where that was another one."""
    asked, answered = read_text(event, "index_asked", MAX_LINE), read_text(event, "index_answered", MAX_LINE)
    return asked if answered.startswith(asked) and asked else answered or asked


def read_entry(event: Event, group: str) -> Entry:
    """Return what the page shows of a finding."""
    return Entry(
        time=read_time(event),
        group=group,
        event=read_text(event, "event"),
        code=read_text(event, "code"),
        name=read_text(event, "name"),
        versions=_list(event, "versions", more="more_versions"),
        asked=read_text(event, "index_asked", MAX_LINE),
        answered=read_text(event, "index_answered", MAX_LINE),
        host=read_text(event, "host"),
        user=read_text(event, "user"),
        message=read_text(event, "message", MAX_MESSAGE),
        facts=tuple((label, told) for label, told in _facts(event) if told),
    )


def _facts(event: Event) -> tuple[tuple[str, str], ...]:
    rule, run = table(event, "rule"), read_text(event, "run")
    words = all_words().get(read_text(event, "code"))
    return (
        ("Meaning", words.meaning if words else ""),
        ("What to do", words.remedy if words else ""),
        ("Rule", " ".join(filter(None, (read_text(rule, "file", MAX_LINE), read_text(rule, "key", MAX_LINE))))),
        ("Pattern", read_text(rule, "pattern")),
        ("Belongs to", _list(rule, "indexes")),
        ("Asked", read_text(event, "index_asked", MAX_LINE)),
        ("Answered", read_text(event, "index_answered", MAX_LINE)),
        ("Files", _number(event, "files")),
        ("Offered", _offered(event)),
        ("Kept", _list(event, "kept")),
        ("Also public", _list(event, "same_file")),
        ("Requested by", _list(event, "requested_by", sign=" > ")),
        ("CI job", _ci(event)),
        ("Environment", read_text(event, "prefix", MAX_LINE)),
        ("Folder", read_text(event, "cwd", MAX_LINE)),
        ("Command", _list(event, "command", sign=" ", shown=40)),
        ("Versions", _tools(event)),
        ("Run", f"{run}, event {_number(event, 'seq')}" if run and _number(event, "seq") else run),
    )


def _list(fields: Event, key: str, *, more: str = "", sign: str = ", ", shown: int = MAX_ITEMS) -> str:
    """Return the first texts of a list, and how many there are beside those."""
    found = items(fields, key)
    left_out = len(found[shown:]) + _count(fields.get(more))
    told = cut(sign.join(cut(item, MAX_NAME) for item in found[:shown] if isinstance(item, str)), MAX_LINE)
    return f"{told} and {left_out:,} more" if told and left_out else told


def _offered(event: Event) -> str:
    """Return the files that the event is about, each with its hash."""
    files = [f"{read_text(file, 'file')} {read_text(file, 'hash')}".strip() for file in tables(event, "offered")]
    return _list({"files": files, "more": event.get("more_offered")}, "files", more="more")


def _ci(event: Event) -> str:
    job = table(event, "ci")
    return ", ".join(filter(None, (read_text(job, key) for key in ("provider", "repository", "ref", "job", "run"))))


def _tools(event: Event) -> str:
    tools = (("indexguard", "guard"), ("pip", "pip"), ("Python", "python"))
    return ", ".join(f"{tool} {version}" for tool, key in tools if (version := read_text(event, key)))


def _number(event: Event, key: str) -> str:
    """Return a number of an event; empty if there is none or it is 0."""
    value = _count(event.get(key))
    return f"{value:,}" if value else ""


def _count(value: object) -> int:
    """Return a number of things; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**12 else 0
