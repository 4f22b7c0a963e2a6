"""Where a wheel's files would go, and which of these places the guard lives from: its own files, policies, activation.

Places are compared as they are on the disk, not as they are spelt: links lead where they lead, and letters count alike
where the file system says so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ...audit.place import log_path
from ...policy.layers import account_folder
from ...tuples import NamedTuple
from ..run import Run
from ..seams import pip_module
from .distributions import entries_of_wheel

if TYPE_CHECKING:
    from ..objects import Options, Scheme

_OWN = ("indexguard", "_indexguard_hook")
_OWN_FILES = ("_indexguard_hook.py", "indexguard.pth")
_ACTIVATED = ("_indexguard", "_indexguard_bootstrap", "indexguard-bootstrap", "indexguard-seed")
_EDITABLE = "_indexguard.pth"
"""What hatchling has an editable installation of the guard write: beside the files of ``activate``, and none of them."""
_STEMS = frozenset((*_OWN, *_ACTIVATED, "sitecustomize"))
_SITES = ("site-packages", "dist-packages")
_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__))


class _Place(NamedTuple):
    """Something that the guard lives from, below a folder that is there."""

    tail: tuple[str, ...]
    """The way from that folder; empty for all that is in it."""
    is_own: bool
    """Whether a release of the guard may replace it."""
    stems: tuple[str, ...] | None = None
    """In a folder from which modules are imported: what their names begin with, whatever the suffix."""
    beginning: str = ""
    """In a folder that holds other things, too: what the names of the files begin with."""


class Guarded:
    """What no wheel may write.

    :param sites: folders that modules are imported from.
    """

    def __init__(self, run: Run, sites: Iterable[str]) -> None:
        self._trails: dict[str, list[tuple[tuple[int, int], str, tuple[str, ...]]]] = {}
        self._folding: dict[str, bool] = {}
        self._places: dict[tuple[int, int], list[_Place]] = {}
        self._ancestors: dict[tuple[int, int], bool] = {}
        self._heads: dict[str, tuple[bool, bool]] = {}
        for site in {os.path.realpath(site) for site in (*sites, *sys.path, os.path.dirname(sys.executable))}:
            self._add(site, is_own=True, stems=_OWN)
            self._add(site, is_own=False, stems=_ACTIVATED)
            for path in (os.path.join(site, name) for name in ("indexguard", *_OWN_FILES)):
                if os.path.lexists(path):  # goes with every folder that it lies in
                    self._add(path, is_own=True)
        for path in (_PACKAGE, *(os.path.join(os.path.dirname(_PACKAGE), name) for name in _OWN_FILES)):
            self._add(path, is_own=True)
        for path in _vital(run):
            self._add(path, is_own=False)
        for path in _ledgers(run):
            self._add(path, is_own=False)
            for folder, name in {os.path.split(os.path.abspath(path)), os.path.split(os.path.realpath(path))}:
                identity, _, tail = self._trail(folder)[0]
                self._places.setdefault(identity, []).append(_Place(tail, is_own=False, beginning=name))
        if os.path.isdir(os.path.join(_LIBRARY, "_indexguard")):
            self._add(_LIBRARY, is_own=False, stems=("sitecustomize",))

    def forbids(self, path: str, *, own: bool, replaced: bool = False) -> bool:
        """Tell whether a file may not be written.

        :param path: absolute; what it leads to need not be there.
        :param own: whether the distribution is a release of the guard.
        :param replaced: whether a folder that is there goes, too.
        """
        head = os.path.dirname(path)
        is_open, is_there = self._heads.get(head) or self._look_at(head)
        is_link = is_there and os.path.islink(path)
        if not (is_open or replaced or is_link):
            return False  # as most are: wheels have thousands of files in some hundred folders
        if replaced or is_link:
            below = self._ancestors.get(_identity(path) or (0, 0))
            if below is not None and not (own and below):
                return True
        ways = [path, os.path.realpath(path)] if is_link else [path]
        is_editable = os.path.basename(path) == _EDITABLE and os.path.basename(os.path.realpath(head)) in _SITES
        met = (place for way in ways for place in self._met(way))
        return any(not (own and (place.is_own or (is_editable and place.stems == _ACTIVATED))) for place in met)

    def _look_at(self, head: str) -> tuple[bool, bool]:
        """Tell whether a file in a folder may be one that the guard lives from, and whether the folder is there."""
        trail = self._trail(head)
        parts = os.path.realpath(head).split(os.sep)
        is_open = any(part in _SITES and self._may_have_stem(parts[number + 1 :]) for number, part in enumerate(parts))
        for identity, folder, tail in () if is_open else trail:
            for place in self._places.get(identity, ()):
                length = len(place.tail)
                is_near = length <= len(tail) + 1 and self._is_alike(folder, tail[:length], place.tail[: len(tail)])
                is_open |= is_near and (place.stems is None or self._may_have_stem(tail[length:]))
        self._heads[head] = is_open, bool(trail) and not trail[0][2]
        return self._heads[head]

    def _may_have_stem(self, way: Sequence[str]) -> bool:
        # In the folder itself, in its __pycache__, or below what has one.
        names = [name.partition(".")[0].casefold() for name in way[:2]]
        return len(way) == 0 or way[0] == "__pycache__" or names[0] in _STEMS

    def _met(self, path: str) -> Iterator[_Place]:
        head, name = os.path.split(path)
        for identity, folder, tail in self._trail(head):
            way = (*tail, name)
            for place in self._places.get(identity, ()):
                if self._is_alike(folder, way[: len(place.tail)], place.tail):
                    rest = way[len(place.tail) :]
                    if place.beginning:
                        start = rest[0][: len(place.beginning)] if rest else ""
                        is_met = self._is_alike(folder, (start,), (place.beginning,))
                    else:
                        is_met = place.stems is None or self._has_stem(folder, rest, place.stems)
                    if is_met:
                        yield place
        parts = [*os.path.realpath(head).split(os.sep), name]
        for number, part in enumerate(parts[:-1]):
            if part in _SITES:  # that of another Python
                for stems in (_OWN, _ACTIVATED):
                    if self._has_stem(head, tuple(parts[number + 1 :]), stems):
                        yield _Place((), is_own=stems is _OWN, stems=stems)

    def _add(self, path: str, *, is_own: bool, stems: tuple[str, ...] | None = None) -> None:
        whole = os.path.realpath(path)
        # A link is replaced where it lies, too; a mount has a place of its own and one in the folder above.
        parent, name = os.path.split(os.path.abspath(path))
        ways = [(whole, ())] if stems is not None else [(whole, ()), (parent, (name,)), os.path.split(whole)]
        for folder, rest in ways:
            identity, _, tail = self._trail(folder)[0]
            place = _Place((*tail, *((rest,) if isinstance(rest, str) else rest)), is_own, stems)
            if place not in self._places.setdefault(identity, []):
                self._places[identity].append(place)
        if stems is None and os.path.lexists(path):
            for identity, _, _ in (*self._trail(whole), *self._trail(parent)):
                self._ancestors[identity] = is_own and self._ancestors.get(identity, True)

    def _trail(self, folder: str) -> list[tuple[tuple[int, int], str, tuple[str, ...]]]:
        """Return the folders that are there on the way to one, the nearest first, and what remains from each."""
        found = self._trails.get(folder)
        if found is None:
            found = self._trails[folder] = []
            tail: tuple[str, ...] = ()
            path = os.path.realpath(folder)
            while True:
                identity = _identity(path)
                if identity is not None:
                    found.append((identity, path, tail))
                head, name = os.path.split(path)
                if head == path:
                    break
                path, tail = head, (name, *tail)
        return found

    def _has_stem(self, folder: str, way: tuple[str, ...], stems: tuple[str, ...]) -> bool:
        names = way[1:2] if way[:1] == ("__pycache__",) else way[:1]
        return any(self._is_alike(folder, (name.partition(".")[0],), (stem,)) for name in names for stem in stems)

    def _is_alike(self, folder: str, way: tuple[str, ...], other: tuple[str, ...]) -> bool:
        if way == other:
            return True
        return [name.casefold() for name in way] == [name.casefold() for name in other] and self._folds(folder)

    def _folds(self, folder: str) -> bool:
        """Tell whether a folder takes capital and small letters for alike."""
        if folder not in self._folding:
            try:
                names = [name for name in os.listdir(folder) if name.swapcase() != name]
            except OSError:
                names = []
            there = [os.path.join(folder, name) for name in names[:1]]
            swapped = [os.path.join(folder, name.swapcase()) for name in names[:1]]
            self._folding[folder] = not there or _identity(there[0]) == _identity(swapped[0])
        return self._folding[folder]


def _vital(run: Run) -> Iterator[str]:
    """Yield what a release of the guard may not replace: policies, what ``activate`` wrote, and what says where they are."""
    yield from run.policy_places
    if any(layer.policy.advisories is not None for layer in run.layers):
        from ...advisories.store import machine_folder, own_folder  # loaded already, with the records

        yield from filter(None, (machine_folder(), own_folder()))
    yield os.path.join(_LIBRARY, "_indexguard")
    account = account_folder()
    if account is not None:
        yield str(account)
    private = os.path.dirname(os.path.dirname(os.path.realpath(_PACKAGE)))
    if os.path.isfile(os.path.join(private, "manifest.json")):  # this very guard runs from where `activate` put it
        yield private
    log = log_path()
    if log.is_absolute():
        yield str(log.parent)
    for folder in (sys.prefix, os.path.dirname(sys.executable)):  # it says which Python's policy and activation count
        yield os.path.join(folder, "pyvenv.cfg")


def _ledgers(run: Run) -> Iterator[str]:
    """Yield the ledgers that layers ask: what lies beside one and begins like it (``-wal``, side files) is read, too."""
    for layer in run.layers:
        if layer.policy.ledger is not None:
            from ...ledger.place import path_of  # few policies have one; loaded already, with the memory

            path = path_of(layer)
            if path.is_absolute():  # else there is none
                yield str(path)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


class Destinations:
    """Where pip would put the files of wheels.

    :param options: of pip's command; None for a build environment, and where a program uses pip without a command.
    """

    def __init__(self, run: Run, options: Options | None, *, building: bool) -> None:
        self._run = run
        # Empty for build requirements in a process of their own.
        self._target: str | None = getattr(options, "target_dir", None) or None
        self._upgrade = bool(getattr(options, "upgrade", False))
        # A build environment is a folder of its own, which nobody knows yet: any that is not there stands for it.
        prefix = os.path.abspath(os.path.join(os.sep, "indexguard-build-environment")) if building else None
        options = None if building else options
        self._where = {
            "user": bool(getattr(options, "use_user_site", False)),
            "home": None if building or self._target is None else os.path.join(self._target, "home"),
            "root": getattr(options, "root_path", None),
            "isolated": bool(getattr(options, "isolated_mode", False)),
            "prefix": getattr(options, "prefix_path", None) or prefix,
        }
        self._get_scheme = pip_module(run.root, "_internal.locations").get_scheme
        self._guarded: Guarded | None = None

    def find_guarded(self, name: str, wheel: str, *, own: bool) -> list[str]:
        """Return what of the guard's a wheel would write, and may not.

        :param name: of the project.
        :param wheel: its path.
        :param own: whether it is a release of the guard.
        """
        scheme: Scheme = self._get_scheme(name, **self._where)
        if self._guarded is None:
            self._guarded = Guarded(self._run, map(self._moved, (scheme.purelib, scheme.platlib, scheme.scripts)))
        found: dict[str, None] = {}
        replaced: set[str] = set()
        folders: dict[tuple[str, str], str] = {}
        for key, entry, taken in entries_of_wheel(wheel):
            folder, _, file = entry.rpartition("/")
            for root in {scheme.purelib, scheme.platlib} if key == "" else (getattr(scheme, key),):
                if taken or file in ("", os.curdir, os.pardir):
                    path = self._moved(os.path.normpath(os.path.join(root, entry)))
                else:
                    if (root, folder) not in folders:
                        whole = os.path.join(root, entry[: len(entry) - len(file)])
                        folders[root, folder] = self._moved(os.path.normpath(whole))
                    path = os.path.join(folders[root, folder], file)
                with suppress(ValueError):  # this system can hold no such path
                    if self._guarded.forbids(path, own=own, replaced=taken):
                        found[path] = None
                replaced.add(path)
        if self._where["home"] is not None and self._upgrade:
            # What lies in --target already is replaced whole, folders with all that is in them.
            # Headers may go elsewhere (pip <= 21.3 in a virtual environment): that is none of --target's.
            base = os.path.join(str(self._target), "")
            items = {base + it[len(base) :].partition(os.sep)[0] for it in replaced if it.startswith(base)}
            found.update(dict.fromkeys(it for it in items if self._guarded.forbids(it, own=own, replaced=True)))
        return sorted(found)

    def _moved(self, path: str) -> str:
        """Return where a file comes to lie in the end: with --target pip installs elsewhere first."""
        home = self._where["home"]
        if not isinstance(home, str) or self._target is None:
            return os.path.abspath(path)
        scheme = self._get_scheme("", home=home)
        for folder in (scheme.purelib, scheme.platlib, home):
            rest = os.path.relpath(path, folder)
            if rest != os.pardir and not rest.startswith(os.pardir + os.sep):
                return os.path.normpath(os.path.join(self._target, rest))
        return os.path.abspath(path)
