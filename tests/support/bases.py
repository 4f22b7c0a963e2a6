"""Base interpreters that the tests may change, and virtual environments made from them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from integration.harness.children import run_child
from integration.machines.bases import copy_base

from indexguard.interpreters.python import Interpreter, ask_interpreter
from support.environments import clean_environ

WATCH = """
import sys
hook = next((entry.__module__ for entry in sys.meta_path if hasattr(entry, "indexguard_hook")), None)
print(hook and sys.modules[hook].__file__)
"""
"""Prints the file of the hook that is live, or None."""


@dataclass(frozen=True)
class Base:
    """A base interpreter of its own."""

    executable: Path
    home: Path

    @property
    def python(self) -> Interpreter:
        """As the guard sees it."""
        return ask_interpreter(str(self.executable))

    @property
    def stdlib(self) -> Path:
        """Its standard library."""
        (found,) = self.executable.parent.parent.glob("lib/python3*")
        return found

    def run(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run it."""
        return run(self.executable, *words, home=self.home, environ=environ)

    def hook(self, *options: str, **environ: str) -> str | None:
        """Return the file of the hook that is live there."""
        return hook_of(self.executable, *options, home=self.home, **environ)

    def venv(self, name: str, *options: str) -> Path:
        """Make a virtual environment, and return its Python."""
        root = self.home / name
        done = self.run("-m", "venv", "--without-pip", *options, root)
        assert done.returncode == 0, done.stderr
        return root / "bin" / "python"


def run(
    executable: str | Path, *words: str | Path, home: Path, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run an interpreter with nothing of the user's."""
    return run_child([str(executable), *map(str, words)], cwd=home, env=clean_environ(home, **environ))


def hook_of(executable: str | Path, *options: str, home: Path, **environ: str) -> str | None:
    """Return the file of the hook that is live in an interpreter; it must start without a word."""
    done = run(executable, *options, "-c", WATCH, home=home, environ=environ)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    said = done.stdout.strip()
    return None if said == "None" else said


def make_base(folder: Path, python: str) -> Base:
    """Make a base in a folder."""
    home = folder / "home"
    home.mkdir()
    try:
        return Base(copy_base(python, folder / "base"), home)
    except RuntimeError as error:
        pytest.skip(str(error))


def tree(root: Path) -> dict[str, tuple[str, int]]:
    """Return what is below a folder: content or link target, and mode, by path.

    Without the bytecode of the standard library's other modules, which Python writes when it likes.
    """
    found = {}
    for where, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(where, name)
            inner = str(path.relative_to(root))
            foreign = "__pycache__" in inner and "_indexguard" not in inner and not name.startswith("sitecustomize.")
            if not foreign:
                content = os.readlink(path) if path.is_symlink() else path.read_bytes().hex() if path.is_file() else "/"
                found[inner] = (content, path.lstat().st_mode)
    return found
