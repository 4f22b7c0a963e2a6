"""Where indexes are kept, which of them may be believed, and how one is made anew.

An index is never trusted more than its source: it counts if it is root's, or if it and its source belong to one user,
and nobody else may write it. No environment variable moves the folder in which it is looked for.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO

from ..errors import escape
from .index import Index
from .sources import Check, SourceError, State, is_unchanged, take_state

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_NO_FOLLOW = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def machine_folder(platform: str = sys.platform) -> str:
    """Return where root keeps indexes, for everybody.

    :param platform: as ``sys.platform``.
    """
    if platform == "darwin":
        return "/Library/Application Support/indexguard/advisories"
    return "/var/lib/indexguard/advisories"


def own_folder(euid: int | None = None) -> str | None:
    """Return where this user keeps indexes: root's is the machine's; None for a user without a home.

    :param euid: by default the process's.
    """
    if not hasattr(os, "geteuid"):
        return None
    euid = os.geteuid() if euid is None else euid
    if euid == 0:
        return machine_folder()
    import pwd  # noqa: PLC0415  # not on Windows

    try:
        home = pwd.getpwuid(euid).pw_dir
    except KeyError:
        return None
    caches = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return os.path.join(home, caches, "indexguard", "advisories") if os.path.isabs(home) else None


def index_name(path: str, kinds: Sequence[str]) -> str:
    """Return the file name of the index of a source."""
    told = json.dumps([os.path.realpath(path), sorted(kinds)])
    return f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.index"


class Store:
    """Opens the index of a source, and makes it where there is none that is up to date.

    :param tell: is given each thing that the user should hear, as one clause.
    :param folders: to look in, the one to write to last; by default the machine's and this user's own.
    :param check: looks at each file and folder of a source when its index is made, and none that was made without it
        counts; None: whoever may write them.
    """

    def __init__(
        self, tell: Callable[[str], None], folders: Sequence[str] | None = None, check: Check | None = None
    ) -> None:
        self._tell = tell
        self._check = check
        if folders is None:
            # Not checked on Windows, whom files belong to: there none is believed.
            places = (machine_folder(), own_folder()) if hasattr(os, "geteuid") else ()
            folders = [it for it in places if it is not None]
        self._folders = tuple(dict.fromkeys(folders))

    def open(self, path: str, kinds: Sequence[str], *, rebuild: bool = False) -> Index:
        """Return the index of a source.

        :param kinds: beginnings of the identifiers of the records that count.
        :param rebuild: whether it is made anew in any case, and written however small its source is.
        :raises SourceError: the source is not there, or cannot be read.
        """
        name = index_name(path, kinds)
        owners = _owners_of(path)
        for folder in () if rebuild else self._folders:
            index = _find(os.path.join(folder, name), owners, path, is_checked=self._check is not None)
            if index is not None:
                return index
        state = take_state(path)
        if state.is_small and not rebuild:
            return _make(path, state, kinds, io.BytesIO(), self._check)
        return self._make_file(path, state, kinds, name, owners)

    def _make_file(self, path: str, state: State, kinds: Sequence[str], name: str, owners: frozenset[int]) -> Index:
        import tempfile  # noqa: PLC0415  # few runs make one

        folder = self._folders[-1] if self._folders else None
        problem = f"no folder to keep its index in, which each run makes anew: {_how(path)}"
        if folder is not None and os.geteuid() in owners:
            try:
                return _write(folder, name, path, state, kinds, check=self._check)
            except OSError as error:
                problem = f"its index cannot be kept in {folder} ({error.strerror}), and each run makes it anew"
        elif folder is not None:
            problem = f"each run makes its index anew, because this user may not keep one for it: {_how(path)}"
        index = _make(path, state, kinds, tempfile.TemporaryFile(), self._check)  # noqa: SIM115  # the index keeps it
        self._tell(escape(f"advisories of {path}: {problem}"))
        return index


def _how(path: str) -> str:
    return f"have who owns {path}, or root, run `indexguard advisories build` after each change of it"


def _owners_of(path: str) -> frozenset[int]:
    """Return whose indexes of a source may be believed: those of root, and of the source's owner."""
    try:
        return frozenset((0, os.stat(path).st_uid))
    except OSError:
        return frozenset((0,))


