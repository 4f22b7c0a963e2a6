"""What an audit log tells of files that were seen: for a ledger that begins with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Callable, Optional

from ..audit.kinds import DROPPED, SELECTED
from ..errors import HASH_CHANGED, HASH_MISMATCH, TOKEN, hide
from ..ledger.sighting import Sighting, read_time
from ..patterns import Name
from ..policy.identity import PYPI, Location
from .files import Event
from .record import table, tables, text

Locate = Callable[[str], Optional[Location]]
"""Returns the identity of a URL, that of the token ``pypi`` for the public index; None where it is unknown."""

_SHA256 = "sha256:"
_NO_WITNESS = (HASH_CHANGED, HASH_MISMATCH)
"""The codes of files whose content is in doubt."""


def read_sightings(events: Iterable[Event], locate: Locate) -> Iterator[Sighting]:
    """Yield the files that pip chose, and those that were dropped though their index may serve the name."""
    for event in events:
        kind = event["event"]
        if event.get("drill") is True or not text(event, "name"):
            continue
        if kind == SELECTED:
            chosen = table(event, "chosen")
            found = [(chosen, text(chosen, "index"))]
        elif kind == DROPPED and text(event, "code") not in _NO_WITNESS:
            found = [(offer, text(event, "index_asked")) for offer in tables(event, "offered")]
        else:
            continue
        for offer, index in found:
            place = locate(index) if index else None
            if place is not None and not place.is_local:
                yield from _read(event, offer, _write(place))


def _read(event: Event, offer: dict[str, object], place: str) -> Iterator[Sighting]:
    digest = text(offer, "hash")
    sha256 = digest[len(_SHA256) :] if digest.startswith(_SHA256) else None
    try:
        seconds = read_time(event["time"])
    except ValueError:  # not written by a guard
        return
    sighting = Sighting(
        Name(text(event, "name")),
        text(offer, "version"),
        text(offer, "file"),
        sha256,
        place,
        seconds,
        offer.get("attested") is True,
    )
    if sighting.is_fit:
        yield sighting


def _write(place: Location) -> str:
    """Return an index as a policy writes it: the log shows a secret in its path as ``{token}``, encoded in a URL."""
    if place == PYPI:
        return str(place)
    segments = tuple(TOKEN if segment == "%7Btoken%7D" else segment for segment in place.segments)
    written: str = hide(str(place._replace(segments=segments)))
    return written
