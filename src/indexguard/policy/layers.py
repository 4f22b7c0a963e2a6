"""Where policy files live, and whether a file there can be trusted: the one door to ``platformdirs`` for policies.

Layers narrow, none loosens: every file found counts, and one that others may write stops pip.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .._vendor import platformdirs
from ..errors import Fault, PolicyError
from .model import Layer
from .reader import MAX_BYTES, read_policy

if TYPE_CHECKING:
    from collections.abc import Mapping

try:
    import grp
    import pwd
except ImportError:  # pragma: no cover  # Windows
    _HAS_ACCOUNTS = False
else:
    _HAS_ACCOUNTS = True

VARIABLE = "INDEXGUARD_POLICY"
"""The environment variable that names a policy file."""
LAYER_KINDS = ("machine", "interpreter", "user", "environment")
"""The places, in the order in which they are looked at."""

_FILE = "policy.toml"
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# Opening a named pipe would otherwise wait for a writer.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True)
class Place:
    """One place that was looked at."""

    kind: str
    """One of ``LAYER_KINDS``."""
    path: str | None
    """None where the place cannot be told: an unset variable, a user without a home."""
    state: str
    """``loaded``, ``absent``, ``unset``, ``no home``, the code of its fault, or ``same file as`` and the kind that it
    was read for."""


@dataclass(frozen=True)
class LayersFound:
    """What ``find_layers`` or ``survey_layers`` saw."""

    places: tuple[Place, ...]
    """One for each of ``LAYER_KINDS``, in that order; two of the interpreter where PYTHONHOME names another folder."""
    layers: tuple[Layer, ...]
    """The files read, in the same order."""
    faults: tuple[PolicyError, ...] = ()
    """What is wrong with the files that cannot be used, in the same order."""

    @property
    def builtin_rule_applies(self) -> bool:
        """Whether the rule for "no policy at all" is in force: no layer has an opinion on names.

        A file that only ``INDEXGUARD_POLICY`` names and that is in audit mode does not switch it off.
        """
        return not any(
            layer.policy.indexes and (layer.enforces or layer.kind != "environment") for layer in self.layers
        )


def machine_policy_path(platform: str = sys.platform) -> str:
    """Return the path of the machine's policy file: fixed, so that no environment variable can move it.

    :param platform: as ``sys.platform``.
    """
    if platform == "win32":
        return rf"C:\ProgramData\indexguard\{_FILE}"
    if platform == "darwin":
        return f"/Library/Application Support/indexguard/{_FILE}"
    return f"/etc/indexguard/{_FILE}"


def interpreter_policy_path(base_prefix: str = sys.base_prefix) -> str:
    """Return the path of the interpreter's policy file; all its virtual environments share it."""
    return os.path.join(base_prefix, "etc", "indexguard", _FILE)


def user_policy_path() -> str | None:
    """Return the path of the user's policy file; None for a user without a home (HOME unset, no passwd entry)."""
    path = platformdirs.user_config_path("indexguard", appauthor=False) / _FILE
    return str(path) if path.is_absolute() else None


def find_layers(
    environ: Mapping[str, str] = os.environ,
    *,
    euid: int | None = None,
    machine_path: str | None = None,
    base_prefix: str = sys.base_prefix,
    user_path: str | None = None,
) -> LayersFound:
    """Read the policy file of every layer that has one.

    A file that two places lead to counts once, for the first of them. Everything but ``environ`` is for tests.

    :param euid: the current user; by default the process's.
    :param machine_path: the machine's policy file.
    :param base_prefix: the interpreter's folder; its owner is trusted.
    :param user_path: the user's policy file.
    :raises PolicyError: a file is there and cannot be read, cannot be trusted or has faults; or the one that
        ``INDEXGUARD_POLICY`` names is not there.
    """
    found = survey_layers(environ, euid=euid, machine_path=machine_path, base_prefix=base_prefix, user_path=user_path)
    if found.faults:
        raise found.faults[0]
    return found


def find_requirement() -> str | None:
    """Return the file that makes a missing policy a refusal (``indexguard activate --require-policy``), if there is one.

    It lies in the standard library's private folder, where it counts for whatever copy of the guard runs, or in the one
    that this copy was started from.
    """
    library = os.path.dirname(os.path.abspath(os.__file__))
    release = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    private = os.path.dirname(os.path.realpath(release))
    for folder in (os.path.join(library, "_indexguard"), private):
        path = os.path.join(folder, "require-policy")
        if os.path.lexists(path):
            return path
    return None


def _find_missing(found: LayersFound, machine_path: str) -> list[PolicyError]:
    """Return the fault of a place where a policy is required and none says which index a name belongs to."""
    requirement = find_requirement()
    if requirement is None or found.faults or not found.builtin_rule_applies:
        return []
    reason = f"no policy says which index a name belongs to, and {requirement} demands one"
    return [PolicyError(machine_path, [Fault("", reason)], "policy-missing")]


