"""Where records come from: one file, a zip, or a folder; and how it is seen that they have changed.

A folder may be a checkout or mirror of the OpenSSF malicious-packages repository: of ``osv/malicious`` and
``osv/withdrawn`` only the part of PyPI is looked at.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from operator import attrgetter

from ..errors import escape
from ..tuples import NamedTuple

MAX_TEXT = 512 * 1024 * 1024
"""Bytes of one JSON text, which may hold all records there are; a larger one is not read."""
_LAYOUT = ("malicious", "withdrawn")
_OURS = "pypi"
_FEW = 500
"""Files of a folder that are looked at one by one in every run."""
_MANY_FOLDERS = 200
_ABOVE = 4
"""Folders above a source in which the checkout is looked for that it is part of."""
_SETTLED = 600.0
"""Seconds for which a folder of many files counts as looked through."""
_DEEPEST = 64
"""Folders in each other."""
_BLOCK = 1024 * 1024
MAX_LIST = 64 * 1024 * 1024
"""Bytes of a zip's list of its members: some 600,000 of them."""
MAX_UNPACKED = 8 * 1024 * 1024 * 1024
"""Bytes of all members of a zip."""

Check = Callable[[str, str, os.stat_result], None]
"""Is given each file and folder that is read (``file`` or ``folder``, its path, what the system says of it); raises
``SourceError`` where somebody else may write it."""


class SourceError(Exception):
    """A source that cannot be read.

    :param path: of the source.
    :param reason: one clause.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{escape(self.path)}: {escape(self.reason)}"


class Text(NamedTuple):
    """One JSON text of a source."""

    place: str
    """Within the source; empty for a source that is one file."""
    content: bytes | None
    """None where it cannot be read, or is too large."""
    problem: str = ""


class State(NamedTuple):
    """What a source looked like when it was read, fit for JSON."""

    kind: str
    """``file``, ``zip`` or ``folder``."""
    size: int
    """Bytes; of a folder, the sum of its files'."""
    files: int
    """JSON files in a folder; else 1."""
    time: int
    """When it was last written, in nanoseconds; 0 for a folder."""
    digest: str
    """Of the bytes (SHA-256); of a folder, of the names, sizes and times of its files."""
    folders: dict[str, int]
    """Of a folder: when each folder in it that holds others, and the checkout that it is part of, was last written."""

    @property
    def is_small(self) -> bool:
        """Whether reading it costs a run next to nothing."""
        return self.size <= 256 * 1024 and self.files <= _FEW


class _Entry(NamedTuple):
    place: str
    path: str
    size: int
    time: int


def take_state(path: str) -> State:
    """Return what a source looks like now; a folder is looked through, a file read.

    :raises SourceError: it is not there, or cannot be read.
    """
    try:
        info = os.stat(path)
        if stat.S_ISDIR(info.st_mode):
            return _take_folder(path)
        if not stat.S_ISREG(info.st_mode):
            raise SourceError(path, "it is neither a file nor a folder")
        with open(path, "rb") as file:
            kind = "zip" if file.read(2) == b"PK" else "file"
        return State(kind, info.st_size, 1, info.st_mtime_ns, _digest(path), {})
    except FileNotFoundError:
        raise SourceError(path, "it is not there") from None
    except OSError as error:
        raise SourceError(path, f"it cannot be read: {error.strerror}") from None


def is_unchanged(path: str, state: State, *, seconds: float) -> bool | None:
    """Tell whether a source is what it was.

    :param seconds: since a folder was last looked through.
    :return: None where a folder of many files seems so and was not looked through: one that was edited in place, deep
        in it, is found ten minutes later.
    :raises SourceError: it is not there, or cannot be read.
    """
    try:
        if state.kind != "folder":
            info = os.stat(path)
            if (info.st_size, info.st_mtime_ns) == (state.size, state.time):
                return True
            return info.st_size == state.size and stat.S_ISREG(info.st_mode) and _digest(path) == state.digest
        if state.files > _FEW and 0 <= seconds < _SETTLED:
            return None if _look_at_folders(path, tuple(state.folders)) == state.folders else False
        return _take_folder(path).digest == state.digest
    except FileNotFoundError:
        raise SourceError(path, "it is not there") from None
    except OSError as error:
        raise SourceError(path, f"it cannot be read: {error.strerror}") from None


def read_texts(path: str, kind: str, check: Check | None = None) -> Iterator[Text]:
    """Yield the JSON texts of a source.

    :param kind: as ``State`` has it.
    :param check: looks at everything that is read; None: whoever may write it.
    :raises SourceError: it cannot be read, or ``check`` says so.
    """
    try:
        if kind == "file":
            yield _read_file("", path, check)
        elif kind == "zip":
            yield from _read_zip(path, check)
        else:
            for entry in _walk(path, "", {}, looks=False, check=check):
                yield _read_file(entry.place, entry.path, check)
    except OSError as error:
        raise SourceError(path, f"it cannot be read: {error.strerror or type(error).__name__}") from None


def _digest(path: str) -> str:
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            whole.update(block)
    return whole.hexdigest()


