"""What the ledgers of the policies here remember of a name, for ``explain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

from ...decision.serving import NOT_IN_LEDGER, Remembered
from ...errors import hide
from ...ledger.place import does_count, is_closed, path_of
from ...ledger.sighting import Sighting, show_time
from ...patterns import Name
from ...policy.identity import Location
from ...policy.model import Index, Layer
from ..ledgers import opened
from ..parsing import BadInputError


def recall(layers: Sequence[Layer], name: Name, place: Location, filename: str) -> dict[str, Remembered]:
    """Return what each layer, by its file, remembers of a file of an index; nothing where its ledger cannot be read."""
    found = {}
    for layer in layers:
        owner = layer.policy.find_owner(place)
        if layer.policy.ledger is None or owner is None or not does_count(layer, path_of(layer)):
            continue
        sighting, _ = _look_up(layer, name, [owner])
        if filename in sighting:
            seen = sighting[filename]
            when = datetime.fromtimestamp(seen.first_seen, timezone.utc)
            found[layer.path] = Remembered(when, () if seen.sha256 is None else (seen.sha256,))
        elif is_closed(path_of(layer)):
            found[layer.path] = NOT_IN_LEDGER
    return found


def describe(layer: Layer, name: Name, indexes: Sequence[Index]) -> str:
    """Say what a layer's ledger remembers of a name, of the indexes that may serve it."""
    path = path_of(layer)
    found, problem = _look_up(layer, name, indexes)
    if problem is not None:
        return problem
    counts = "" if does_count(layer, path) else "; it does not count here: this user may write it (`ledger.trust`)"
    if not found:
        return f"nothing of this name is remembered ({path}){counts}"
    first = show_time(min(sighting.first_seen for sighting in found.values()))
    files = "1 file" if len(found) == 1 else f"{len(found)} files"
    return f"{files}, the first seen {first} ({path}){counts}"


def _look_up(layer: Layer, name: Name, indexes: Sequence[Index]) -> tuple[Mapping[str, Sighting], str | None]:
    """Return what is remembered, and why nothing can be."""
    places = [hide(str(url)) for index in indexes for url in index.urls]
    try:
        with opened(path_of(layer), must_exist=False) as store:
            return store.recall(name, places), None
    except BadInputError as error:
        return {}, str(error)
