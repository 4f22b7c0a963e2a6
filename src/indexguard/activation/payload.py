"""What activation writes: the guard that runs this very command, whole, so that it needs no installation any more."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..interpreters.python import InterpretersError
from .manifest import FILE

_PACKAGE = Path(__file__).resolve().parent.parent
_HOOK = _PACKAGE.parent / "_indexguard_hook.py"
_START = _PACKAGE / "standalone" / "start"
_NEEDED = ("__init__.py", "inpip/__init__.py", "_vendor/wrapt/__init__.py", "_vendor/tomli/__init__.py")

BLOCK_BEGIN = b"# >>> indexguard"
BLOCK_END = b"# <<< indexguard"


@dataclass(frozen=True)
class Payload:
    """A release of the guard, as files."""

    version: str
    files: dict[str, bytes]
    """By path below the release's folder."""
    digest: str
    """SHA-256 of all paths and contents, in hex."""
    main: bytes
    """The module that makes ``python -m _indexguard`` work."""
    sitecustomize: bytes
    """The start-up module for a standard library that has none."""

    @property
    def release(self) -> str:
        """The name of the release's folder; another content has another name."""
        return f"{self.version}-{self.digest[:12]}"

    @property
    def block(self) -> bytes:
        """The part of ``sitecustomize`` that goes into a file that is there already, markers and all."""
        begin, end = find_block(self.sitecustomize) or (0, 0)
        return self.sitecustomize[begin:end]


def read_payload() -> Payload:
    """Return the guard that this module belongs to, from wherever it is installed.

    :raises InterpretersError: parts of it are missing or cannot be read; or it is an activated copy, and is not as it
        was written: that must not become the next one.
    """
    try:
        files = {"_indexguard_hook.py": _HOOK.read_bytes()}
        for path in sorted(_PACKAGE.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".pyc", ".new", ".md"):
                files[f"indexguard/{path.relative_to(_PACKAGE).as_posix()}"] = path.read_bytes()
        main = (_START / "__main__.py").read_bytes()
        sitecustomize = (_START / "sitecustomize.py").read_bytes()
    except OSError as error:
        raise InterpretersError(f"this installation is not whole: {error.filename}: {error.strerror}") from None
    missing = [name for name in _NEEDED if f"indexguard/{name}" not in files]
    if missing:
        raise InterpretersError(f"this installation is not whole: {_PACKAGE} has no {missing[0]}; install it again")
    payload = Payload(__version__, files, _digest(files), main, sitecustomize)
    folder = _HOOK.parent
    if (folder.parent / FILE).is_file() and folder.name != payload.release:
        text = f"the copy in {folder} is damaged or was changed: run `indexguard activate` of an installed indexguard"
        raise InterpretersError(text)
    return payload


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def find_block(text: bytes) -> tuple[int, int] | None:
    """Return where the guard's block begins and ends in a start-up module; None if there is none.

    Both are at the start of a line, the second after the block's last one. A block without its end is none.
    """
    begin = _line_that_starts(text, BLOCK_BEGIN, 0)
    if begin is None:
        return None
    last = _line_that_starts(text, BLOCK_END, begin)
    if last is None:
        return None
    newline = text.find(b"\n", last)
    return begin, len(text) if newline < 0 else newline + 1


def _line_that_starts(text: bytes, mark: bytes, after: int) -> int | None:
    for start in (b"", codecs.BOM_UTF8):
        if after == 0 and text.startswith(start + mark):
            return len(start)
    found = text.find(b"\n" + mark, after)
    return None if found < 0 else found + 1
