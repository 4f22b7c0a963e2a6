"""Whether a policy file can be trusted, and its content: what is checked is what is read.

A file that others may write is refused, as ssh does.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress

from ..errors import POLICY_MISSING, POLICY_UNREADABLE, Fault, PolicyError
from ..tuples import NamedTuple
from .table import MAX_BYTES

VARIABLE = "INDEXGUARD_POLICY"
"""The environment variable that names a policy file."""

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

# Opening a named pipe would otherwise wait for a writer.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


class _Content(NamedTuple):
    content: bytes
    file: tuple[int, int]
    """Device and inode."""


class NotSearchableError(Exception):
    """A folder above a user's policy file may not be searched: HOME is not this user's."""


def read_trusted(path: str, trust: Trust | None, *, kind: str) -> _Content | None:
    """Return the content of a policy file, or None if there is none.

    The file is opened once; what is checked is what is read.

    :param kind: of the layer: where ``environment`` names a file it must be there.
    :raises PolicyError: it cannot be read or trusted, or is required and not there.
    :raises NotSearchableError: nobody can tell whether the user's layer has a file.
    """
    required = kind == "environment"
    if required and not os.path.isabs(path):
        raise PolicyError(path, [Fault("", f"{VARIABLE} must hold an absolute path")], POLICY_MISSING)
    try:
        descriptor = os.open(path, _OPEN_FLAGS | _NO_WAIT)
    except (FileNotFoundError, NotADirectoryError):
        # A link to nothing is a policy that someone meant to be there.
        if os.path.islink(path):
            raise unreadable(path, "it is a link to a file that is not there") from None
        if required:
            raise PolicyError(path, [Fault("", f"{VARIABLE} names it, and it is not there")], POLICY_MISSING) from None
        return None
    except ValueError:
        raise PolicyError(path, [Fault("", f"{VARIABLE} holds a path that cannot be one")], POLICY_MISSING) from None
    except OSError as error:
        if kind == "user" and isinstance(error, PermissionError) and not _may_look(path):
            raise NotSearchableError from None
        raise unreadable(path, f"it cannot be opened: {error.strerror}") from None
    try:
        return _read_descriptor(descriptor, path, trust, kind)
    except OSError as error:
        raise unreadable(path, f"it cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _may_look(path: str) -> bool:
    """Tell whether the folders above a path may be searched: then it is known what is there."""
    try:
        os.lstat(path)
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def _read_descriptor(descriptor: int, path: str, trust: Trust | None, kind: str) -> _Content:
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        raise unreadable(path, "it is not a regular file")
    faults = find_distrust(path, info, trust, kind)
    if faults:
        raise PolicyError(path, faults, POLICY_UNREADABLE)
    # Not os.fdopen: eventlet's closes the descriptor all the same.
    with open(descriptor, "rb", closefd=False) as file:
        return _Content(file.read(MAX_BYTES + 1), (info.st_dev, info.st_ino))


def unreadable(path: str, reason: str) -> PolicyError:
    """Return the error for a policy file that cannot be read or trusted."""
    return PolicyError(path, [Fault("", reason)], POLICY_UNREADABLE)


class Trust(NamedTuple):
    """Who may own a policy file."""

    euid: int
    owners: frozenset[int]

    @property
    def overflow(self) -> int:
        """As ``find_overflow`` returns it."""
        return find_overflow()

    @classmethod
    def of(cls, euid: int | None, base_prefix: str) -> Trust | None:
        """Return whom to trust; None on Windows, where owners are not checked in this version."""
        if not hasattr(os, "geteuid"):
            return None  # pragma: no cover
        user = os.geteuid() if euid is None else euid
        owners = {0, user}
        with suppress(OSError):
            owners.add(os.stat(base_prefix).st_uid)
        if owners != {0}:
            # In a user namespace the uid of everybody whom it does not map is nobody's name: neither that of the owner
            # of a Python, nor this user's own.
            owners.discard(find_overflow())
        return cls(user, frozenset(owners))


_EVERYBODY = 2**32 - 1  # how many uids the namespace maps that every system begins with
USUAL_OVERFLOW = 65534
NO_UID = -1


def find_overflow() -> int:
    """Return the uid that stands for every user whom this process's user namespace does not map; ``NO_UID`` for none.

    See user_namespaces(7). Where the kernel does not tell (no ``/proc``), the usual one.
    """
    if sys.platform != "linux":
        return NO_UID
    try:
        with open("/proc/self/uid_map", "rb") as file:
            if sum(int(line.split()[2]) for line in file) >= _EVERYBODY:
                return NO_UID
        with open("/proc/sys/kernel/overflowuid", "rb") as file:
            return int(file.read())
    except (OSError, ValueError, IndexError):
        return USUAL_OVERFLOW


def find_distrust(path: str, info: os.stat_result, trust: Trust | None, kind: str) -> list[Fault]:
    """Return why a file, or the folder that it really lies in, could have been written by someone else."""
    if trust is None:
        return []  # pragma: no cover
    real = os.path.realpath(path)
    if not os.path.samestat(os.stat(real), info):
        return [Fault("", "it was replaced while it was read")]
    folder = os.path.dirname(real)
    what = "folder" if stat.S_ISDIR(info.st_mode) else "file"
    return find_foreign(((what, real, info), ("folder", folder, os.stat(folder))), trust, kind)


def find_foreign(places: tuple[tuple[str, str, os.stat_result], ...], trust: Trust, kind: str) -> list[Fault]:
    """Return why somebody else could write any of these places.

    :param places: each as ``file`` or ``folder``, with its path, and what the system says of it.
    """
    if all(it.st_uid in trust.owners and not it.st_mode & (stat.S_IWOTH | stat.S_IWGRP) for _, _, it in places):
        return []
    from .distrust import find_writers  # noqa: PLC0415  # few lie where others may perhaps write

    return [fault for place in places for fault in find_writers(*place, trust, kind)]
