"""What the ledgers of a run's layers remember of the files of a page, and what they are to remember from now on.

Each layer asks its own ledger. What is new is written when pip has resolved, before anything is installed, and at the end.
SQLite is loaded with this module: before pip forbids imports, and only where a policy has a memory.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from ...audit.worker import new_lock
from ...decision.serving import NOT_IN_LEDGER, NOT_REMEMBERED, Remembered, find_ledger_failure
from ...errors import escape, hide
from ...ledger.place import does_count, find_obstacle, is_closed, is_given, path_of
from ...ledger.sighting import LedgerError, Sighting, Sightings
from ...patterns import Name
from ...policy.trust import Trust
from ...tuples import NamedTuple
from ..search.page import Page
from ..search.search import Search
from ..speech.speaker import Speaker
from .body import NOTHING
from .hashes import hashes_of, is_repository

if TYPE_CHECKING:
    from typing import Callable

    from ...ledger.store import Store
    from ...policy.identity import Location
    from ...policy.model import Index, Layer
    from ..objects import Link
    from ..run import Run
    from .body import Body

SECONDS = 0.3
"""How long one transaction may take."""
LONGEST = 0.8
"""How long all of a run together."""
_NOTHING = Sightings(Name(""))


class Recollection(NamedTuple):
    """What the layers remember of the files of one page."""

    by_layer: tuple[tuple[str, Sightings, Remembered], ...] = ()
    """Of each layer with a ledger: its file, the sightings by file name, and what counts for a new file."""

    def of(self, filename: str) -> Mapping[str, Remembered]:
        """Return what each layer, by its file, remembers of a file."""
        return {path: _look_up(known.get(filename), new) for path, known, new in self.by_layer}

    @property
    def attested(self) -> dict[str, frozenset[str]]:
        """The versions that each layer, by its file, remembers an attestation of."""
        return {path: known.attested_versions for path, known, _ in self.by_layer}


class _Shelf:
    """One ledger, and what is to be written into it."""

    def __init__(self, layer: Layer, trust: Trust | None) -> None:
        self.layers: list[Layer] = []
        self.new: dict[tuple[str, str, str], Sighting] = {}
        """By index, name and file."""
        self.store: Store | None = None
        self.problem: str | None = None
        """Why it is not asked any more."""
        path = path_of(layer)
        self.is_closed = is_closed(path)
        """Whether nothing can be added to it."""
        obstacle = find_obstacle(path, trust, layer.kind)
        if obstacle is not None:
            self.problem = escape(f"the ledger {path} {obstacle}")
            return
        try:
            from ...ledger.store import USUAL_SIZE, Store
        except ImportError:
            self.problem = escape(f"the ledger {path} cannot be read: this Python has no SQLite")
            return
        from ...ledger import side

        settings = layer.policy.ledger
        self.store = Store(path, (settings and settings.max_size) or USUAL_SIZE)
        if side.find(path) and not self.is_closed:
            with suppress(LedgerError):  # what is wrong is told when the ledger is asked
                side.record(self.store, [], SECONDS)

    def recall(self, name: Name, places: Sequence[str]) -> Sightings:
        """Return what is remembered; nothing where it cannot be read: ``problem`` says so."""
        if self.store is None or self.problem is not None:
            return _NOTHING
        try:
            return self.store.recall(name, places)
        except LedgerError as error:
            self.problem = str(error)
            return _NOTHING

    def write(self, seconds: float) -> None:
        """Write what is new.

        :raises LedgerError: it is not remembered.
        """
        from ...ledger import side

        new, self.new = self.new, {}
        if new and self.store is not None and self.problem is None:
            side.record(self.store, list(new.values()), seconds)


class Memory:
    """The ledgers of a run."""

    def __init__(self, run: Run, speaker: Speaker) -> None:
        self._speaker = speaker
        self._root = run.root
        self._lock = new_lock()
        self._left = LONGEST
        self._shelves: dict[str, _Shelf] = {}
        self._layers: list[tuple[Layer, _Shelf, bool, bool]] = []
        trust = Trust.of(None, sys_base_prefix())
        for layer in run.layers:
            if layer.policy.ledger is not None:
                path = path_of(layer)
                shelf = self._shelves.setdefault(str(path), _Shelf(layer, trust))
                shelf.layers.append(layer)
                self._layers.append((layer, shelf, does_count(layer, path), is_given(layer, path)))

    def recall(self, search: Search, page: Page, answered: Location, body: Body, now: datetime) -> Recollection:
        """Return what the layers remember of the files of a page, and note what is new.

        :raises Exception: pip's own error: a layer stops pip without its ledger.
        """
        found = []
        with self._lock:
            for layer, shelf, counts, given in self._layers:
                owner = layer.policy.find_owner(answered)
                if owner is None:
                    continue
                known = shelf.recall(search.name, tuple(hide(str(url)) for url in owner.urls))
                place = _place_of(owner, page.asked)
                if not given:
                    _note_new(shelf, search.name, place, (known, page, body), int(now.timestamp()))
                new = NOT_REMEMBERED
                if counts and shelf.problem is None:
                    new = NOT_IN_LEDGER if shelf.is_closed else Remembered(now)
                found.append((layer.path, known if counts else _NOTHING, new))
        self._tell()
        return Recollection(tuple(found))

    def find_first(self, search: Search, page: Page, answered: Location, now: datetime) -> datetime | None:
        """Return when a file of the name was first seen on this page, be it now; None where no layer remembers.

        :raises Exception: as ``recall``.
        """
        found = self.recall(search, page, answered, NOTHING, now).by_layer
        times = [_as_time(it.first_seen) for _, known, _ in found for it in known.values()]
        is_noted = not all(new.is_closed for _, _, new in found)
        return min(filter(None, times), default=now if is_noted else None)

    def resolving(self, resolve: Callable[..., object]) -> Callable[..., object]:
        """Have what is new written when pip has resolved, before anything is installed.

        :param resolve: stands for pip's method.
        """

        def resolve_and_write(call: Callable[..., object], *arguments: object, **named: object) -> object:
            resolved = resolve(call, *arguments, **named)
            self._write()
            self._tell()
            return resolved

        return resolve_and_write

    def finish(self) -> None:
        """Write what is new at the end of a run; what fails is only told. Never raises."""
        with suppress(Exception):
            self._write()
            for shelf in self._shelves.values():
                self._warn(shelf)
                if shelf.store is not None:
                    shelf.store.close()

    def _write(self) -> None:
        with self._lock:
            for shelf in self._shelves.values():
                began = time.monotonic()
                try:
                    shelf.write(max(0.0, min(SECONDS, self._left)))
                except LedgerError as error:
                    shelf.problem = f"{error}: what is new in this run is not remembered"
                self._left -= time.monotonic() - began

    def _tell(self) -> None:
        for shelf in self._shelves.values():
            if shelf.problem is None:
                continue
            for layer in shelf.layers:
                failure = find_ledger_failure(layer)
                if failure is not None:
                    from ..speech.refusal import Refusal

                    raise self._speaker.refuse(Refusal(failure, "", [("cause", shelf.problem)]))
            self._warn(shelf)

    def _warn(self, shelf: _Shelf) -> None:
        if shelf.problem is not None:
            self._speaker.warn(f"indexguard: {shelf.problem}")


def sys_base_prefix() -> str:
    """Return the folder of this interpreter, whose owner is trusted."""
    import sys

    return sys.base_prefix


def _place_of(owner: Index, asked: Location | None) -> str:
    """Return which of an index's URLs was asked, as its policy writes it: no secret gets into a ledger."""
    url = next((url for url in owner.urls if asked is not None and asked.is_at(url)), owner.urls[0])
    return hide(str(url))


