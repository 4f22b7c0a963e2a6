"""What the tests of activation and of start-ups share."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from indexguard.activation.payload import Payload
from indexguard.survey.startup import Startup, StartupHook, survey
from support.bases import Base
from support.environments import Environment, clean_environ

FOREIGN = '''"""A company's own."""
from __future__ import annotations
import os
os.environ["FOREIGN"] = "ran"
'''


RAN = "import os; print(os.environ.get('FOREIGN'))"


def newer(payload: Payload) -> Payload:
    """Return a payload that differs in one file, as a later release."""
    files = {**payload.files, "indexguard/__init__.py": b'__version__ = "9.9.9"\n'}
    return Payload("9.9.9", files, "f" * 64, payload.main, payload.sitecustomize)


def sitecustomize_of(base: Base) -> Path:
    return base.stdlib / "sitecustomize.py"


def hook_in(base: Base, python: Path, *options: str, **environ: str) -> str | None:
    """Return the hook that is live in an environment of the base."""
    return Base(python, base.home).hook(*options, **environ)


VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13")


def make_environment(root: Path, python: str) -> Environment:
    """Make a virtual environment without pip."""
    command = [python, "-I", "-m", "venv", "--without-pip", str(root)]
    subprocess.run(command, env=clean_environ(root.parent), check=True, timeout=300)
    return Environment(root)


def look(python: Path, home: Path, runs: int = 0, **environ: str) -> Startup:
    """Survey an interpreter in a clean environment; it must answer."""
    startup = survey(str(python), clean_environ(home, **environ), runs=runs)
    assert startup.problem is None
    return startup


def find(startup: Startup, name: str) -> StartupHook:
    """Return the hook of a file name."""
    (hook,) = [hook for hook in (*startup.hooks, *startup.path_files) if os.path.basename(hook.path) == name]
    return hook
