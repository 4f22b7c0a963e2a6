"""Path files that bring the guard of one account into environments, one by one, without root and without a copy.

A seed leads to the account's private folder, which ``indexguard activate --user`` writes. A guarded interpreter that
makes an environment (``venv``, ``virtualenv``) seeds it; for those that are there already, ``indexguard seed``.
"""

from __future__ import annotations

import functools
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from .._vendor.platformdirs import user_data_path
from .journal import Journal, locked
from .python import SUPPORTED, InterpretersError

SEED = "indexguard-seed.pth"
"""The name of the path file."""
CURRENT = "current"
"""The link in a private folder that leads to the release in use."""
REGISTRY = "seeds"
"""The file in the account's private folder that lists the seeds, a path a line: ``deactivate --user`` removes them."""

_TEXT = """\
{path}
import sys; {path!r} in sys.path and __import__("_indexguard_hook").install()
"""


def user_folder() -> Path | None:
    """Return the private folder of this account, be it there or not; None for a user without a home."""
    path = user_data_path("indexguard", appauthor=False) / "hook"
    return path if path.is_absolute() else None


def seed_text(private: Path) -> str:
    """Return a seed's two lines: the path, which ``site`` takes only if it is there, and the import, silent without it.

    :raises InterpretersError: a path that no path file can hold.
    """
    path = str(private / CURRENT)
    if not path.isprintable() or path != path.strip():
        raise InterpretersError(f"no path file can hold {path!r}: move your home, or XDG_DATA_HOME")
    return _TEXT.format(path=path)


def find_site(root: Path) -> Path:
    """Return the folder of a virtual environment that packages are installed into.

    :param root: the environment's folder, or its Python.
    :raises InterpretersError: it is no virtual environment, or one of a Python that the guard does not support.
    """
    if root.is_file() and root.parent.name == "bin":
        root = root.parent.parent
    if not (root / "pyvenv.cfg").is_file():
        raise InterpretersError(f"{root} is no virtual environment: it has no pyvenv.cfg")
    found = sorted(path for path in root.glob("lib/*/site-packages") if path.is_dir())
    if len(found) != 1:
        raise InterpretersError(f"{root} has {len(found) or 'no'} folders lib/*/site-packages, where one is expected")
    version = found[0].parent.name.lstrip("abcdefghijklmnopqrstuvwxyz").rstrip("t").split(".")
    if all(part.isdecimal() for part in version) and len(version) == 2:  # noqa: PLR2004  # major, minor
        check_version(root, (int(version[0]), int(version[1])))
    return found[0]


def check_version(root: Path, version: tuple[int, int]) -> None:
    """Raise if the guard does not run on this Python.

    :raises InterpretersError: with the reason.
    """
    if not SUPPORTED[0] <= version < SUPPORTED[1]:
        text = f"{root} is of Python {version[0]}.{version[1]}; indexguard guards Python 3.9 to 3.17"
        raise InterpretersError(text)


def write_seed(site: Path, private: Path, journal: Journal | None = None) -> bool:
    """Put a seed into an environment, and into the list of them; answers whether there was something to do.

    :param site: the environment's ``site-packages``.
    :param private: an account's private folder.
    :raises InterpretersError: a file of that name is there that is not ours.
    :raises OSError: it cannot be written.
    """
    path = site / SEED
    text = seed_text(private).encode()
    if is_changed(path):
        raise InterpretersError(f"{path} is there and is not indexguard's; look at it, then remove it")
    with Journal() if journal is None else journal as open_journal:
        before = len(open_journal.changes)
        open_journal.write(path, text)
        _register(open_journal, private, path)
        return len(open_journal.changes) > before


def remove_seed(path: Path, journal: Journal) -> bool:
    """Remove a seed; answers whether there was one. A file that is not as we write them is left.

    :raises InterpretersError: it is not as we write them.
    :raises OSError: it cannot be removed.
    """
    if not os.path.lexists(path):
        return False
    if is_changed(path):
        raise InterpretersError(f"{path} is not as indexguard writes it; look at it, then remove it by hand")
    journal.remove(path)
    return True


def is_seed(content: bytes) -> bool:
    """Tell whether a path file is a seed, of whatever private folder: those two lines to the letter, and nothing else."""
    try:
        path = content.decode().partition("\n")[0]
    except UnicodeDecodeError:
        return False
    return os.path.isabs(path) and content == _TEXT.format(path=path).encode()


def is_changed(path: Path) -> bool:
    """Tell whether a file is there that is no seed as we write it.

    :raises OSError: it cannot be read.
    """
    return os.path.lexists(path) and (path.is_symlink() or not is_seed(path.read_bytes()))


def read_registry(private: Path) -> list[Path]:
    """Return the seeds that are known."""
    try:
        text = (private / REGISTRY).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    return [Path(line) for line in text.splitlines() if os.path.isabs(line)]


def _register(journal: Journal, private: Path, path: Path) -> None:
    """Add a seed to the list, from which those that are gone are dropped: most environments of builds live for seconds."""
    if journal.dry_run or not private.is_dir():
        return
    with locked(private):
        known = [each for each in read_registry(private) if each != path and os.path.lexists(each)]
        lines = "".join(f"{each}\n" for each in [*known, path])
        journal.write(private / REGISTRY, lines.encode("utf-8", "surrogateescape"))


# In a process that makes environments


def on_load(module: ModuleType) -> None:
    """Have a module that makes environments seed them; called by the start-up hook when it has been imported.

    Does nothing for an account without a private folder. ``venv`` of Python 3.9 to 3.15, virtualenv 20 and 21.
    """
    private = user_folder()
    if private is None or not (private / CURRENT).is_dir():
        return
    if module.__name__ == "venv":
        _follow(module.EnvBuilder, "setup_python", lambda _self, context: _venv_site(context), private)
    else:
        _follow(module.Session, "_create", lambda session: _virtualenv_site(session.creator), private)


def _follow(maker: Any, method: str, find: Any, private: Path) -> None:
    """Have a method of a class be followed by the seeding of the environment that it has made.

    :param find: returns the environment's site-packages, from the method's own arguments.
    """
    original = getattr(maker, method)
    if hasattr(original, "indexguard_seeds"):
        return

    @functools.wraps(original)
    def make(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        # Whatever goes wrong, the environment is made, as it would be without us.
        try:
            _seed(find(self, *args, **kwargs), private)
        except Exception as error:  # noqa: BLE001
            with suppress(Exception):
                sys.stderr.write(f"indexguard: the new environment is not seeded: {error}\n")
        return made

    make.indexguard_seeds = True  # type: ignore[attr-defined]
    setattr(maker, method, make)


def _venv_site(context: Any) -> Path:
    # Before ensurepip runs in it. Python has `lib_path` from 3.12 on.
    lib = getattr(context, "lib_path", None)
    if lib is None:
        lib = os.path.join(context.env_dir, "lib", "python{}.{}".format(*sys.version_info[:2]), "site-packages")
    return Path(lib)


def _virtualenv_site(creator: Any) -> Path:
    check_version(Path(str(creator.dest)), tuple(creator.interpreter.version_info[:2]))
    return Path(str(creator.purelib))


def _seed(site: Path, private: Path) -> None:
    try:
        write_seed(site, private)
    except OSError as error:
        raise InterpretersError(f"{site}: {error.strerror}") from None
