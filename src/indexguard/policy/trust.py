"""Whether a policy file can be trusted, and its content: what is checked is what is read.

A file that others may write is refused, as ssh does.
"""

from __future__ import annotations

import os
import shlex
import stat
from contextlib import suppress
from dataclasses import dataclass

from ..errors import POLICY_MISSING, POLICY_UNREADABLE, Fault, PolicyError
from .table import MAX_BYTES

try:
    import grp
    import pwd
except ImportError:  # pragma: no cover  # Windows
    _HAS_ACCOUNTS = False
else:
    _HAS_ACCOUNTS = True

VARIABLE = "INDEXGUARD_POLICY"
"""The environment variable that names a policy file."""

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

# Opening a named pipe would otherwise wait for a writer.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True)
class _Content:
    content: bytes
    file: tuple[int, int]
    """Device and inode."""


def read_trusted(path: str, trust: Trust | None, *, required: bool) -> _Content | None:
    """Return the content of a policy file, or None if there is none.

    The file is opened once; what is checked is what is read.

    :raises PolicyError: it cannot be read or trusted, or is required and not there.
    """
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
        raise unreadable(path, f"it cannot be opened: {error.strerror}") from None
    try:
        return _read_descriptor(descriptor, path, trust)
    except OSError as error:
        raise unreadable(path, f"it cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _read_descriptor(descriptor: int, path: str, trust: Trust | None) -> _Content:
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        raise unreadable(path, "it is not a regular file")
    faults = _find_distrust(path, info, trust)
    if faults:
        raise PolicyError(path, faults, POLICY_UNREADABLE)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return _Content(file.read(MAX_BYTES + 1), (info.st_dev, info.st_ino))


def unreadable(path: str, reason: str) -> PolicyError:
    """Return the error for a policy file that cannot be read or trusted."""
    return PolicyError(path, [Fault("", reason)], POLICY_UNREADABLE)


@dataclass(frozen=True)
class Trust:
    """Who may own a policy file."""

    euid: int
    owners: frozenset[int]

    @classmethod
    def of(cls, euid: int | None, base_prefix: str) -> Trust | None:
        """Return whom to trust; None on Windows, where owners are not checked in this version."""
        if not _HAS_ACCOUNTS:
            return None  # pragma: no cover
        user = os.geteuid() if euid is None else euid
        owners = {0, user}
        with suppress(OSError):
            owners.add(os.stat(base_prefix).st_uid)
        return cls(user, frozenset(owners))


def _find_distrust(path: str, info: os.stat_result, trust: Trust | None) -> list[Fault]:
    """Return why a file, or the folder that it really lies in, could have been written by someone else."""
    if trust is None:
        return []  # pragma: no cover
    real = os.path.realpath(path)
    if not os.path.samestat(os.stat(real), info):
        return [Fault("", "it was replaced while it was read")]
    folder = os.path.dirname(real)
    return [*_find_writers("file", real, info, trust), *_find_writers("folder", folder, os.stat(folder), trust)]


def _find_writers(what: str, path: str, info: os.stat_result, trust: Trust) -> list[Fault]:
    owner = _user_name(info.st_uid)
    found = f"{what} {path} (owner {owner}, mode {stat.S_IMODE(info.st_mode):04o})"
    quoted = shlex.quote(path)
    faults = []
    if info.st_uid not in trust.owners:
        trusted = ", ".join(_user_name(uid) for uid in sorted(trust.owners))
        faults.append(Fault("", f"{found} belongs to none of {trusted}; repair: chown root {quoted}"))
    if info.st_mode & stat.S_IWOTH:
        faults.append(Fault("", f"{found} may be written by everybody; repair: chmod o-w {quoted}"))
    if info.st_mode & stat.S_IWGRP and not _is_private_group(info.st_gid, info.st_uid, trust.euid):
        group = _group_name(info.st_gid)
        faults.append(Fault("", f"{found} may be written by the group {group}; repair: chmod g-w {quoted}"))
    return faults


def _is_private_group(gid: int, owner: int, euid: int) -> bool:
    """Tell whether a group is its owner's private one: of the owner's name, and nobody else's."""
    try:
        user = pwd.getpwuid(owner)
        group = grp.getgrgid(gid)
    except KeyError:
        return False
    if user.pw_gid != gid or group.gr_name != user.pw_name or set(group.gr_mem) - {user.pw_name}:
        return False
    if euid not in (0, owner) and gid in (os.getegid(), *os.getgroups()):
        return False
    return all(other.pw_gid != gid or other.pw_uid == owner for other in pwd.getpwall())


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"gid {gid}"
