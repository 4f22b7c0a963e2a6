"""What ``[typosquat]`` says beside its action: further names to protect, and another list of popular names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ...errors import Fault, PolicyError, escape
from ...patterns import normalise_name, parse_pattern
from ...tuples import NamedTuple
from ...typosquat.preparation import parse_list
from ..table import MAX_BYTES, TableReader
from ..trust import read_trusted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...patterns import Name
    from ..trust import Trust


class TyposquatSettings(NamedTuple):
    """What a policy says of names that are nearly others."""

    protect: frozenset[Name] = frozenset()
    """Names that are protected as the claimed ones are."""
    names_file: str | None = None
    """The list of popular names, as it is written; None: the one that comes with the guard."""
    names: tuple[str, ...] = ()
    """What that list holds, the most popular first."""


def read_settings(reader: TableReader, table: Mapping[str, Any]) -> TyposquatSettings:
    """Return what the table says."""
    protect = []
    if "protect" in table:
        for place, text in enumerate(reader.items("typosquat.protect", table["protect"], "project names")):
            try:
                is_exact = isinstance(text, str) and parse_pattern(text).exact
            except ValueError:
                is_exact = False
            if is_exact:
                protect.append(normalise_name(text))
            else:
                reader.unexpected(
                    f"typosquat.protect[{place}]", text, "the name of one project: no pattern and no version"
                )
    path = table.get("names-file")
    if path is not None and (not isinstance(path, str) or not path or "\0" in path):
        reader.unexpected(
            "typosquat.names-file", path, "the path of a list of project names, absolute or relative to this file"
        )
        path = None
    return TyposquatSettings(frozenset(protect), path)


def read_names(settings: TyposquatSettings, file: str, kind: str, trust: Trust | None) -> TyposquatSettings:
    """Return settings with the names of the list that they name.

    :param file: the policy file, which the list's path is relative to.
    :param kind: of the layer.
    :param trust: whom to trust with the list; None: anybody, where a file is only looked at.
    :raises PolicyError: the list is not there, cannot be trusted or is none.
    """
    if settings.names_file is None:
        return settings
    path = os.path.join(os.path.dirname(file), settings.names_file)
    names: tuple[str, ...] = ()
    try:
        # As a certificate: what INDEXGUARD_POLICY names is another file.
        found = read_trusted(path, trust, kind=kind if kind in ("machine", "interpreter") else "ca")
        reasons = [f"there is no file {escape(path)}"] if found is None else []
        if found is not None:
            names = tuple(parse_list(found.content[:MAX_BYTES].decode("utf-8")))
            reasons = [] if names else [f"{escape(path)} holds no name"]
    except PolicyError as error:
        reasons = [fault.message for fault in error.faults]
    except ValueError as error:
        reasons = [f"{escape(path)} is no list of project names, one a line: {escape(str(error))}"]
    if reasons:
        raise PolicyError(file, [Fault("typosquat.names-file", reason) for reason in reasons])
    return settings._replace(names=names)
