"""The names that a requirement and a distribution bear: in metadata, in file names, in folders of a wheel."""

from __future__ import annotations

import csv
import posixpath
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from typing import Any

from ...audit.event import MAX_CHAIN
from ...patterns import Name, normalise_name

_SCHEME = ("purelib", "platlib", "headers", "scripts", "data")
_LISTS = ("record", "entry_points.txt", "installed-files.txt", "top_level.txt")


def parents_of(requirement: Any) -> list[str]:
    """Return the names of the requirements that led to one, the user's own first."""
    found: list[str] = []
    parent = requirement.comes_from
    while parent is not None and not isinstance(parent, str) and len(found) < MAX_CHAIN:
        found.insert(0, str(parent.name or ""))
        parent = parent.comes_from
    return found


def name_of(requirement: Any) -> Name | None:
    """Return the name of a requirement, or of the wheel or sdist that an unnamed one refers to; None where unknown."""
    if requirement.name:
        return normalise_name(requirement.name)
    link = requirement.link
    if link is not None and link.is_wheel:
        return normalise_name(link.filename.partition("-")[0])
    return None


def names_in(distribution: Any) -> set[Name]:
    """Return the names that a distribution bears: in its metadata, and where pip reads it in its folder's name."""
    names = {getattr(distribution, "canonical_name", None) or distribution.project_name}
    metadata = getattr(distribution, "metadata", None)  # pip >= 21.2
    if metadata is None:  # pip <= 21.1: a distribution of pkg_resources, which believes the folder
        files = [file for file in ("METADATA", "PKG-INFO") if distribution.has_metadata(file)]
        metadata = HeaderParser().parsestr(distribution.get_metadata(files[0])) if files else {}
    names.add(metadata.get("Name"))
    return {normalise_name(name) for name in names if name}


def names_in_wheel(path: str) -> set[Name]:
    """Return the names that a wheel will bear once it is installed, likewise; pip compares one folder of metadata only."""
    names = set()
    with zipfile.ZipFile(path) as wheel:
        for entry in wheel.namelist():
            folder, file = metadata_entry(entry)
            if folder is not None:
                names.add(folder.rpartition(".")[0].partition("-")[0])
            if file in ("", "metadata", "pkg-info"):
                names.add(HeaderParser().parsestr(wheel.read(entry).decode("utf-8", "replace")).get("Name", ""))
    return {normalise_name(name) for name in names if name}


def entries_of_wheel(path: str) -> Iterator[tuple[str, str, bool]]:
    """Yield place and path of all that pip makes of a wheel, and of what it would take away with it.

    The place is a key of pip's schemes (``scripts``, ``data``, ...), empty for where the root of a wheel goes. The last
    says whether it is taken away, a folder with all that is in it.
    """
    with zipfile.ZipFile(path) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
        for entry in names:
            first, _, rest = posixpath.normpath(entry).partition("/")
            key, _, below = rest.partition("/")
            if first.endswith(".data"):
                yield from [(key, below, False)] if key in _SCHEME and below else []  # pip refuses any other
            else:
                yield "", entry, False
        for entry in names:
            folder, file = metadata_entry(entry)
            if folder is not None and file is not None:
                yield from _taken_away(folder, file, wheel.read(entry) if file in _LISTS else b"", names)


def _taken_away(folder: str, file: str, content: bytes, names: set[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield what pip takes away with a project because a file of its metadata says so: pip believes each of them.

    :param names: what the wheel holds, and pip puts where it belongs.
    """
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    is_egg = folder.lower().endswith(".egg-info")
    if file == "record":
        yield from (("", row[0], True) for row in csv.reader(lines) if row and row[0] not in names)
    elif file == "installed-files.txt" and is_egg:
        yield from (("", posixpath.join(folder, line), True) for line in lines)
    elif file == "top_level.txt" and is_egg:
        yield from (("", line + suffix, True) for line in lines if line for suffix in ("", ".py", ".pyc"))
    elif file.startswith("scripts/"):
        yield "scripts", posixpath.basename(file), True
    section = ""
    for line in lines if file == "entry_points.txt" else ():
        section = line.strip("[ ]") if line.startswith("[") else section
        if "=" in line and section in ("console_scripts", "gui_scripts"):
            yield "scripts", line.partition("=")[0].strip(), False


def metadata_entry(entry: str) -> tuple[str | None, str | None]:
    """Return the folder of metadata that an entry of a wheel lies in when it is installed, and its place in there.

    Such a folder stands in site-packages itself, where a wheel's root goes and what lies in ``purelib`` and ``platlib``
    of its ``.data``; what lies in ``data`` there can go anywhere. A folder in a package is that package's own matter.

    :return: None twice for what is no metadata; an ``.egg-info`` that is a file has the empty place.
    """
    first, *parts = posixpath.normpath(entry).split("/")
    numbers = range(1)
    if parts and first.lower().endswith(".data"):
        ends = {"purelib": 2, "platlib": 2, "data": len(parts)}
        numbers = range(1, min(len(parts), ends.get(parts[0].lower(), 1)))
    else:
        parts = [first, *parts]
    for number in numbers:
        if parts[number].lower().endswith((".dist-info", ".egg-info")):
            return parts[number], "/".join(parts[number + 1 :]).lower()
    return None, None
