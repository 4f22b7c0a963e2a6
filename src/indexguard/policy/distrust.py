"""Who else may write a policy file: loaded where its owner or its mode leaves that open."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat

from ..errors import Fault


def find_writers(what: str, path: str, info: os.stat_result, owners: frozenset[int], euid: int) -> list[Fault]:
    """Return why a file or folder could have been written by someone else.

    :param what: ``file`` or ``folder``.
    :param owners: whom to trust, by their uid.
    :param euid: the current user.
    """
    owner = _user_name(info.st_uid)
    found = f"{what} {path} (owner {owner}, mode {stat.S_IMODE(info.st_mode):04o})"
    quoted = shlex.quote(path)
    faults = []
    if info.st_uid not in owners:
        trusted = ", ".join(_user_name(uid) for uid in sorted(owners))
        faults.append(Fault("", f"{found} belongs to none of {trusted}; repair: chown root {quoted}"))
    if info.st_mode & stat.S_IWOTH:
        faults.append(Fault("", f"{found} may be written by everybody; repair: chmod o-w {quoted}"))
    if info.st_mode & stat.S_IWGRP and not _is_private_group(info.st_gid, info.st_uid, euid):
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
