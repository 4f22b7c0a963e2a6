"""Path files that bring the guard of one account into environments, one by one, without root and without a copy.

A seed leads to the account's private folder, which ``indexguard activate --user`` writes. A guarded interpreter that
makes an environment (``venv``, ``virtualenv``) seeds it; for those that are there already, ``indexguard seed``.
"""

from __future__ import annotations

import functools
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

from .. import SUPPORTED
from ..errors import escape
from ..interpreters.python import InterpretersError
from ..policy.layers import account_folder
from .journal import Journal, locked

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
    return account_folder()


def is_trusted(private: Path) -> bool:
    """Tell whether a private folder holds a guard that nobody else but root has put there.

    ``sudo`` may leave the HOME of the one who called it: what root makes must not run what lies in another's home.
    """
    try:
        owners = {private.stat().st_uid, (private / CURRENT).stat().st_uid}
    except OSError:
        return False
    return owners <= {0, os.geteuid()}


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
    version = _read_version(root)
    if version is not None:
        check_version(root, version)
    found = sorted(path for path in root.glob("lib/*/site-packages") if path.is_dir())
    if len(found) > 1 and version is not None:
        # `venv --upgrade` with another Python leaves the packages of the one before.
        name = "{}.{}".format(*version)
        found = [path for path in found if path.parent.name.lstrip("abcdefghijklmnopqrstuvwxyz") in (name, f"{name}t")]
    if len(found) != 1:
        raise InterpretersError(f"{root} has {len(found) or 'no'} folders lib/*/site-packages, where one is expected")
    return found[0]


def _read_version(root: Path) -> tuple[int, int] | None:
    """Return the version in a ``pyvenv.cfg``: ``version`` of venv, ``version_info`` of virtualenv and uv.

    :raises InterpretersError: there is none, or it cannot be read.
    """
    try:
        text = (root / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        raise InterpretersError(f"{root} is no virtual environment: it has no pyvenv.cfg") from None
    except OSError as error:
        raise InterpretersError(f"cannot read {root / 'pyvenv.cfg'}: {error.strerror}") from None
    settings = {
        key.strip().lower(): value.strip() for key, _, value in (line.partition("=") for line in text.split("\n"))
    }
    numbers = (settings.get("version_info") or settings.get("version") or "").split(".")[:2]
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 and all(map(str.isdecimal, numbers)) else None  # noqa: PLR2004  # major, minor


def check_inside(root: Path, site: Path) -> None:
    """Raise if a link leads from an environment to packages of somebody else's.

    :raises InterpretersError: with the reason.
    """
    real = Path(os.path.realpath(site))
    if Path(os.path.realpath(root)) not in real.parents:
        raise InterpretersError(f"{site} leads out of the environment, to {real}")


def check_version(root: Path, version: tuple[int, int]) -> None:
    """Raise if the guard does not run on this Python.

    :raises InterpretersError: with the reason.
    """
    if not SUPPORTED[0] <= version < SUPPORTED[1]:
        text = f"{root} is of Python {version[0]}.{version[1]}; indexguard guards Python 3.9 to 3.17"
        raise InterpretersError(text)


def write_seed(site: Path, private: Path, journal: Journal | None = None) -> bool:
    """Put a seed into an environment, and into the list of them; answers whether there was something to do.

    A list that cannot be written is no reason to leave an environment unguarded; what ``deactivate --user`` then does
    not remove is silent once the private folder is gone.

    :param site: the environment's ``site-packages``.
    :param private: an account's private folder.
    :raises InterpretersError: a file of that name is there that is not ours.
    :raises OSError: it cannot be written.
    """
    path = site / SEED
    with Journal() if journal is None else journal as open_journal:
        before = len(open_journal.report.changes)
        put_seed(open_journal, path, private)
        with suppress(OSError, InterpretersError):
            _register(open_journal, private, path)
        return len(open_journal.report.changes) > before


def put_seed(journal: Journal, path: Path, private: Path) -> bytes:
    """Write a seed, and return its text.

    :raises InterpretersError: a file that is not ours is there, or no path file can hold the private folder's path.
    :raises OSError: it cannot be written.
    """
    if is_changed(path):
        raise InterpretersError(f"{path} is there and is not indexguard's; look at it, then remove it")
    text = seed_text(private).encode()
    journal.write(path, text)
    return text


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
    return [Path(line) for line in text.split("\n") if os.path.isabs(line)]


def _register(journal: Journal, private: Path, path: Path) -> None:
    """Add a seed to the list, from which those that are gone are dropped: most environments of builds live for seconds."""
    if journal.dry_run or not private.is_dir() or "\n" in str(path):
        return
    with locked(private):
        known = [each for each in read_registry(private) if os.path.lexists(each)]
        lines = "".join(f"{each}\n" for each in dict.fromkeys([*known, path]))
        journal.write(private / REGISTRY, lines.encode("utf-8", "surrogateescape"))


# In a process that makes environments


def on_load(module: ModuleType) -> None:
    """Have a module that makes environments seed them; called by the start-up hook when it has been imported.

    Does nothing for an account without a private folder. ``venv`` of Python 3.9 to 3.15, virtualenv 20 and 21.
    """
    private = user_folder()
    if private is None or not is_trusted(private):
        return
    if module.__name__ == "venv":
        # Before ensurepip, and `--upgrade-deps`, run in it.
        _follow(module.EnvBuilder, "setup_python", lambda _self, context: _venv_site(context), private)
    else:
        _follow(module.Session, "_create", lambda session: _virtualenv_site(session.creator), private)


def _follow(maker: Any, method: str, find: Callable[..., tuple[Path, Path]], private: Path) -> None:
    """Have a method of a class be followed by the seeding of the environment that it has made.

    :param find: returns the environment's folder and its site-packages, from the method's own arguments.
    """
    original = getattr(maker, method)
    if hasattr(original, "indexguard_seeds"):
        return

    @functools.wraps(original)
    def make(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        # Whatever goes wrong, the environment is made, as it would be without us.
        with suppress(Exception):
            _seed(find, (self, *args), kwargs, private)
        return made

    make.indexguard_seeds = True  # type: ignore[attr-defined]
    setattr(maker, method, make)


def _seed(find: Callable[..., tuple[Path, Path]], args: tuple[Any, ...], kwargs: dict[str, Any], private: Path) -> None:
    root = None
    try:
        root, site = find(*args, **kwargs)
        check_inside(root, site)
        write_seed(site, private)
    except Exception as error:  # noqa: BLE001
        where = "the new environment" if root is None else escape(str(root))
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        hint = "" if root is None else f"; run `indexguard seed {shlex.quote(where)}`"
        sys.stderr.write(f"indexguard: {where} is not seeded: {escape(reason)}{hint}\n")


def _venv_site(context: Any) -> tuple[Path, Path]:
    # Python has `lib_path` from 3.12 on; what it holds before is what venv itself writes there.
    lib = getattr(context, "lib_path", None)
    if lib is None:
        lib = os.path.join(context.env_dir, "lib", "python{}.{}".format(*sys.version_info[:2]), "site-packages")
    return Path(context.env_dir), Path(lib)


def _virtualenv_site(creator: Any) -> tuple[Path, Path]:
    root = Path(str(creator.dest))
    check_version(root, tuple(creator.interpreter.version_info[:2]))
    return root, Path(str(creator.purelib))
