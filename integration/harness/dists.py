"""Writes wheels, sdists and project folders whose module tells where it came from; equal input gives equal bytes.

A distribution ``acme-core 1.0`` from the index ``corp`` holds one module ``acme_core.py`` with ``ORIGIN = "corp"`` and
``VERSION = "1.0"``: the installed file itself says who won.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import re
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ZIP_TIME = (2020, 1, 1, 0, 0, 0)
_TAR_TIME = 1_577_836_800  # the same moment, seconds since the epoch
_WHEEL_METADATA = "Wheel-Version: 1.0\nGenerator: integration\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_BACKEND = Path(__file__).with_name("sdist_backend.py")


def normalised(name: str) -> str:
    """Return the project name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class NestedPip:
    """A pip that the build backend of an sdist itself starts."""

    words: tuple[str, ...]
    """After the interpreter; variables such as ``$NAME`` are the environment's. What comes goes to
    ``nested``, beside the backend."""
    brings: tuple[str, ...] = ()
    """Names that it installs, for the wheel to tell what it was built with."""
    hook: str = "build_wheel"
    """``build_wheel``, which stands for ``build_editable`` too, or ``get_requires``."""
    without: tuple[str, ...] = ()
    """Variables that it does not inherit; ``PIP_*`` means all that begin so."""
    how: str = "child"
    """``child``: a process of its own; ``main``: pip's main function in the backend's process; ``runpy``: pip run as a
    module there."""


@dataclass(frozen=True)
class Dist:
    """One distribution file, complete enough to be written."""

    name: str
    version: str
    origin: str
    """Who offers it; the module's ORIGIN."""
    kind: str = "wheel"
    """``wheel``, ``sdist``, or ``zip``: a sdist as a zip file."""
    requires: tuple[str, ...] = ()
    """Requires-Dist."""
    requires_python: str | None = None
    build_requires: tuple[str, ...] = ()
    """``build-system.requires`` of an sdist."""
    late_build_requires: tuple[str, ...] = ()
    """What ``get_requires_for_build_wheel`` returns."""
    nested_pip: NestedPip | None = None
    """What the backend of an sdist runs by itself."""
    metadata_name: str | None = None
    """The Name in METADATA, where it is not the one of the file name."""
    built_name: str | None = None
    """The Name in the METADATA of what an sdist's backend builds, where it is not the one that the backend told before."""
    tag: str = "py3-none-any"
    more: tuple[tuple[str, str], ...] = ()
    """Further files of a wheel: path and text."""

    @property
    def escaped(self) -> str:
        """The name as wheel and sdist file names spell it."""
        return re.sub(r"[-_.]+", "_", self.name)

    @property
    def module(self) -> str:
        """The name that an import statement uses."""
        return normalised(self.built_name or self.metadata_name or self.name).replace("-", "_")

    @property
    def dist_info(self) -> str:
        """The folder of the metadata."""
        return f"{self.escaped}-{self.version}.dist-info"

    @property
    def filename(self) -> str:
        """What the file is called on a page and on disk."""
        if self.kind == "sdist":
            return f"{self.escaped}-{self.version}.tar.gz"
        if self.kind == "zip":
            return f"{self.escaped}-{self.version}.zip"
        return f"{self.escaped}-{self.version}-{self.tag}.whl"

    @property
    def module_text(self) -> str:
        """The one module."""
        return f"ORIGIN = {self.origin!r}\nVERSION = {self.version!r}\n"

    @property
    def metadata(self) -> str:
        """The text of METADATA or PKG-INFO."""
        lines = ["Metadata-Version: 2.1", f"Name: {self.metadata_name or self.name}", f"Version: {self.version}"]
        if self.requires_python is not None:
            lines.append(f"Requires-Python: {self.requires_python}")
        extras = re.findall(r"extra == '([^']+)'", " ".join(self.requires))
        lines.extend(f"Provides-Extra: {extra}" for extra in dict.fromkeys(extras))
        lines.extend(f"Requires-Dist: {requirement}" for requirement in self.requires)
        return "\n".join(lines) + "\n"

    @property
    def built_metadata(self) -> str:
        """The METADATA of the wheel that an sdist's backend builds."""
        return replace(self, metadata_name=self.built_name or self.metadata_name).metadata

    @property
    def content(self) -> bytes:
        """The file's bytes."""
        return _content(self)

    @property
    def sha256(self) -> str:
        """The hexadecimal digest of ``content``."""
        return hashlib.sha256(self.content).hexdigest()


