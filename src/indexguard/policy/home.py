"""The folder of an interpreter whose environment says another (PYTHONHOME)."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from .trust import unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping


def find_home(environ: Mapping[str, str], path: str) -> str | None:
    """Return the interpreter's folder as it is without PYTHONHOME, which moves ``sys.base_prefix``.

    No variable can take the interpreter's policy away; that of the place that PYTHONHOME names counts as well.

    :param path: the policy file that would be read by what PYTHONHOME says, for the error.
    :return: None for an interpreter that does not start without PYTHONHOME.
    :raises PolicyError: it could not be asked.
    """
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
        raise unreadable(path, reason) from None
    return os.fsdecode(answer.stdout) if answer.returncode == 0 else None
