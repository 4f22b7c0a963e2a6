"""Where the Pythons of a machine are: base interpreters and virtual environments. Looks at folders; starts nothing.

No library does: findpython 0.9 and python-discovery 1.9 start whatever is called python (59 and 25 starts where this makes
none: for root, other people's programs), know neither conda's environments nor ``/opt``, and of virtual environments
nothing; the first needs Python 3.10, the second looks along PATH and in uv's folder only.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_NAME = re.compile(r"(python(3(\.\d+)?t?)?|pypy3(\.\d+)?)")
_SYSTEM = (
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/etc/alternatives",
    "/opt/python/*/bin",
    "/opt/conda/bin",
    "/opt/conda/envs/*/bin",
    "/Library/Frameworks/Python.framework/Versions/*/bin",
)
_CONDAS = ("anaconda3", "mambaforge", "miniconda3", "miniforge3")
_HOME = (
    ".asdf/installs/python/*/bin",
    ".local/bin",
    ".local/share/mise/installs/python/*/bin",
    ".local/share/uv/python/*/bin",
    ".pyenv/versions/*/bin",
    *(f"{conda}/{below}" for conda in _CONDAS for below in ("bin", "envs/*/bin")),
)
_PLACES = (*(("HOME", pattern) for pattern in _HOME), ("PYENV_ROOT", "versions/*/bin"), ("CONDA_PREFIX", "bin"))
_ENVIRONMENTS_HERE = (".venv", "venv", "env", ".tox/*", ".nox/*")
_ENVIRONMENTS_HOME = (
    ".cache/pypoetry/virtualenvs/*",
    ".local/pipx/shared",
    ".local/pipx/venvs/*",
    ".local/share/hatch/env/virtual/*",
    ".local/share/hatch/env/virtual/*/*/*",
    ".local/share/pipx/shared",
    ".local/share/pipx/venvs/*",
    ".local/share/uv/tools/*",
    ".local/share/virtualenvs/*",
    ".pyenv/versions/*/envs/*",
    ".virtualenvs/*",
)
_ENVIRONMENT_PLACES = (
    ("VIRTUAL_ENV", ""),
    ("WORKON_HOME", "*"),
    ("PIPX_HOME", "venvs/*"),
    ("POETRY_VIRTUALENVS_PATH", "*"),
    ("PYENV_ROOT", "versions/*/envs/*"),
    *(("HOME", pattern) for pattern in _ENVIRONMENTS_HOME),
)
_DEPTH = 6
"""How far below a folder that the user names environments are looked for."""


def find_interpreters(environ: Mapping[str, str] = os.environ, *, root: Path = Path("/")) -> tuple[str, ...]:
    """Return the paths of base interpreters, each program once: on PATH, of the system, of pyenv, conda, uv and others.

    Never raises for what cannot be read. What is a virtual environment's is left out, and so are scripts (pyenv's shims).

    :param root: for tests: where the system's folders lie.
    """
    found: dict[str, str] = {}
    for folder in _interpreter_folders(environ, root):
        for path in _listed(folder):
            real = os.path.realpath(path)
            is_program = _NAME.fullmatch(path.name) and os.access(real, os.X_OK) and not _is_script(real)
            if is_program and real not in found and not is_environment(path.parent.parent):
                found[real] = str(path)
    return tuple(found.values())


def _interpreter_folders(environ: Mapping[str, str], root: Path) -> Iterator[Path]:
    yield from _on_path(environ)
    for pattern in _SYSTEM:
        yield from _glob(root, pattern.lstrip("/"))
    yield from _below(environ, _PLACES)
    for listed in _below(environ, (("HOME", ".conda/environments.txt"),)):
        yield from (path / "bin" for path in _lines(listed))
    if environ.get("CONDA_EXE"):
        conda = Path(environ["CONDA_EXE"]).parent.parent
        yield from (conda / "bin", *_glob(conda, "envs/*/bin"))


def _on_path(environ: Mapping[str, str]) -> list[Path]:
    return [Path(entry) for entry in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(entry)]


def _below(environ: Mapping[str, str], places: Iterable[tuple[str, str]]) -> Iterator[Path]:
    """Yield what there is in folders that variables name; a HOME that is relative names none."""
    for variable, pattern in places:
        folder = environ.get(variable)
        if folder and (variable != "HOME" or os.path.isabs(folder)):
            yield from _glob(Path(folder), pattern) if pattern else [Path(folder)]


def find_environments(
    environ: Mapping[str, str] = os.environ, *, folder: Path | None = None, more: Iterable[Path] = ()
) -> tuple[str, ...]:
    """Return the folders of virtual environments, each once: of the current project, and where the tools keep theirs.

    Never raises for what cannot be read.

    :param folder: the project's; by default the current one.
    :param more: environments, or folders that hold some.
    """
    found: dict[str, str] = {}
    for path in _environment_folders(environ, folder or _current_folder(), more):
        if is_environment(path):
            found.setdefault(os.path.realpath(path), str(path))
    return tuple(found.values())


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it has been removed: nothing will be found in it
        return Path()


def _environment_folders(environ: Mapping[str, str], folder: Path, more: Iterable[Path]) -> Iterator[Path]:
    for each in more:
        yield from _walk(each, _DEPTH)
    for pattern in _ENVIRONMENTS_HERE:
        yield from _glob(folder, pattern)
    yield from _below(environ, _ENVIRONMENT_PLACES)
    yield from (folder.parent for folder in _on_path(environ))
    if sys.prefix != sys.base_prefix:
        yield Path(sys.prefix)


def is_environment(folder: Path) -> bool:
    """Tell whether a folder is a virtual environment with a Python (PEP 405). Never raises."""
    return os.path.isfile(folder / "pyvenv.cfg") and os.path.exists(folder / "bin" / "python")


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the environments at and below a folder; nothing is looked for inside of one, nor behind a link."""
    if is_environment(folder):
        yield folder
        return
    if depth == 0:
        return
    for path in _listed(folder):
        # Not the methods of Path: they raise where a folder may be listed and not entered.
        if os.path.isdir(path) and not os.path.islink(path):
            yield from _walk(path, depth - 1)


def _glob(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except (OSError, ValueError):
        return []


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except (OSError, ValueError):
        return []


def _lines(path: Path) -> list[Path]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return []
    return [Path(line) for line in text.splitlines() if os.path.isabs(line)]


def _is_script(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True
