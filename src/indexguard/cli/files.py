"""Files that the user names: what cannot be read is bad input, and no file makes a command wait for ever."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from ..errors import escape
from ..logs.opening import explain, may_wait
from .parsing import BadInputError


class MissingFileError(BadInputError):
    """There is no such file."""


def open_named(path: Path, what: str = "") -> BinaryIO:
    """Open a file to read its bytes. ``<(command)`` of a shell works; a named pipe that nobody may write to does not.

    :param what: words that stand before the path in the error.
    :raises MissingFileError: it is not there.
    :raises BadInputError: it cannot be read.
    """
    shown = f"{what} {path}".lstrip()
    try:
        if may_wait(path):
            raise BadInputError(f"cannot read {shown}: it is a named pipe")
        return path.open("rb")
    except FileNotFoundError:
        raise MissingFileError(f"cannot read {shown}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise BadInputError(f"cannot read {shown}: {explain(error)}") from None


def write_whole(path: Path, pieces: Iterable[bytes], mode: int, *, replace: bool = True) -> None:
    """Write a file, which appears when it is whole.

    :param replace: take the place of a file that is there.
    :raises OSError: the system refuses.
    """
    descriptor, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(descriptor)
        Path(scratch).chmod(mode)
        if replace:
            Path(scratch).replace(path)
        else:
            os.link(scratch, path)  # unlike a rename it never replaces a file that has come meanwhile
    finally:
        Path(scratch).unlink(missing_ok=True)


def write_file(path: Path, content: bytes, *, force: bool) -> None:
    """Write the file whole, with modes that the guard trusts whatever the umask is.

    :raises BadInputError: the system refuses.
    """
    try:
        made = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in made:
            folder.chmod(0o755)
        write_whole(path, [content], 0o644, replace=force)
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            raise BadInputError(f"{path} is there already; with --force it is overwritten") from None
        raise BadInputError(f"cannot write {escape(str(path))}: {error.strerror}") from None