def _find(place: str, owners: frozenset[int], path: str, *, is_checked: bool) -> Index | None:
    """Return an index that is there, may be believed, and is up to date; None if there is none.

    :param is_checked: whether one counts only if it was looked who may write what it is made of.
    :raises SourceError: the source is not there, or cannot be read.
    """
    try:
        descriptor = os.open(place, _NO_FOLLOW)
    except OSError:
        return None
    file: IO[bytes] = open(descriptor, "rb")  # noqa: SIM115  # the index keeps it
    try:
        info, folder = os.fstat(descriptor), os.stat(os.path.dirname(place))
        index = Index(file, place) if _is_credible(info, folder, owners) else None
        header = {} if index is None else index.header
        is_of_it = header.get("path") == os.path.realpath(path) and (header["checked"] or not is_checked)
        unchanged: bool | None = False
        if index is not None and is_of_it:
            # What root has made is root's to make anew: nobody else could note that a folder was looked through.
            seconds = 0.0 if info.st_uid == 0 != os.geteuid() else time.time() - info.st_mtime
            state, written = State(*index.header["state"]), os.stat(path).st_mtime_ns
            unchanged = is_unchanged(path, state, seconds=seconds)
            if unchanged and state.kind != "folder" and written != state.time and info.st_uid == os.geteuid():
                _renew(index, place, state._replace(time=written))
    except (OSError, ValueError, KeyError, TypeError):
        index, unchanged = None, False
    except SourceError:
        file.close()
        raise
    if index is None or unchanged is False:
        file.close()
        return None
    if unchanged:
        with suppress(OSError):
            os.utime(place)  # looked through just now
    return index


def _renew(index: Index, place: str, state: State) -> None:
    """Have an index say when its source was written last: else every run would read the source to see that it is the same."""
    import tempfile  # noqa: PLC0415  # as above

    with suppress(OSError):
        descriptor, scratch = tempfile.mkstemp(prefix=f".{os.path.basename(place)}.", dir=os.path.dirname(place))
        try:
            with open(descriptor, "wb") as file:
                index.copy_to(file, {**index.header, "state": list(state)})
            os.chmod(scratch, stat.S_IMODE(os.stat(place).st_mode))
            os.replace(scratch, place)
        except BaseException:
            with suppress(OSError):
                os.unlink(scratch)
            raise


def _is_credible(info: os.stat_result, folder: os.stat_result, owners: frozenset[int]) -> bool:
    """Tell whether nobody but these could have written an index."""
    return stat.S_ISREG(info.st_mode) and all(
        it.st_uid in owners and not it.st_mode & _OTHERS_WRITE for it in (info, folder)
    )


def _make(path: str, state: State, kinds: Sequence[str], file: IO[bytes], check: Check | None) -> Index:
    from .building import build  # noqa: PLC0415  # most runs find one that is up to date

    try:
        build(os.path.realpath(path), state, kinds, file, check)
    except OSError as error:
        file.close()
        raise SourceError(path, f"its index cannot be made: {error.strerror}") from None
    except SourceError:
        file.close()
        raise
    return Index(file)


def _write(folder: str, name: str, path: str, state: State, kinds: Sequence[str], *, check: Check | None) -> Index:
    """Make an index in a folder; it appears when it is whole."""
    import tempfile  # noqa: PLC0415  # as above

    from ..policy.serving.folders import make_folder  # noqa: PLC0415  # as above
    from .building import build  # noqa: PLC0415  # as above

    is_root = os.geteuid() == 0
    make_folder(folder)
    place = os.path.join(folder, name)
    descriptor, scratch = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    file: IO[bytes] = open(descriptor, "w+b")  # noqa: SIM115  # the index keeps it
    try:
        build(os.path.realpath(path), state, kinds, file, check)
        file.flush()
        os.chmod(scratch, 0o644 if is_root else 0o600)
        os.replace(scratch, place)
    except BaseException:
        file.close()
        with suppress(OSError):
            os.unlink(scratch)
        raise
    return Index(file, place)
