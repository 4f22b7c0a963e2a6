"""Whose a file is: the installed distribution whose RECORD lists it, or the package of Debian."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DPKG = Path("/var/lib/dpkg/info")
"""Where Debian lists the files of its packages."""

_MAX_LIST = 64 * 1024 * 1024  # bytes; the RECORD of a large distribution has some 5 MB
_MAX_FILE = 1024 * 1024
_MAX_HEADERS = 64 * 1024
_DPKG_SECONDS = 10
_DPKG_PLACES = ("/usr/", "/etc/", "/lib/", "/opt/")
_ALGORITHMS = ("sha256", "sha384", "sha512")


@dataclass(frozen=True)
class Owner:
    """What has installed a file, as it says itself: whoever may write there may write the list too."""

    name: str
    """Of the distribution, or of the package."""
    version: str | None
    """None for a package of Debian."""
    source: str
    """``record`` (also pip's older ``installed-files.txt``) or ``dpkg``."""
    altered: bool = False
    """Whether the file is not as its RECORD says."""


def find_owners(paths: Iterable[str], folders: Iterable[str], dpkg: Path = DPKG) -> dict[str, Owner]:
    """Return the owners of files; a file that nothing lists is not among the keys. Never raises; starts nothing.

    :param folders: where distributions may be installed: site folders, and what else is on the path.
    :param dpkg: for tests. Read only for files in the system's folders that no distribution lists.
    """
    wanted = {path: _place(path) for path in paths}
    places = set(wanted.values())
    listed: dict[str, Owner] = {}
    for folder in dict.fromkeys(folders):
        for place, owner in _owned_in(folder, places):
            listed.setdefault(place, owner)
    owners = {path: listed[place] for path, place in wanted.items() if place in listed}
    return {**owners, **_ask_dpkg([path for path in wanted if path not in owners], dpkg)}


def read_bounded(path: str | os.PathLike[str], limit: int = _MAX_FILE) -> bytes | None:
    """Return a file's content; None if it is longer, is no file, or cannot be read. Never waits for a pipe."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(number, "rb") as file:
            content = file.read(limit + 1) if stat.S_ISREG(os.fstat(number).st_mode) else None
    except (OSError, ValueError):
        return None
    return None if content is None or len(content) > limit else content


def _place(path: str) -> str:
    """Return a path by which two spellings of it are one; a link in its last part stays, for that is what is listed."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


# Distributions (PyPA: recording installed projects)


def _owned_in(folder: str, wanted: set[str]) -> Iterator[tuple[str, Owner]]:
    """Yield place and owner of the wanted files that the distributions of a folder list."""
    names = {os.fsencode(os.path.basename(place)) for place in wanted}
    try:
        entries = sorted(os.listdir(folder))
    except (OSError, ValueError):
        return
    for entry in entries:
        info = os.path.join(folder, entry)
        if entry.endswith(".dist-info"):
            rows = _rows(os.path.join(info, "RECORD"), names)
            base, metadata = folder, "METADATA"
        elif entry.endswith(".egg-info"):
            rows = _rows(os.path.join(info, "installed-files.txt"), names)
            base, metadata = info, "PKG-INFO"
        else:
            continue
        for row in rows:
            place = _place(os.path.join(base, row[0]))
            if place in wanted:
                digest = row[1] if len(row) > 1 else ""
                yield place, _read_owner(os.path.join(info, metadata), entry, altered=_is_altered(place, digest))


def _rows(path: str, names: set[bytes]) -> list[list[str]]:
    """Return the rows of a list of files that may speak of files of these names."""
    content = read_bounded(path, _MAX_LIST)
    if content is None or not any(name in content for name in names):
        return []
    lines = [line for line in content.split(b"\n") if any(name in line for name in names)]
    try:
        rows = list(csv.reader(line.decode("utf-8", "surrogateescape").strip() for line in lines))
    except csv.Error:
        return []
    return [row for row in rows if row and "\0" not in row[0]]


def _read_owner(metadata: str, folder: str, *, altered: bool) -> Owner:
    """Return name and version from the metadata's headers, else from the folder's name."""
    name, _, version = folder.rpartition(".")[0].partition("-")
    for line in (read_bounded(metadata, _MAX_LIST) or b"")[:_MAX_HEADERS].splitlines():
        if not line.strip():
            break
        key, _, value = line.decode("utf-8", "replace").partition(":")
        if key.lower() == "name":
            name = value.strip()
        elif key.lower() == "version":
            version = value.strip()
    return Owner(name, version or None, "record", altered)


def _is_altered(path: str, digest: str) -> bool:
    algorithm, _, value = digest.partition("=")
    content = read_bounded(path)
    if algorithm not in _ALGORITHMS or content is None:
        return False
    found = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest())
    return found.rstrip(b"=").decode("ascii") != value.rstrip("=")


# Packages of Debian


def _ask_dpkg(paths: list[str], folder: Path) -> dict[str, Owner]:
    """Return the packages whose lists name these files, by reading the lists: `dpkg -S` would need a program."""
    wanted = {spelling: path for path in paths for spelling in _spellings(path)}
    owners: dict[str, Owner] = {}
    end = time.monotonic() + _DPKG_SECONDS
    for each in _lists(folder) if wanted else ():
        if time.monotonic() > end or len(owners) == len(paths):
            break
        content = b"\n" + (read_bounded(each, _MAX_LIST) or b"") + b"\n"
        for spelling, path in wanted.items():
            if b"\n" + os.fsencode(spelling) + b"\n" in content:
                owners.setdefault(path, Owner(each.name[: -len(".list")], None, "dpkg"))
    return owners


def _lists(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder)) if name.endswith(".list")]
    except OSError:
        return []


def _spellings(path: str) -> set[str]:
    """Return how a list of Debian's may write a path of the system; none for a path that is not Debian's to fill."""
    absolute = os.path.abspath(path)
    found = {absolute, _place(path), os.path.realpath(path)}
    found = {each for each in found if each.startswith(_DPKG_PLACES) and not each.startswith("/usr/local/")}
    # Merged /usr: what lies in /usr/lib may have been packaged for /lib.
    return found | {each[len("/usr") :] for each in found if each.startswith("/usr/lib/")}