def _take_folder(path: str) -> State:
    whole = hashlib.sha256()
    size = count = 0
    folders: dict[str, int] = {}
    for entry in _walk(path, "", folders):
        whole.update(f"{entry.place}\0{entry.size}\0{entry.time}\n".encode("utf-8", "surrogateescape"))
        size += entry.size
        count += 1
    # The shallowest: a new name makes a new folder in one of them.
    places = sorted(folders, key=lambda place: (place.count("/"), place))[:_MANY_FOLDERS]
    return State("folder", size, count, 0, whole.hexdigest(), _look_at_folders(path, tuple(places)))


def _look_at_folders(path: str, places: tuple[str, ...]) -> dict[str, int]:
    found = {place: _time_of(os.path.join(path, place)) for place in places if not place.startswith("/")}
    above = os.path.realpath(path)
    for number in range(_ABOVE):
        time = _time_of(os.path.join(above, ".git", "index"))
        if time:
            found[f"/{number}"] = time  # git writes it with every checkout
        above = os.path.dirname(above)
    return found


def _time_of(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _walk(
    folder: str, place: str, folders: dict[str, int], *, looks: bool = True, check: Check | None = None
) -> Iterator[_Entry]:
    """Yield the JSON files in a folder and below it, in one order; links to folders are not followed.

    :param folders: is given the place of each folder that holds others, and that of the first.
    :param looks: whether size and time are wanted.
    :param check: as ``read_texts`` has it: it is given the folders, and those in which files lie that are linked to.
    :raises SourceError: they are nested too deeply, or ``check`` says so.
    """
    if place.count("/") > _DEEPEST:
        raise SourceError(folder, "its folders are nested too deeply")
    if check is not None:
        check("folder", folder, os.stat(folder))
    with os.scandir(folder) as found:
        entries = sorted(found, key=_name_of)
    below = [entry for entry in entries if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")]
    if os.path.basename(folder) in _LAYOUT and any(entry.name == _OURS for entry in below):
        below = [entry for entry in below if entry.name == _OURS]
    if below or not place:
        folders[place] = 0
    for entry in entries:
        if entry.name.endswith(".json") and not entry.name.startswith(".") and entry.is_file():
            if check is not None and entry.is_symlink():
                real = os.path.dirname(os.path.realpath(entry.path))
                check("folder", real, os.stat(real))
            info = entry.stat() if looks else None
            size, time = (0, 0) if info is None else (info.st_size, info.st_mtime_ns)
            yield _Entry(f"{place}{entry.name}", entry.path, size, time)
    for entry in below:
        yield from _walk(entry.path, f"{place}{entry.name}/", folders, looks=looks, check=check)


_name_of = attrgetter("name")
_NO_WAIT = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
"""Opening a named pipe would otherwise wait for a writer."""


def _read_file(place: str, path: str, check: Check | None) -> Text:
    try:
        # Without a buffer: nearly all files are small, and there may be 100,000.
        with open(os.open(path, _NO_WAIT), "rb", buffering=0) as file:
            info = os.fstat(file.fileno())
            if check is not None:
                check("file", path, info)
            content = file.read() if info.st_size <= MAX_TEXT else None
    except OSError as error:
        return Text(place, None, f"it cannot be read: {error.strerror}")
    return _bounded(place, content)


def _bounded(place: str, content: bytes | None) -> Text:
    if content is None or len(content) > MAX_TEXT:
        return Text(place, None, f"it is larger than {MAX_TEXT // 1024 // 1024} MiB")
    return Text(place, content)


class _Zip(io.FileIO):
    """A zip file that is not read at once: ``zipfile`` reads the list of its members whole, however large it is."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most so many bytes.

        :raises BadZipFile: they are more than a list of members may have.
        """
        if size is not None and size > MAX_LIST:
            raise zipfile.BadZipFile(f"the list of its files is larger than {MAX_LIST // _BLOCK} MiB")
        return super().read(-1 if size is None else size) or b""


def _read_zip(path: str, check: Check | None) -> Iterator[Text]:
    left = MAX_UNPACKED
    try:
        with _Zip(path) as file, zipfile.ZipFile(file) as archive:
            if check is not None:
                check("file", path, os.fstat(file.fileno()))
            for info in archive.infolist():
                if info.filename.endswith(".json") and not _is_of_others(info.filename):
                    left -= min(info.file_size, MAX_TEXT)  # more than it says, `zipfile` does not unpack
                    if left < 0:
                        raise SourceError(path, f"it unpacks to more than {MAX_UNPACKED // _BLOCK} MiB")
                    yield _read_member(archive, info)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise SourceError(path, f"it is no zip file that can be read: {error}") from None


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Text:
    content = bytearray()
    try:
        with archive.open(info) as file:
            while len(content) <= MAX_TEXT and (block := file.read(_BLOCK)):
                content += block
    except Exception as error:  # noqa: BLE001  # each method of compression has errors of its own (zlib, lzma, zstd)
        return Text(info.filename, None, f"it cannot be unpacked: {str(error) or type(error).__name__}")
    return _bounded(info.filename, bytes(content))


def _is_of_others(place: str) -> bool:
    parts = place.split("/")[:-1]
    return any(part in _LAYOUT and after != _OURS for part, after in zip(parts, parts[1:]))
