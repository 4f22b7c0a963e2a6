"""What a setup.py installs by itself, where pip <= 23.0 cannot build a wheel of an sdist: nothing tells its name before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from ...patterns import Name, normalise_name
from ..seams import pip_module

if TYPE_CHECKING:
    from ..objects import Scheme


class Installed:
    """The metadata that lies where a project goes, before its setup.py runs.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    :param name: of the project.
    :param told: what ``InstallRequirement.install`` was told, by parameter.
    """

    def __init__(self, root: str, name: Name, told: Mapping[str, object]) -> None:
        where = {key: told.get(key) for key in ("root", "home", "prefix")}
        get_scheme = pip_module(root, "_internal.locations").get_scheme
        scheme: Scheme = get_scheme(name, user=bool(told.get("use_user_site")), **where)
        self._name = name
        self._folders = {scheme.purelib, scheme.platlib}
        self._before = _metadata_in(self._folders)

    def find_foreign(self) -> dict[str, set[Name]]:
        """Return the metadata that has come since and names another project: the names by path."""
        now = _metadata_in(self._folders)
        new = {path: _names_at(path) for path in sorted(now) if now[path] != self._before.get(path)}
        return {path: names for path, names in new.items() if names != {self._name}}

    @staticmethod
    def remove(paths: Iterable[str]) -> None:
        """Take metadata away again, so that no pip takes it for an installed project."""
        for path in paths:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)


def _metadata_in(folders: Iterable[str]) -> dict[str, int]:
    found = {}
    for folder in folders:
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(folder):
                if entry.name.lower().endswith((".dist-info", ".egg-info", ".egg-link")):
                    found[entry.path] = entry.stat(follow_symlinks=False).st_mtime_ns
    return found


def _names_at(path: str) -> set[Name]:
    names = [os.path.basename(path).rpartition(".")[0].partition("-")[0]]
    for text in (path, os.path.join(path, "METADATA"), os.path.join(path, "PKG-INFO")):
        if os.path.isfile(text) and not path.endswith(".egg-link"):
            with open(text, encoding="utf-8", errors="replace") as file:
                names.append(HeaderParser().parse(file).get("Name", ""))
    return {normalise_name(name) for name in names if name}
