"""The pips that the guard supports, the Pythons that run each of them, and an environment for every pair.

pip wheels come from the registry with ``pip download`` and are kept, like the environments made of them, in one cache
folder: ``$XDG_CACHE_HOME/indexguard-tests`` or ``~/.cache/indexguard-tests``. Everything there can be deleted.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from integration.harness.cases import read_cases
from integration.harness.children import run_child

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CASES = read_cases(__file__)

_RUNS_ON: dict[str, list[str]] = CASES["runs_on"]
"""Oldest (of those that the guard supports) and newest Python by pip: up to 23.0 pip needs what Python 3.12 took away;
otherwise the newest that the pip's own classifiers name, or on which all of these scenarios were seen to run."""

ALL_PIPS = tuple(_RUNS_ON)
CI_PIPS = ("20.3.4", "22.0.4", "23.0.1", "25.0.1", "26.3")
CI_LEGACY_PIPS = ("26.3",)
"""Where CI runs the legacy resolver too."""
ROUTE_PIPS = ("20.3.4", "21.3.1", "23.0.1", "25.0.1", "26.1.2", "26.2.1", "26.3")
"""What the table of routes is about."""


def version_key(text: str) -> tuple[int, ...]:
    """Return a release such as ``22.0.4`` as a tuple, without trailing zeros.

    :raises ValueError: it is not made of numbers and dots.
    """
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def in_range(version: str, wanted: str) -> bool:
    """Tell whether a release lies in a range such as ``>=21.2,<26`` (empty: any).

    :raises ValueError: the range is malformed.
    """
    return all(_satisfies(version_key(version), clause) for clause in wanted.split(",") if wanted)


def _satisfies(version: tuple[int, ...], clause: str) -> bool:
    match = re.fullmatch(r"\s*(>=|<=|==|!=|<|>)\s*([0-9.]+)\s*", clause)
    if match is None:
        raise ValueError(f"not a version range: {clause!r}")
    operator, bound = match[1], version_key(match[2])
    return {
        ">=": version >= bound,
        "<=": version <= bound,
        "==": version == bound,
        "!=": version != bound,
        "<": version < bound,
        ">": version > bound,
    }[operator]


@functools.cache
def find_interpreter(minor: str) -> Path | None:
    """Return a CPython ``minor`` (such as ``3.9``) with venv and ssl: from PATH, else from pyenv's versions, or None."""
    # A pyenv shim on PATH exists even if its version is not active, hence the trial of each candidate.
    candidates = [Path(found) for found in [shutil.which(f"python{minor}")] if found]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    releases = [path for path in pyenv.glob(f"versions/{minor}.*") if re.fullmatch(r"[0-9.]+", path.name)]
    releases.sort(key=lambda path: version_key(path.name), reverse=True)
    candidates.extend(path / "bin" / f"python{minor}" for path in releases)
    return next((found for found in map(functools.partial(_real_interpreter, minor), candidates) if found), None)


