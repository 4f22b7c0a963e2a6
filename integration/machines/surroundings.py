"""What pip finds around it: whose process it is, what it may write, what the shell before it has set up."""

from __future__ import annotations

import functools
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from integration.harness import pips
from integration.harness.cases import read_cases
from integration.harness.children import run_child
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
    if "unshare -U" in around.launch and (reason := _no_user_namespaces()) is not None:
        return reason
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
    trial = run_child(["/usr/bin/env", "unshare", "-m", "true"])
    return None if trial.returncode == 0 else f"unshare -m failed: {trial.stderr.strip()}"


@functools.cache
def _no_user_namespaces() -> str | None:
    if shutil.which("unshare") is None:
        return "missing: unshare"
    trial = run_child(["/usr/bin/env", "unshare", "-U", "--map-root-user", "true"])
    return None if trial.returncode == 0 else f"unshare -U failed: {trial.stderr.strip()}"


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

FULL_LOG = (
    "mkdir -p {ground}/state/indexguard/log; head -c 65536 /dev/zero | tr '\\0' '\\n'"
    ' >{ground}/state/indexguard/log/audit.jsonl; ulimit -f 64; exec "$@"'
)


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


def _read_around(values: dict[str, Any]) -> Surroundings:
    """Take the surroundings out of what the file says of one case."""
    own = {each.name: values.pop(each.name) for each in fields(Surroundings) if each.name in values}
    unset: dict[str, str | None] = dict.fromkeys(values.pop("unset", ()))
    made = Surroundings(**own)
    return replace(made, environment={**made.environment, **unset}, log=made.log or None)


_CASES = read_cases(__file__)
SETTINGS = [Setting(_read_around(values), **values) for values in _CASES["settings"]]
LOCALES = [_read_around(values) for values in _CASES["locales"]]
ANSWERS = {"status": 0, "check": 0, "explain": 0, "log": 0}
"""What the commands end with; ``check`` has a note."""
COMMAND_LINES = [(_read_around(values), values.get("answers", ANSWERS)) for values in _CASES["command-lines"]]
