"""Who else may write a policy file: loaded where its owner or its mode leaves that open."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import shlex
import stat
from typing import TYPE_CHECKING

from ..errors import Fault, escape

if TYPE_CHECKING:
    from typing import Protocol

    class Trust(Protocol):
        """Whom to trust, as ``trust`` found out."""

        @property
        def euid(self) -> int:
            """This user's uid."""

        @property
        def owners(self) -> frozenset[int]:
            """The uids that may own a policy file."""

        @property
        def overflow(self) -> int:
            """The uid that stands for those whom a user namespace does not map."""


_MACHINE = ("machine", "interpreter")
"""The places whose file is trusted for where it lies, if nobody here could have put it there."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def find_writers(what: str, path: str, info: os.stat_result, trust: Trust, kind: str) -> list[Fault]:
    """Return why a file or folder could have been written by someone else.

    :param what: ``file`` or ``folder``.
    :param kind: of the layer.
    """
    found = f"{what} {escape(path)} (owner {_user_name(info.st_uid)}, mode {stat.S_IMODE(info.st_mode):04o})"
    quoted = escape(shlex.quote(path))
    faults = []
    if info.st_uid not in trust.owners:
        if info.st_uid == trust.overflow:
            is_own = trust.euid == trust.overflow and _find_denial(path) is None
            reason = None if is_own else _explain_unmapped(path, trust, kind)
            faults += [] if reason is None else [Fault("", f"{found} {reason}")]
        else:
            trusted = ", ".join(_user_name(uid) for uid in sorted(trust.owners))
            faults.append(Fault("", f"{found} belongs to none of {trusted}; repair: chown root {quoted}"))
    if info.st_mode & stat.S_IWOTH:
        # What everybody uses (/tmp) has to stay so.
        is_shared = stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX
        repair = "put the policy into a folder of its own" if is_shared else f"chmod o-w {quoted}"
        faults.append(Fault("", f"{found} may be written by everybody; repair: {repair}"))
    if info.st_mode & stat.S_IWGRP and not _is_private_group(info.st_gid, info.st_uid, trust.euid):
        group = _group_name(info.st_gid)
        faults.append(Fault("", f"{found} may be written by the group {group}; repair: chmod g-w {quoted}"))
    return faults


def _explain_unmapped(path: str, trust: Trust, kind: str) -> str | None:
    """Return why what belongs to a user whom this user namespace does not map is not trusted; None if it is.

    Such an owner may be root, or anybody. A file of the machine or interpreter is trusted where root is not mapped, if it
    lies where nothing in this namespace could have put it.
    """
    unmapped = "belongs to a user whom this user namespace does not map, which may be anybody"
    if kind not in _MACHINE:
        return f"{unmapped}; repair: use a copy of your own, or have the container map its owner"
    if _is_root_mapped():
        return f"{unmapped} but root; repair: chown it to root, outside this namespace"
    place = path
    while True:
        if _may_write(place, trust):
            return f"{unmapped}, and this process may write {escape(place)}; repair: mount it so that it may not (read-only)"
        info = os.stat(place)
        if info.st_mode & _OTHERS_WRITE or info.st_uid not in (0, trust.overflow, trust.euid):
            return f"{unmapped}, and others may write {escape(place)}; repair: chmod go-w it, outside this namespace"
        above = os.path.dirname(place)
        if above == place:
            return None
        place = above


def _may_write(path: str, trust: Trust) -> bool:
    """Tell whether this process may write a file or folder, or may make it so that it may: it is its own."""
    if os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        return True
    if os.statvfs(path).f_flag & os.ST_RDONLY or os.stat(path).st_uid != trust.euid:
        return False
    return trust.euid != trust.overflow or _find_denial(path) != errno.EPERM


def _is_root_mapped() -> bool:
    """Tell whether the root of the namespace around this one has a uid here (user_namespaces(7))."""
    try:
        with open("/proc/self/uid_map", "rb") as file:
            return any(int(line.split()[1]) == 0 for line in file)
    except (OSError, ValueError, IndexError):
        return True


def _find_denial(path: str) -> int | None:
    """Return the number of the error with which open(2) refuses what only an owner may; None for this process's own.

    So the kernel tells its files from those of others that show the same uid. The number is EPERM for theirs.
    """
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOATIME))
    except OSError as error:
        return error.errno
    return None


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