def _real_interpreter(minor: str, candidate: Path) -> Path | None:
    """Return the executable behind ``candidate`` if it is the Python that it says, else None."""
    code = (
        "import sys, ssl, venv; assert sys.implementation.name == 'cpython';"
        "print('%d.%d' % sys.version_info[:2], getattr(sys, '_base_executable', sys.executable))"
    )
    try:
        answer = run_child([candidate, "-I", "-S", "-c", code], check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version, _, executable = answer.strip().partition(" ")
    return Path(executable) if version == minor else None


@dataclass(frozen=True)
class Pythons:
    """The oldest and the newest Python that can be had here for one pip."""

    pip: str
    found: tuple[str, ...]
    """One or two, oldest first; empty if there is none."""
    missing: tuple[str, ...]
    """What should have been run and why it was not."""


def pythons_for(pip: str) -> Pythons:
    """Find the oldest and the newest supported Python for ``pip``; what is missing is named, the next best taken.

    :raises KeyError: ``pip`` is not one of ``ALL_PIPS``.
    """
    oldest, newest = (int(minor.split(".")[1]) for minor in _RUNS_ON[pip])
    every = [f"3.{minor}" for minor in range(oldest, newest + 1)]
    found = [minor for minor in every if find_interpreter(minor) is not None]
    taken = tuple(dict.fromkeys((found[0], found[-1]))) if found else ()
    missing = []
    for role, wanted in (("oldest", every[0]), ("newest", every[-1])):
        if wanted not in found:
            instead = taken[0 if role == "oldest" else -1] if taken else "nothing"
            missing.append(
                f"pip {pip}: Python {wanted} ({role} supported) is neither on PATH nor in pyenv; "
                f"ran on {instead} instead"
            )
    return Pythons(pip, taken, tuple(missing))


def cache_folder() -> Path:
    """Return the folder that keeps pip wheels and environments between runs; it is created."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "indexguard-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``, so that parallel test workers make each thing once."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def pip_wheel(pip: str) -> Path:
    """Return the wheel of ``pip``, downloaded with the running interpreter's pip and its configuration.

    :raises RuntimeError: the registry does not hand it out.
    """
    folder = cache_folder() / "wheels"
    folder.mkdir(exist_ok=True)
    with locked(folder / f"{pip}.lock"):
        found = sorted(folder.glob(f"pip-{pip}-*.whl"))
        if not found:
            # The wheel is for another Python than the one that runs the tests: 3.13 is one that every pip allows.
            options = ["--no-deps", "--only-binary=:all:", "--python-version=3.13", "--quiet", f"--dest={folder}"]
            command = [sys.executable, "-m", "pip", "download", *options, f"pip=={pip}"]
            done = run_child(command)
            found = sorted(folder.glob(f"pip-{pip}-*.whl"))
            if done.returncode != 0 or not found:
                raise RuntimeError(f"pip {pip} cannot be downloaded:\n{done.stderr}")
    return found[0]


@dataclass(frozen=True)
class Environment:
    """A virtual environment with one pip."""

    pip: str
    python_version: str
    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter that has this pip."""
        return self.folder / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where its packages lie."""
        return self.folder / "lib" / f"python{self.python_version}" / "site-packages"

    def copy_to(self, folder: Path) -> Environment:
        """Return a new environment with the same packages; files that nobody writes in place are hard links."""
        copy = Environment(self.pip, self.python_version, folder)
        make_venv(self.python_version, folder)
        shutil.copytree(self.site_packages, copy.site_packages, dirs_exist_ok=True, copy_function=_link_or_copy)
        return copy


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def make_venv(python_version: str, folder: Path) -> None:
    """Make a virtual environment without pip.

    :raises RuntimeError: that Python is not on this machine.
    """
    interpreter = find_interpreter(python_version)
    if interpreter is None:
        raise RuntimeError(f"Python {python_version} is not on this machine")
    # -I: neither the machine's PYTHON* variables nor the folder that the tests run in play a part.
    subprocess.run([interpreter, "-I", "-m", "venv", "--without-pip", folder], check=True, capture_output=True)


def plain_environment(pip: str, python_version: str) -> Environment:
    """Return the unguarded environment of one pair, made once per cache folder.

    :raises RuntimeError: the interpreter or the pip wheel cannot be had.
    """
    folder = cache_folder() / "environments" / f"pip-{pip}-python-{python_version}"
    folder.parent.mkdir(exist_ok=True)
    with locked(folder.parent / f"{folder.name}.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make_venv(python_version, folder)
            environment = Environment(pip, python_version, folder)
            with zipfile.ZipFile(pip_wheel(pip)) as wheel:
                wheel.extractall(environment.site_packages)
            site = environment.site_packages
            compiling = [str(environment.python), "-I", "-m", "compileall", "-q", "-j1", str(site)]
            subprocess.run(compiling, check=False, capture_output=True)
            (folder / "complete").touch()
    return Environment(pip, python_version, folder)


def tool_environment(plain: Environment, tools: Sequence[str]) -> Environment:
    """Return a copy of ``plain`` with ``tools`` from the machine's registry in it, made once per cache folder.

    :param tools: requirements, such as ``pip-tools==7.6.2``, also with markers.
    :raises RuntimeError: the registry does not hand them out.
    """
    digest = hashlib.sha256(" ".join(tools).encode()).hexdigest()[:12]
    folder = plain.folder.with_name(f"{plain.folder.name}-{digest}")
    with locked(folder.with_name(f"{folder.name}.lock")):
        environment = Environment(plain.pip, plain.python_version, folder)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            plain.copy_to(folder)
            # The newest pip on the environment's own Python, which the markers are about, and run from its wheel: the
            # pip under test may not read the machine's indexes. --only-binary: no build of theirs is to run here.
            installer = f"{pip_wheel(newest_pip_on(plain.python_version))}/pip"
            options = ["--quiet", "--only-binary=:all:", "--target", str(environment.site_packages), "--upgrade"]
            done = run_child([environment.python, installer, "install", *options, *tools, f"pip=={plain.pip}"])
            if done.returncode != 0:
                raise RuntimeError(f"{', '.join(tools)} cannot be installed:\n{done.stderr}")
            (folder / "complete").touch()
    return environment


def newest_pip_on(python_version: str) -> str:
    """Return the newest pip that runs on a Python such as ``3.9``."""
    python = version_key(python_version)
    return [pip for pip, (oldest, newest) in _RUNS_ON.items() if version_key(oldest) <= python <= version_key(newest)][
        -1
    ]


def guarded_environment(plain: Environment, wheel: Path, folder: Path) -> Environment:
    """Return a copy of ``plain`` in ``folder`` into which its own pip has installed the built ``wheel``; made once.

    :raises RuntimeError: the pip cannot install the wheel.
    """
    with locked(folder.with_name(f"{folder.name}.lock")):
        guarded = Environment(plain.pip, plain.python_version, folder)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            plain.copy_to(folder)
            # By name, as from an index: from a path it would be a direct reference, and pip-sync would replace it.
            project = "==".join(wheel.name.split("-")[:2])
            options = ["--no-index", "--no-deps", "--no-cache-dir", f"--find-links={wheel.parent}"]
            done = run_child(
                [guarded.python, "-m", "pip", "install", *options, project],
                cwd=folder,
                env={"HOME": str(folder), "PATH": os.defpath, "PIP_CONFIG_FILE": os.devnull},
            )
            if done.returncode != 0:
                raise RuntimeError(f"pip {plain.pip} cannot install {wheel.name}:\n{done.stdout}{done.stderr}")
            (folder / "complete").touch()
    return guarded
