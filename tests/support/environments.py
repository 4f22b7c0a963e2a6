"""Throw-away environments for the tests: made once, shared by all workers of a run, and broken only as copies.

Nothing here imports the package: it is installed as a user would install it, and looked at from outside.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from integration.harness.children import run_child

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]


def clean_environ(home: Path, **extra: str) -> dict[str, str]:
    """Return an environment in which nothing that the user has configured reaches pip, Python or the guard."""
    dirty = ("PIP_", "PYTHON", "INDEXGUARD_", "XDG_", "COVERAGE_", "COV_CORE_", "VIRTUAL_ENV")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(dirty)}
    environ |= {"HOME": str(home), "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return environ | extra


@dataclass(frozen=True)
class Environment:
    """A virtual environment that the tests may break."""

    root: Path

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.root / "bin" / "python"

    @property
    def site(self) -> Path:
        """The folder that packages are installed into."""
        (site,) = self.root.glob("lib/python3*/site-packages")
        return site

    def run(self, *args: str | Path, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the interpreter in a clean environment; the exit code is the caller's to look at."""
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        return run_child([str(self.python), *map(str, args)], cwd=cwd or home, env=clean_environ(home, **environ))

    def check(self, *args: str | Path, cwd: Path | None = None, **environ: str) -> str:
        """Run the interpreter, require exit code 0 and an empty stderr, and return what it printed."""
        done = self.run(*args, cwd=cwd, **environ)
        assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def pip(self, *args: str | Path, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m pip`."""
        return self.run("-m", "pip", *args, cwd=cwd, **environ)

    def install(self, *args: str | Path) -> None:
        """Install from files only."""
        done = self.pip("install", "--quiet", "--no-index", "--no-deps", *args)
        assert done.returncode == 0, done.stderr

    def copy(self, root: Path) -> Environment:
        """Return a copy that may be broken. Good for `python -m ...`; its scripts would start the original."""
        shutil.copytree(self.root, root, symlinks=True)
        return Environment(root)


def find_python(version: str) -> str | None:
    """Return a real interpreter of that version (`3.13`), from this one, pyenv or PATH; None if the machine has none."""
    wanted = tuple(int(part) for part in version.split("."))
    if sys.version_info[:2] == wanted:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [str(path) for path in sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)]
    on_path = shutil.which(f"python{version}")
    if on_path:
        candidates.append(on_path)
    for candidate in candidates:
        # Asked, not trusted: pyenv's shims are on PATH also for versions that are not there.
        question = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
        answer = run_child([candidate, "-c", question])
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


def require_python(version: str) -> str:
    """Return an interpreter of that version, or skip the test and say why."""
    found = find_python(version)
    if found is None:
        pytest.skip(f"no Python {version} with venv and ensurepip on this machine (looked in pyenv and PATH)")
    return found


@dataclass(frozen=True)
class Workshop:
    """A place that all workers of one test run share, where slow things are made once."""

    folder: Path

    @contextmanager
    def once(self, name: str) -> Iterator[tuple[Path, bool]]:
        """Give the folder `name`, and whether it must be filled now: no other worker can be inside at the same time."""
        target = self.folder / name
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.folder / f"{name}.done"
            if not done.exists() and target.exists():
                shutil.rmtree(target)  # another worker failed half-way
            yield target, not done.exists()
            done.touch()

    def environment(self, name: str, python: str) -> Environment:
        """Return a new virtual environment of that interpreter, with the pip that it brings."""
        with self.once(name) as (root, new):
            if new:
                subprocess.run(
                    [python, "-I", "-m", "venv", str(root)], env=clean_environ(self.folder), check=True, timeout=300
                )
        return Environment(root)

    def builder(self, version: str) -> Environment:
        """Return an environment with exactly what pyproject.toml asks for to build, from the configured package index."""
        plain = self.environment(f"plain-{version}", require_python(version))
        with self.once(f"builder-{version}") as (root, new):
            if new:
                built = plain.copy(root)
                subprocess.run(
                    [str(built.python), "-m", "pip", "install", "--quiet", *build_requirements()],
                    check=True,
                    timeout=600,
                )
        return Environment(root)

    def build(self, name: str, builder: Environment, tree: Path, target: str) -> Path:
        """Return the file that hatchling makes of `tree`: target is `wheel` or `sdist`."""
        with self.once(name) as (folder, new):
            if new:
                done = builder.run("-m", "hatchling", "build", "-t", target, "-d", folder, cwd=tree)
                assert done.returncode == 0, done.stderr
        (built,) = folder.iterdir()
        return built

    def tree(self, name: str) -> Path:
        """Return a copy of the source tree in which nothing has been built; all copies of one run are the same."""
        with self.once("source") as (source, new):
            if new:
                source.mkdir()
                for file in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
                    shutil.copy2(PROJECT / file, source / file)
                shutil.copytree(
                    PROJECT / "src", source / "src", ignore=shutil.ignore_patterns("_vendor", "__pycache__")
                )
        with self.once(name) as (root, new):
            if new:
                shutil.copytree(source, root)
        return root


def build_requirements() -> list[str]:
    """Return the pins of `[build-system]`."""
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^requires = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert found
    return re.findall(r'"([^"]+)"', found[1])


BUILD_PYTHONS = ("3.13", "3.12", "3.11", "3.10")  # hatchling needs 3.10; Python 3.9 is tested with the built wheel
