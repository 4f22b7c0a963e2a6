"""Where the ledger lies, and what can be told of that place: the door to ``platformdirs`` for the ledger."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .._vendor.platformdirs import user_state_path
from ..policy.trust import find_distrust

if TYPE_CHECKING:
    from ..errors import Fault
    from ..policy.model import Layer
    from ..policy.trust import Trust

FILE_NAME = "ledger.db"
SYSTEM_FOLDER = Path("/var/lib/indexguard")
NOT_SEARCHABLE = "this user may not enter a folder that it lies in"
NO_HOME = "this user has no home folder (HOME is not set)"

_OF_ALL_USERS = ("machine", "interpreter")
_OVER_A_NETWORK = frozenset(
    (
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "ncpfs",
        "afs",
        "9p",
        "ceph",
        "glusterfs",
        "lustre",
        "gfs2",
        "ocfs2",
        "gpfs",
    )
)
_MOUNTS = "/proc/self/mountinfo"


def usual_path(*, of_machine: bool = False) -> Path:
    """Return where the ledger is, if no policy says: the machine's for root, in the user's state folder otherwise.

    Never raises; where the user has no home the path is not absolute.

    :param of_machine: the machine's, whoever asks.
    """
    if of_machine or (hasattr(os, "geteuid") and os.geteuid() == 0):
        return SYSTEM_FOLDER / FILE_NAME
    return user_state_path("indexguard", appauthor=False) / FILE_NAME


def path_of(layer: Layer) -> Path:
    """Return where the ledger is that a layer asks.

    A layer of the machine or the interpreter asks the machine's, which only root writes, unless it trusts the user.
    """
    settings = layer.policy.ledger
    if settings is not None and settings.path is not None:
        return Path(os.path.join(os.path.dirname(layer.path), settings.path))
    return usual_path(of_machine=layer.kind in _OF_ALL_USERS and not (settings is not None and settings.trusts_user))


def does_count(layer: Layer, path: Path) -> bool:
    """Tell whether what a ledger remembers counts for a layer: this user may have written it."""
    settings = layer.policy.ledger
    return (
        layer.kind not in _OF_ALL_USERS or (settings is not None and settings.trusts_user) or not may_be_written(path)
    )


def find_obstacle(path: Path, trust: Trust | None, kind: str) -> str | None:
    """Return why a ledger is not asked: somebody else could have written it, or what lies beside it; None if it can be.

    :param kind: of the layer that names it.
    :return: what follows its path, as one clause.
    """
    try:
        faults = _find_faults(path, trust, kind)
    except PermissionError:
        return f"cannot be searched: {NOT_SEARCHABLE}"
    except OSError as error:
        return f"cannot be trusted: {error.strerror or type(error).__name__}"
    return f"cannot be trusted: {faults[0].message}" if faults else None


def _find_faults(path: Path, trust: Trust | None, kind: str) -> list[Fault]:
    """Return who else may write a ledger, or could put one, or side files, where there is none yet.

    :raises OSError: nobody can tell.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        return find_distrust(str(path), os.stat(path), trust, kind)
    folder = _find_folder(path)
    info = os.stat(folder)
    if trust is None:
        return []  # pragma: no cover
    if folder != path.parent and info.st_mode & stat.S_ISVTX:
        return []  # as /tmp: what is made in it is its maker's, and is looked at from then on
    from ..policy.distrust import find_writers  # noqa: PLC0415  # few ledgers are not there

    return find_writers("folder", os.path.realpath(folder), info, trust, kind)


def _find_folder(path: Path) -> Path:
    """Return the nearest folder above a file that is there."""
    folder = path.parent
    while not is_there(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def is_there(path: Path) -> bool:
    """Tell whether a file is there, or may be: who opens it is told why that cannot be seen. Never raises."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True


def is_closed(path: Path) -> bool:
    """Tell whether this process can neither write a ledger nor make one there: what it sees is never remembered."""
    place = path if os.path.exists(path) else _find_folder(path)
    return not os.access(place, os.W_OK)


def is_given(layer: Layer, path: Path) -> bool:
    """Tell whether a ledger counts for a layer because this user cannot write it: then that is no failure."""
    settings = layer.policy.ledger
    is_trusted = settings is not None and settings.trusts_user
    return layer.kind in _OF_ALL_USERS and not is_trusted and os.path.exists(path) and is_closed(path)


def may_be_written(path: Path) -> bool:
    """Tell whether this user may write a ledger, or could make one there: then it is a memory, and no boundary.

    Root is the machine itself: what only root may write is nobody's to change.
    """
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return False
    place = path
    while not os.path.exists(place) and place != place.parent:
        place = place.parent
    own = {it.stat().st_uid for it in (path, path.parent) if os.path.exists(it)}
    return os.geteuid() in own or os.access(place, os.W_OK) or os.access(place.parent, os.W_OK)


def is_shared_over_network(path: Path, mounts: str = _MOUNTS) -> bool:
    """Tell whether other machines may have the file open, with which no memory is shared: SQLite's WAL needs that.

    Known on Linux only; elsewhere SQLite itself may refuse.

    :param mounts: as proc(5) describes ``mountinfo``.
    """
    if sys.platform != "linux":
        return False
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split() for line in file]
    except OSError:
        return False
    device = ""
    depth = -1
    real = os.path.realpath(path)
    for line in lines:
        point = line[4].encode("utf-8", "surrogateescape").decode("unicode_escape") if "\\" in line[4] else line[4]
        if len(point) >= depth and (real == point or real.startswith(point.rstrip("/") + "/")):
            device, depth = line[line.index("-") + 1], len(point)  # of two at one place the later one is on top
    return device in _OVER_A_NETWORK or (device.startswith("fuse.") and "overlay" not in device)
