"""What activation has written, so that deactivation can remove exactly that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..interpreters.python import InterpretersError

FILE = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True)
class Hook:
    """A file outside of the private folder that starts the guard."""

    path: str
    """Relative to the private folder if the two move together, else absolute."""
    kind: str
    """``file``: the whole file is ours. ``block``: only what stands between the markers. ``seed``: a path file."""
    sha256: str
    """Of the file, or of the block with its markers."""
    mtime_ns: int | None = None
    """Of a foreign file, before the block came into it; its bytecode is valid again when it is set back."""
    rest: str | None = None
    """SHA-256 of a foreign file as it was."""
    bytecode: str | None = None
    """What the foreign file had been compiled to, in hex: compiled again it would differ in bits that mean nothing."""


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``. No time and no absolute path of an interpreter: images can be reproduced."""

    version: str
    """Of the guard."""
    release: str
    """The name of the folder that ``current`` leads to."""
    files: dict[str, str]
    """SHA-256, in hex, by path below the private folder; bytecode is not listed."""
    hooks: tuple[Hook, ...] = ()
    folders: tuple[str, ...] = ()
    """Folders outside of the private one that were made for it or for a hook."""

    def as_text(self) -> bytes:
        """Return the file's content."""
        return (json.dumps({"format": _FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n").encode()


def read_manifest(private: Path) -> Manifest | None:
    """Read the manifest of a private folder; None if there is none.

    :raises InterpretersError: it cannot be read or understood.
    """
    path = private / FILE
    try:
        told = json.loads(path.read_bytes())
        return _parse(told)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InterpretersError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        text = f"{path} is not as `indexguard activate` writes it; look at the folder, then remove it by hand"
        raise InterpretersError(text) from None


def _parse(told: Any) -> Manifest:
    if told.pop("format") != _FORMAT:
        raise ValueError("format")
    files = {_relative(name): str(digest) for name, digest in told["files"].items()}
    hooks = tuple(Hook(**each) for each in told["hooks"])
    release = _relative(str(told["release"]))
    return Manifest(str(told["version"]), release, files, hooks, tuple(map(str, told["folders"])))


def _relative(name: str) -> str:
    # What stands here is removed one day: nothing may lead out of the folder.
    if not name or name.startswith("/") or ".." in name.split("/"):
        raise ValueError(name)
    return name


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(content).hexdigest()
