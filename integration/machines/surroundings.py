"""What pip finds around it: whose process it is, what it may write, what the shell before it has set up."""

from __future__ import annotations

import functools
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from integration.harness import pips
from integration.harness.pips import Environment

NOBODYS_ID = 54321
"""A user id without a passwd entry, as container platforms give."""


@dataclass(frozen=True)
class Surroundings:
    """What differs from an ordinary pip run. ``{ground}`` in a text is the ground's folder."""

    name: str
    launch: str = 'exec "$@"'
    """How sh starts the command, which is ``$@``."""
    mounts: str = ""
    """What root's sh does first, in a mount namespace of its own."""
    environment: Mapping[str, str | None] = field(default_factory=dict)
    """Variables that are set otherwise; None: not at all."""
    uid: int | None = None
    """The user that pip must run as; None: anybody but root, if that can be had."""
    gid: int = NOBODYS_ID
    log: str | None = "{ground}/state/indexguard/log/audit.jsonl"
    """Where this user's audit log is; None where it cannot be written."""

    def __str__(self) -> str:
        return self.name


PLAIN = Surroundings("plain")


def find_obstacle(around: Surroundings, environment: Environment) -> str | None:
    """Return why this machine cannot make the surroundings, or None if it can."""
    # Nothing keeps root from its log.
    roots_log = os.geteuid() == 0 and around.log is None
    if not around.mounts and around.uid is None and not roots_log:
        return None
    return find_obstacle_to_users(environment.python_version) or (_no_mounts() if around.mounts else None)


@functools.cache
def find_obstacle_to_users(python_version: str) -> str | None:
    """Return why no other user can run this Python here, or None."""
    if os.geteuid() != 0:
        return "only root may run pip as another user"
    if shutil.which("setpriv") is None:
        return "missing: setpriv"
    if closed_folder(Path(tempfile.gettempdir())) is not None:
        return f"{tempfile.gettempdir()} is closed to other users"
    closed = closed_folder(prefix_of(python_version))
    reason = None if closed is None else _no_mounts()
    return None if reason is None else f"Python {python_version} lies in {closed}, closed to other users; {reason}"


@functools.cache
def _no_mounts() -> str | None:
    missing = [tool for tool in ("unshare", "mount") if shutil.which(tool) is None]
    if missing:
        return f"missing: {', '.join(missing)}"
    trial = subprocess.run(["/usr/bin/env", "unshare", "-m", "true"], capture_output=True, text=True, check=False)
    return None if trial.returncode == 0 else f"unshare -m failed: {trial.stderr.strip()}"


def prefix_of(python_version: str) -> Path:
    """Return the folder that a Python is installed in.

    :raises RuntimeError: it is not on this machine.
    """
    interpreter = pips.find_interpreter(python_version)
    if interpreter is None:
        raise RuntimeError(f"Python {python_version} is not on this machine")
    return interpreter.parent.parent


def closed_folder(path: Path) -> Path | None:
    """Return the topmost folder on the way to ``path`` that not everybody may enter, or None."""
    way = (*reversed(path.parents), path)
    return next((folder for folder in way if not folder.stat().st_mode & stat.S_IXOTH), None)


# What the tests go through

