"""One interpreter of this machine, as it says itself, and the one way to ask a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import SUPPORTED
from ..errors import escape

_PROGRAM = """
import json, os, site, sys, sysconfig
print()
print(json.dumps({
    "executable": sys.executable,
    "version": list(sys.version_info[:3]),
    "implementation": sys.implementation.name,
    "cache_tag": sys.implementation.cache_tag,
    "prefix": sys.prefix,
    "base_prefix": sys.base_prefix,
    "stdlib": os.path.dirname(os.path.abspath(os.__file__)),
    "purelib": sysconfig.get_path("purelib"),
    "user_site": site.getusersitepackages(),
    "base_executable": getattr(sys, "_base_executable", None) or sys.executable,
}))
"""


class InterpretersError(Exception):
    """What was asked for cannot be done; the text says what and why, and what to do."""


@dataclass(frozen=True)
class Answer:
    """What a child process left when it ended; bytes that are no UTF-8 are written as escapes."""

    exit_code: int
    stdout: str
    stderr: str

    def read_json(self) -> Any:
        """Return the value in the last line of its output: what start-up files of the interpreter print comes before.

        :raises ValueError: that line is no JSON.
        """
        return json.loads(self.stdout.strip().rpartition("\n")[2])

    @property
    def last_words(self) -> str:
        """The last line of what it said on standard error, else its exit code."""
        return self.stderr.strip().rpartition("\n")[2] or f"exit code {self.exit_code}"


def ask(
    command: Sequence[str],
    *,
    seconds: float = 60,
    late: str | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Answer:
    """Start a child process, which is given no input, and wait for its end.

    :param late: the beginning of the error where it takes longer: who has not done what; ``within`` follows.
    :raises InterpretersError: it cannot be started, or does not end in time.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            env=environ,
            cwd=cwd,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = late or f"{escape(command[0])} did not answer"
        raise InterpretersError(f"{text} within {seconds} seconds") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise InterpretersError(f"{escape(command[0])} cannot be started: {reason}") from error
    return Answer(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs, be it a base or a virtual environment's."""

    executable: str
    version: tuple[int, int, int]
    implementation: str
    """As ``sys.implementation.name``."""
    cache_tag: str
    """What stands in the names of its bytecode files, such as ``cpython-313``."""
    prefix: str
    base_prefix: str
    stdlib: str
    """The folder of its standard library; an environment's is that of its base."""
    purelib: str
    """Where pip installs pure Python packages."""
    user_site: str
    base_executable: str
    """The base's Python, as a virtual environment knows it."""

    @property
    def is_environment(self) -> bool:
        """Whether this is the Python of a virtual environment."""
        return self.prefix != self.base_prefix

    @property
    def dotted(self) -> str:
        """The version as text."""
        return ".".join(map(str, self.version))

    @property
    def is_supported(self) -> bool:
        """Whether the guard runs there."""
        return SUPPORTED[0] <= self.version[:2] < SUPPORTED[1]


def ask_interpreter(path: str = sys.executable) -> Interpreter:
    """Start an interpreter and have it describe itself.

    Run with ``-I``: neither the environment nor the current folder has a part in the answer.

    :raises InterpretersError: it does not run, or it is no Python.
    """
    try:
        told = ask([path, "-I", "-c", _PROGRAM]).read_json()
        told["version"] = tuple(told["version"])
        return Interpreter(**told)
    except InterpretersError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise InterpretersError(f"there is no {escape(path)}; name a Python interpreter") from None
        raise
    except (ValueError, KeyError, TypeError):
        raise InterpretersError(f"{escape(path)} does not run as a Python interpreter") from None


def check_supported(python: Interpreter) -> None:
    """Raise if the guard does not run on this Python, or on this platform.

    :raises InterpretersError: with the reason.
    """
    if os.name != "posix":
        raise InterpretersError("Windows is not supported in this version")
    if not python.is_supported:
        text = f"{python.executable} is Python {python.dotted}; indexguard guards Python 3.9 to 3.17"
        raise InterpretersError(text)


def base_of(python: Interpreter) -> Interpreter:
    """Return the interpreter that a virtual environment was made from; one that is none is returned as it is.

    :raises InterpretersError: the base does not run.
    """
    if not python.is_environment:
        return python
    # Python 3.9 and 3.10 call an environment's own Python its base where that is a link.
    usual = os.path.join(python.base_prefix, "bin", "python{}.{}".format(*python.version[:2]))
    for path in (python.base_executable, usual):
        base = ask_interpreter(path)
        if not base.is_environment:
            return base
    raise InterpretersError(f"{python.executable}: its base interpreter is not in {python.base_prefix}")
