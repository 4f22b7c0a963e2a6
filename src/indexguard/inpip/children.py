"""The pips that this pip starts: for build requirements, and for another interpreter.

A child in the same environment starts the guard by itself. Three do not: one in the throw-away venv of pip's
``venv-isolation`` (pip >= 26.2), one for ``pip --python OTHER`` (pip >= 22.3), and one that a build backend starts where
the guard lies in the standard library or in the account; they are handed the bootstrap folder.
The parent marks a pip that it starts for build requirements; the mark can only narrow what that pip may do.
"""

from __future__ import annotations

import importlib
import os
import subprocess
from typing import Any, Callable

from .. import SUPPORTED
from ..errors import GuardError

BOOTSTRAP = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "standalone", "bootstrap")
"""The folder that a child's path may hold: it starts the guard and has nothing else in it."""


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
    path = os.pathsep.join([BOOTSTRAP, inherited] if inherited else [BOOTSTRAP])
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
    # Loaded only here: `pip --python` needs nothing else of the guard in this process.
    from .failing import record_failure

    record_failure(root, GuardError("pip-not-understood", text))
    exceptions = importlib.import_module(f"{root}._internal.exceptions")
    error: Exception = exceptions.InstallationError(
        f"indexguard: pip-not-understood: {text}\n    hint: use the pip of an interpreter that the guard supports"
    )
    return error


def wrap_venv(wrapped: Callable[..., Any], environment: Any, args: Any, kwargs: Any) -> Any:
    """Hand the bootstrap to the throw-away venv that pip >= 26.2 installs build requirements in (wrapt's form)."""
    made = wrapped(*args, **kwargs)
    for folder in environment.lib_dirs:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "indexguard-bootstrap.pth"), "w", encoding="utf-8") as file:
            file.write(f"{BOOTSTRAP}\nimport _indexguard_bootstrap; _indexguard_bootstrap.install()\n")
    return made


_TO_BACKENDS = """
# indexguard: a pip that the build backend starts is guarded too; this file stands before the standard library's.
def _start_indexguard():
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("_indexguard_bootstrap", {path!r})
    module = sys.modules["_indexguard_bootstrap"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install()

if not any(getattr(entry, "indexguard_hook", None) is True for entry in sys.meta_path):
    _start_indexguard()
"""


def wrap_virtual(wrapped: Callable[..., Any], environment: Any, args: Any, kwargs: Any) -> Any:
    """Hand the bootstrap to build backends, through the ``sitecustomize`` that pip isolates them with (wrapt's form).

    It is the only one that runs there, and pip has them read nothing of the user's.
    """
    made = wrapped(*args, **kwargs)
    path = os.path.join(environment._site_dir, "sitecustomize.py")  # noqa: SLF001  # pip 20.3 to 26.3
    with open(path, "a", encoding="utf-8") as file:
        file.write(_TO_BACKENDS.format(path=os.path.join(BOOTSTRAP, "_indexguard_bootstrap.py")))
    return made