def _note_new(
    shelf: _Shelf,
    name: Name,
    place: str,
    seen: tuple[Sightings, Page, Body],
    now: int,
) -> None:
    """Note the files of a page that are not remembered yet, or of which something more is known now."""
    known, page, body = seen
    shown = body.attested if body.tells_provenance else frozenset()
    if body.times and shown <= known.attested and all(map(known.digests.get, body.times)):
        return  # all files of the page, be they of this project or not
    for version, link in page.offered(name):
        filename = page.names[link.url]
        attested = filename in shown
        if known.digests.get(filename) and (not attested or filename in known.attested):
            continue
        before = known.get(filename)
        sighting = Sighting(name, version, filename, _sha256_of(link), place, now, attested)
        is_new = before is None or (before.sha256 or sighting.sha256) != before.sha256 or attested > before.attested
        if is_new and not is_repository(link):  # that has no content that stays
            shelf.new.setdefault((place, name, filename), sighting)


def _sha256_of(link: Link) -> str | None:
    digest = hashes_of(link).get("sha256")
    return None if digest is None else digest.lower()


def _look_up(sighting: Sighting | None, new: Remembered) -> Remembered:
    if sighting is None:
        return new
    return Remembered(_as_time(sighting.first_seen), () if sighting.sha256 is None else (sighting.sha256,))


@lru_cache(maxsize=4096)
def _as_time(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