NO_XDG: Mapping[str, str | None] = dict.fromkeys(
    ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME")
)
_C = {"LANG": None, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
_NOBODY = 65534  # Linux gives it a passwd entry, with a home that is not there
_READ_ONLY = "mount --bind {ground} {ground}; mount -o remount,bind,ro /; cd {ground}/cwd"
FULL_LOG = (
    "mkdir -p {ground}/state/indexguard/log; head -c 65536 /dev/zero | tr '\\0' '\\n'"
    ' >{ground}/state/indexguard/log/audit.jsonl; ulimit -f 64; exec "$@"'
)
_GONE = 'mkdir -p gone && cd gone && rmdir ../gone && exec "$@"'
_DEEP = "d" * 200


@dataclass(frozen=True)
class Setting:
    """Surroundings, and what can be expected there."""

    around: Surroundings
    cannot: str | None = None
    """The pips that cannot install anything there, with or without a guard, such as ``>=26``; empty: all."""
    exit: int = 0
    """The exit status of a run that installs, and has something to say."""
    hears: bool = True
    """Whether what is written to standard error arrives."""
    log_fails: str | None = None
    """Why the audit log cannot be written, as the warning says."""

    def __str__(self) -> str:
        return self.around.name


def _homeless(
    name: str, home: str | None, log_fails: str, *, uid: int | None = None, cannot: str | None = None
) -> Setting:
    return Setting(
        Surroundings(name, environment={**NO_XDG, "HOME": home}, uid=uid, log=None), cannot, log_fails=log_fails
    )


SETTINGS = (
    _homeless("HOME points to nothing", "/nowhere/home", "Permission denied"),
    _homeless("HOME unset, passwd entry", None, "", uid=_NOBODY),
    # pip 26.3 does not start without a home.
    _homeless("HOME unset, no passwd entry", None, "HOME is not set", uid=NOBODYS_ID, cannot=">=26.3"),
    _homeless("HOME empty, no passwd entry", "", "", uid=NOBODYS_ID, cannot=">=26.3"),
    _homeless("HOME relative", "relative", "HOME is not set"),
    Setting(Surroundings("HOME unset, no passwd entry, XDG set", environment={"HOME": None}, uid=NOBODYS_ID)),
    Setting(
        Surroundings(
            "read-only home",
            mounts="mount --bind {ground}/home {ground}/home; mount -o remount,bind,ro {ground}/home",
            environment=NO_XDG,
            log=None,
        ),
        log_fails="Read-only file system",
    ),
    Setting(
        Surroundings(
            "container: read-only root, random user, group 0",
            mounts=_READ_ONLY,
            environment={**NO_XDG, "HOME": "/"},
            uid=NOBODYS_ID,
            gid=0,
            log=None,
        ),
        log_fails="Read-only file system",
    ),
    Setting(
        # pip finds no temporary folder.
        Surroundings(
            "nothing can be written",
            mounts="mount -o remount,bind,ro /; cd {ground}/cwd",
            environment={**NO_XDG, "HOME": "/"},
            uid=NOBODYS_ID,
            log=None,
        ),
        cannot="",
    ),
    Setting(Surroundings("current folder deleted", launch=_GONE), cannot=""),
    Setting(
        Surroundings(
            "current folder closed",
            launch='mkdir -p no && chmod 700 no && cd no && chmod 0 . && exec "$@"',
        )
    ),
    Setting(
        Surroundings(
            "long path",
            launch=f'for i in 1 2 3 4 5 6 7 8 9; do mkdir -p {_DEEP} && cd {_DEEP} || exit; done; exec "$@"',
        )
    ),
    Setting(Surroundings("TMPDIR missing", environment={"TMPDIR": "{ground}/nothing"})),
    Setting(Surroundings("TMPDIR not ours", environment={"TMPDIR": "{ground}/policy"})),
    Setting(Surroundings("stdout closed", launch='exec "$@" >&-')),
    Setting(Surroundings("stderr closed", launch='exec "$@" 2>&-'), hears=False),
    Setting(Surroundings("stdin, stdout, stderr closed", launch='exec "$@" <&- >&- 2>&-'), hears=False),
    # 120 is what Python ends with if it cannot write out its streams, and there is a warning to write.
    Setting(Surroundings("stdout full", launch='exec "$@" >/dev/full'), exit=120),
    Setting(Surroundings("stderr full", launch='exec "$@" 2>/dev/full'), exit=120, hears=False),
    Setting(Surroundings("umask 000", launch='umask 000; exec "$@"')),
    Setting(Surroundings("umask 077", launch='umask 077; exec "$@"')),
    Setting(Surroundings("16 file descriptors", launch='ulimit -n 16; exec "$@"')),
    # pip asks tempfile, which writes to each folder that it tries.
    Setting(Surroundings("files of 0 bytes", launch='ulimit -f 0; exec "$@"', log=None), cannot=""),
    Setting(Surroundings("log at the limit of a file's size", launch=FULL_LOG, log=None), log_fails="File too large"),
)
LOCALES = (
    Surroundings("locale C", environment=_C),
    Surroundings("locale C, PYTHONIOENCODING=ascii", environment={**_C, "PYTHONIOENCODING": "ascii"}),
    Surroundings("LANG unset", environment={"LANG": None}),
    Surroundings("PYTHONIOENCODING=ascii", environment={"PYTHONIOENCODING": "ascii"}),
    Surroundings("PYTHONUTF8=0", environment={"PYTHONUTF8": "0", "LANG": "POSIX"}),
)

ANSWERS = {"status": 0, "check": 1, "explain": 0, "log": 0}
"""What the commands end with; ``check`` has a lint."""
COMMAND_LINES = (
    (PLAIN, ANSWERS),
    (
        Surroundings("HOME points to nothing", environment={**NO_XDG, "HOME": "/nowhere/home"}, log=None),
        ANSWERS,
    ),
    (
        # The first of the pips can do without a home.
        Surroundings("HOME unset, no passwd entry", environment={**NO_XDG, "HOME": None}, uid=NOBODYS_ID, log=None),
        ANSWERS,
    ),
    (
        Surroundings(
            "container", mounts=_READ_ONLY, environment={**NO_XDG, "HOME": "/"}, uid=NOBODYS_ID, gid=0, log=None
        ),
        ANSWERS,
    ),
    (Surroundings("locale C, ascii", environment={**_C, "PYTHONIOENCODING": "ascii"}), ANSWERS),
    (Surroundings("stdout closed", launch='exec "$@" >&-'), ANSWERS),
    (Surroundings("stdin, stdout, stderr closed", launch='exec "$@" <&- >&- 2>&-'), ANSWERS),
    (Surroundings("stdout full", launch='exec "$@" >/dev/full'), dict.fromkeys(ANSWERS, 2)),
    (Surroundings("current folder deleted", launch=_GONE), ANSWERS),
    (Surroundings("nothing can be written", mounts="mount -o remount,bind,ro /", uid=NOBODYS_ID), ANSWERS),
    (Surroundings("16 file descriptors", launch='ulimit -n 16; exec "$@"'), ANSWERS),
    (
        Surroundings("policy on a drive", environment={"INDEXGUARD_POLICY": r"C:\policy.toml"}),
        {"status": 2, "check": 2, "explain": 2, "log": 0},
    ),
)
