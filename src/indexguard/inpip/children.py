"""The pips that this pip starts: for build requirements, and for another interpreter.

A child in the same environment starts the guard by itself. Three do not: one in the throw-away venv of pip's
``venv-isolation`` (pip >= 26.2), one for ``pip --python OTHER`` (pip >= 22.3), and one that a build backend starts where
the guard lies in the standard library or in the account; they are handed the bootstrap folder.
The parent marks a pip that it starts for build requirements; the mark can only narrow what that pip may do.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import stat
import subprocess
import tempfile
from typing import Any, Callable

from ..errors import GuardError, escape

BOOTSTRAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap")
"""The folder that a child's path may hold: it starts the guard and has nothing else in it."""

MARK = "_INDEXGUARD_PARENT"
"""The environment variable of the mark: the parent's run id, whose the requirements are, the file to report refusals in;
colons between them."""

_REQUESTED = "requested"
"""Whose they are: a local project's that the user requested. Any other word: some distribution's."""


def prepare_interpreter(root: str, interpreter: str) -> None:
    """Have ``pip --python OTHER`` guarded in the other interpreter.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    :param interpreter: the path of the other interpreter.
    :raises Exception: pip's ``InstallationError``: the guard does not support that interpreter, it does not run, or the
        bootstrap does not reach it.
    """
    from ..interpreters.python import SUPPORTED  # only here: no other pip run needs it

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
    importlib.import_module("indexguard.inpip.activation").record_failure(root, GuardError("pip-not-understood", text))
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


class Reports:
    """Where the pips for build requirements report their refusals to this one.

    :param run: the id of this run.
    :param requested: whether the build requirements are those of a local project that was itself requested.
    """

    def __init__(self, run: str, *, requested: bool) -> None:
        self._run = run
        self._kind = _REQUESTED if requested else "brought"
        self._path: str | None = None

    def __enter__(self) -> Reports:  # noqa: PYI034  # typing.Self needs Python 3.11
        descriptor, self._path = tempfile.mkstemp(prefix="indexguard-")
        os.close(descriptor)
        self._before = os.environ.get(MARK)
        os.environ[MARK] = f"{self._run}:{self._kind}:{self._path}"
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._before is None:
            del os.environ[MARK]
        else:
            os.environ[MARK] = self._before
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):  # a build backend of the run may have removed it
                os.unlink(self._path)

    def read(self) -> list[GuardError]:
        """Return the refusals that children have reported; a line that is none is left out."""
        if self._path is None or not os.path.isfile(self._path):
            return []
        found = []
        # Every build backend of the run could write here: nothing in it is taken on trust.
        with open(self._path, encoding="utf-8", errors="replace") as file:
            for line in file:
                error = _parse_report(line)
                if error is not None:
                    found.append(error)
        return found


def _parse_report(line: str) -> GuardError | None:
    try:
        report = json.loads(line)
        facts = [(escape(str(label)), _escape_lines(str(text))) for label, text in report["facts"]]
        return GuardError(report["code"], _escape_lines(str(report["refused"])), facts, escape(str(report["hint"])))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _escape_lines(text: str) -> str:
    return "\n".join(map(escape, text.splitlines()))


def parent_run() -> str | None:
    """Return the id of the run that started this pip for build requirements, or None."""
    mark = os.environ.get(MARK)
    return None if mark is None else mark.partition(":")[0]


def takes_requests() -> bool:
    """Tell whether this pip's root requirements are the user's: not if a parent started it for a distribution's build."""
    mark = os.environ.get(MARK)
    return mark is None or mark.split(":")[1:2] == [_REQUESTED]


def report_to_parent(error: GuardError) -> None:
    """Tell the parent pip of a refusal, so that it can explain it last; does nothing without a parent."""
    path = os.environ.get(MARK, "").split(":", 2)[2:]
    if not path or not path[0]:
        return
    line = json.dumps({"code": error.code, "refused": error.refused, "facts": error.facts, "hint": error.hint})
    try:
        # Only the parent's own file: never made here, never a link, never somebody else's.
        descriptor = os.open(path[0], os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return
    try:
        status = os.fstat(descriptor)
        if (
            stat.S_ISREG(status.st_mode)
            and status.st_uid == os.geteuid()
            and os.path.basename(path[0]).startswith("indexguard-")
        ):
            os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)