@functools.cache
def _content(dist: Dist) -> bytes:
    return {"wheel": _wheel, "sdist": _sdist, "zip": _zipped_sdist}[dist.kind](dist)


def _wheel(dist: Dist) -> bytes:
    files = {
        f"{dist.module}.py": dist.module_text,
        f"{dist.dist_info}/METADATA": dist.metadata,
        f"{dist.dist_info}/WHEEL": _WHEEL_METADATA,
        **dict(dist.more),
    }
    record = "".join(f"{name},{_record_hash(text)},{len(text.encode())}\n" for name, text in files.items())
    files[f"{dist.dist_info}/RECORD"] = record + f"{dist.dist_info}/RECORD,,\n"
    return _zip(files)


def _zipped_sdist(dist: Dist) -> bytes:
    folder = f"{dist.escaped}-{dist.version}"
    return _zip({f"{folder}/{name}": text for name, text in project_files(dist).items()})


def _zip(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), text)
    return buffer.getvalue()


def _record_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + urlsafe_b64encode(digest).decode().rstrip("=")


def project_files(dist: Dist) -> dict[str, str]:
    """Return the source tree of ``dist`` by relative path: what its sdist holds and what a checkout holds."""
    recipe = {
        "module": dist.module_text,
        "module_file": f"{dist.module}.py",
        "metadata": dist.metadata,
        "built_metadata": dist.built_metadata,
        "wheel_metadata": _WHEEL_METADATA,
        "dist_info": dist.dist_info,
        "wheel": f"{dist.escaped}-{dist.version}-py3-none-any.whl",
        "build_modules": [
            re.sub(r"[-.]+", "_", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()
            for requirement in (
                *dist.build_requires,
                *dist.late_build_requires,
                *(dist.nested_pip.brings if dist.nested_pip else ()),
            )
        ],
        "nested_pip": asdict(dist.nested_pip) if dist.nested_pip else None,
        "late_build_requires": list(dist.late_build_requires),
    }
    pyproject = (
        "[build-system]\n"
        f"requires = {json.dumps(list(dist.build_requires))}\n"
        'build-backend = "sdist_backend"\n'
        'backend-path = ["."]\n'
    )
    return {
        "PKG-INFO": dist.metadata,
        "pyproject.toml": pyproject,
        "recipe.json": json.dumps(recipe, indent=1),
        "sdist_backend.py": _BACKEND.read_text(encoding="utf-8"),
    }


def _sdist(dist: Dist) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in project_files(dist).items():
            member = tarfile.TarInfo(f"{dist.escaped}-{dist.version}/{name}")
            data = text.encode()
            member.size, member.mtime = len(data), _TAR_TIME
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def write_project(dist: Dist, folder: Path) -> None:
    """Write the source tree of ``dist`` into ``folder``, which is created unless another project lies below it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in project_files(dist).items():
        (folder / name).write_text(text, encoding="utf-8")


def write_file(dist: Dist, folder: Path) -> Path:
    """Write the wheel or sdist into ``folder``, created if need be, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / dist.filename
    path.write_bytes(dist.content)
    return path


def origin_of_wheel(path: Path) -> tuple[str, str]:
    """Return the project name and ``"ORIGIN VERSION"`` of a wheel that this module, or its backend, wrote.

    :raises ValueError: no module in it says so.
    """
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".py") and "/" not in name:
                return normalised(path.name.split("-")[0]), origin_of_text(archive.read(name).decode())
    raise ValueError(f"{path} holds no module")


def origin_of_text(text: str) -> str:
    """Return ``"ORIGIN VERSION"`` of a module's text, and with what it was built, if that was anything.

    :raises ValueError: the text is not a module of ours.
    """
    values: dict[str, object] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" = ")
        values[key] = value
    if "ORIGIN" not in values or "VERSION" not in values:
        raise ValueError("not a module of the harness")
    told = f"{str(values['ORIGIN'])[1:-1]} {str(values['VERSION'])[1:-1]}"
    built_with = str(values.get("BUILT_WITH", "{}"))
    if built_with != "{}":
        told += " built with " + ", ".join(re.findall(r"'([^']*)'", built_with)[1::2])
    return told