def survey_layers(
    environ: Mapping[str, str] = os.environ,
    *,
    euid: int | None = None,
    machine_path: str | None = None,
    base_prefix: str = sys.base_prefix,
    user_path: str | None = None,
) -> LayersFound:
    """As ``find_layers``, for those who only look: what cannot be used stands in ``faults``. Never raises PolicyError."""
    trust = _Trust.of(euid, base_prefix)
    paths = [
        ("machine", machine_path or machine_policy_path()),
        ("interpreter", interpreter_policy_path(base_prefix)),
        ("user", user_path or user_policy_path()),
        ("environment", environ.get(VARIABLE) or None),
    ]
    places = []
    layers = []
    faults = []
    seen: dict[tuple[int, int], str] = {}
    if environ.get("PYTHONHOME") and not sys.flags.ignore_environment:
        try:
            home = _find_home(environ)
        except PolicyError as error:
            faults.append(error)
        else:
            if home not in (None, base_prefix):
                paths.insert(2, ("interpreter", interpreter_policy_path(home)))
    for kind, path in paths:
        try:
            found = None if path is None else _read(path, trust, required=kind == "environment")
            if path is None:
                state = "unset" if kind == "environment" else "no home"
            elif found is None:
                state = "absent"
            elif found.file in seen:
                state = f"same file as {seen[found.file]}"
            else:
                state = "loaded"
                seen[found.file] = kind
                digest = hashlib.sha256(found.content).hexdigest()
                layers.append(Layer(kind, path, digest, read_policy(found.content, path)))
        except PolicyError as error:
            state = error.code
            faults.append(error)
        places.append(Place(kind, path, state))
    read = LayersFound(tuple(places), tuple(layers), tuple(faults))
    return replace(read, faults=(*faults, *_find_missing(read, machine_path or machine_policy_path())))


def _find_home(environ: Mapping[str, str]) -> str | None:
    """Return the interpreter's folder as it is without PYTHONHOME, which moves ``sys.base_prefix``.

    No variable can take the interpreter's policy away; that of the place that PYTHONHOME names counts as well.

    :return: None for an interpreter that does not start without PYTHONHOME.
    :raises PolicyError: it could not be asked.
    """
    import subprocess  # noqa: PLC0415  # pip has loaded it; few set the variable

    # -I: neither the variable itself nor another one; -S: nothing that could print.
    command = [sys.executable, "-I", "-S", "-c", "import sys; sys.stdout.write(sys.base_prefix)"]
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
            env=dict(environ),
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = f"PYTHONHOME is set, and {sys.executable} could not be asked for its own folder: {error}"
        raise _unreadable(interpreter_policy_path(), reason) from None
    return os.fsdecode(answer.stdout) if answer.returncode == 0 else None


@dataclass(frozen=True)
class _Content:
    content: bytes
    file: tuple[int, int]
    """Device and inode."""


def _read(path: str, trust: _Trust | None, *, required: bool) -> _Content | None:
    """Return the content of a policy file, or None if there is none.

    The file is opened once; what is checked is what is read.

    :raises PolicyError: it cannot be read or trusted, or is required and not there.
    """
    if required and not os.path.isabs(path):
        raise PolicyError(path, [Fault("", f"{VARIABLE} must hold an absolute path")], "policy-missing")
    try:
        descriptor = os.open(path, _OPEN_FLAGS | _NO_WAIT)
    except (FileNotFoundError, NotADirectoryError):
        # A link to nothing is a policy that someone meant to be there.
        if os.path.islink(path):
            raise _unreadable(path, "it is a link to a file that is not there") from None
        if required:
            raise PolicyError(
                path, [Fault("", f"{VARIABLE} names it, and it is not there")], "policy-missing"
            ) from None
        return None
    except ValueError:
        raise PolicyError(path, [Fault("", f"{VARIABLE} holds a path that cannot be one")], "policy-missing") from None
    except OSError as error:
        raise _unreadable(path, f"it cannot be opened: {error.strerror}") from None
    try:
        return _read_descriptor(descriptor, path, trust)
    except OSError as error:
        raise _unreadable(path, f"it cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _read_descriptor(descriptor: int, path: str, trust: _Trust | None) -> _Content:
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        raise _unreadable(path, "it is not a regular file")
    faults = _find_distrust(path, info, trust)
    if faults:
        raise PolicyError(path, faults, "policy-unreadable")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return _Content(file.read(MAX_BYTES + 1), (info.st_dev, info.st_ino))


def _unreadable(path: str, reason: str) -> PolicyError:
    return PolicyError(path, [Fault("", reason)], "policy-unreadable")


# Trust


@dataclass(frozen=True)
class _Trust:
    """Who may own a policy file."""

    euid: int
    owners: frozenset[int]

    @classmethod
    def of(cls, euid: int | None, base_prefix: str) -> _Trust | None:
        """Return whom to trust; None on Windows, where owners are not checked in this version."""
        if not _HAS_ACCOUNTS:
            return None  # pragma: no cover
        user = os.geteuid() if euid is None else euid
        owners = {0, user}
        with suppress(OSError):
            owners.add(os.stat(base_prefix).st_uid)
        return cls(user, frozenset(owners))


def _find_distrust(path: str, info: os.stat_result, trust: _Trust | None) -> list[Fault]:
    """Return why a file, or the folder that it really lies in, could have been written by someone else."""
    if trust is None:
        return []  # pragma: no cover
    real = os.path.realpath(path)
    if not os.path.samestat(os.stat(real), info):
        return [Fault("", "it was replaced while it was read")]
    folder = os.path.dirname(real)
    return [*_find_writers("file", real, info, trust), *_find_writers("folder", folder, os.stat(folder), trust)]


def _find_writers(what: str, path: str, info: os.stat_result, trust: _Trust) -> list[Fault]:
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
