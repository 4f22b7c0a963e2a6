"""How the tests start programs, and hand them a policy. Standard library only."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Done = subprocess.CompletedProcess[str]
QUIET_PIP = {
    "COLUMNS": "200",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_RETRIES": "0",
    "PIP_ROOT_USER_ACTION": "ignore",
}
"""What has pip wait for nothing, and say nothing that depends on the day."""


def run_child(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    check: bool = False,
    timeout: float | None = None,
) -> Done:
    """Run a program to its end, with nothing on its standard input, and return what it printed.

    :param env: its whole environment; None: ours.
    :param timeout: seconds; None: as long as it takes.
    :raises subprocess.CalledProcessError: with ``check``, it failed.
    :raises subprocess.TimeoutExpired: it took longer, and is dead now.
    """
    return subprocess.run(
        command,
        env=env,
        cwd=cwd,
        check=check,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )


def own_variables(folder: str | Path) -> dict[str, str]:
    """Return the whole environment of a pip whose user has nothing but this folder, and in it one for each purpose."""
    purposes = {"HOME": "home", "TMPDIR": "tmp"}
    purposes |= {f"XDG_{kind.upper()}_HOME": kind for kind in ("config", "cache", "state", "data")}
    own = {variable: f"{folder}/{name}" for variable, name in purposes.items()}
    return {**own, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull, **QUIET_PIP}


def write_policy(path: str | Path, text: str) -> Path:
    """Write a policy that the guard trusts, whatever the umask is, and make its folder if need be."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    return path
