"""Files that the user names: what cannot be read is bad input, and no file makes a command wait for ever."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from ..audit.opening import may_wait
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
        raise BadInputError(f"cannot read {shown}: {explain_os(error)}") from None


def explain_os(error: OSError | ValueError) -> str:
    """Return why the system refused, without the path, which the caller has said."""
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
