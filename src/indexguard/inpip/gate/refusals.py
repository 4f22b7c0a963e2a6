"""What is said of a reference, and of a distribution, that the gate refuses: loaded with the first one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...audit.event import EventFields
from ...errors import clean, escape
from ...patterns import Name
from ...policy.identity import redact
from ...tuples import NamedTuple

if TYPE_CHECKING:
    from ..objects import Link, Requirement

_CODE_HAS_RUN = "its name was known only after it was fetched: code of its build has run"


class Described(NamedTuple):
    """The parts of a ``Refusal`` beside its finding."""

    subject: str
    facts: list[tuple[str, str]]
    fields: EventFields
    note: str


def describe_reference(
    requirement: Requirement, source: Link | None, fields: EventFields, led_to: Iterable[tuple[str, str]], *, late: bool
) -> Described:
    """Say what a reference is, and who brings it.

    :param source: the link that it is.
    :param led_to: labels and texts of where its download was led to.
    :param late: whether its name was known only after it was fetched.
    """
    shown = "" if source is None else redact(source.url)
    facts = [("reference", shown), *led_to]
    parent = requirement.comes_from
    if parent is not None:
        facts.append(("asked for by", escape(str(getattr(parent, "name", None) or parent))))
    return Described(escape(fields.name or "") or shown, facts, fields, _CODE_HAS_RUN if late else "")


def describe_places(link: Link, name: Name | None, found: Sequence[str]) -> Described:
    """Say what of the guard a wheel would write over.

    :param found: those places.
    """
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    note = f"it would write {clean(found[0])}{more}"
    fields = EventFields(name=name, index_asked=redact(link.url), files=1, message=note)
    return Described(escape(name or ""), [("file", redact(link.url))], fields, note)
