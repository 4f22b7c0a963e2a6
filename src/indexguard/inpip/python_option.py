"""``pip --python OTHER`` (pip >= 22.3): the other interpreter's pip is guarded too, or does not run."""

from __future__ import annotations

import os
import subprocess

from .. import SUPPORTED
from ..errors import PIP_NOT_UNDERSTOOD, GuardError
from .children import BOOTSTRAP
from .failing import record_failure
from .reports import report_to_parent
from .seams import pip_module


def prepare_interpreter(root: str, interpreter: str) -> None:
    """Have ``pip --python OTHER`` guarded in the other interpreter.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    :param interpreter: the path of the other interpreter.
    :raises Exception: pip's ``InstallationError``: the guard does not support that interpreter, it does not run, or the
        bootstrap does not reach it.
    """
    code = "import sys; print(*sys.version_info[:2])"
    try:
        # -I: neither a sitecustomize on PYTHONPATH nor the current folder may answer in its place.
        answer = subprocess.run(
            [interpreter, "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=True
        )
        major, minor = (int(part) for part in answer.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        raise _installation_error(root, f"{interpreter} does not run as a Python interpreter") from None
    if not SUPPORTED[0] <= (major, minor) < SUPPORTED[1]:
        text = (
            f"{interpreter} is Python {major}.{minor}; indexguard guards Python 3.9 to 3.17, and no other may run pip"
        )
        raise _installation_error(root, text)
    inherited = os.environ.get("PYTHONPATH")
    # A process may do this for days.
    others = [entry for entry in inherited.split(os.pathsep) if entry != BOOTSTRAP] if inherited else []
    path = os.pathsep.join([BOOTSTRAP, *others])
    if not _starts_guarded(interpreter, path):
        text = f"{interpreter} does not start the guard: it does not read PYTHONPATH (python -I, -E or -S?)"
        raise _installation_error(root, text)
    os.environ["PYTHONPATH"] = path


def _starts_guarded(interpreter: str, path: str) -> bool:
    """Tell whether the interpreter has the start-up hook when it is given this PYTHONPATH, as pip will start it.

    The interpreter may be any program that ends in a Python, and that Python may be told to ignore its environment.
    """
    code = "import sys; sys.exit(not any(hasattr(entry, 'indexguard_hook') for entry in sys.meta_path))"
    try:
        answer = subprocess.run(
            [interpreter, "-c", code],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.returncode == 0


def _installation_error(root: str, text: str) -> Exception:
    failure = GuardError(PIP_NOT_UNDERSTOOD, text)
    record_failure(root, failure)
    report_to_parent(failure)
    error: Exception = pip_module(root, "_internal.exceptions").InstallationError(
        f"indexguard: {PIP_NOT_UNDERSTOOD}: {text}\n    hint: use the pip of an interpreter that the guard supports"
    )
    return error
