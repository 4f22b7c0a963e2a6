"""How the tests start programs, and hand them a policy. Standard library only."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Done = subprocess.CompletedProcess[str]


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


def write_policy(path: str | Path, text: str) -> Path:
    """Write a policy that the guard trusts, whatever the umask is, and make its folder if need be."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    return path
