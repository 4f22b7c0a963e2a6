"""What the ``ledger`` commands share: which ledger they are about, and which of its files are meant."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import escape
from ...ledger.place import NO_HOME, path_of, usual_path
from ...ledger.sighting import Sighting
from ...logs.query import name_pattern
from ...patterns import normalise_name
from ...policy.layers import survey_layers
from ...policy.model import Layer
from ..parsing import BadInputError


def add_ledger(group: argparse._ArgumentGroup) -> None:
    """Add the option that says which ledger is meant."""
    group.add_argument(
        "--ledger", metavar="FILE", type=Path, help="another ledger than the one that the policy here asks"
    )


def add_filters(group: argparse._ArgumentGroup) -> None:
    """Add what says which files of it are meant."""
    group.add_argument("--index", metavar="TEXT", action="append", help="only of indexes with this text in their URL")
    group.add_argument("names", metavar="NAME", nargs="*", help="a project, in any spelling; acme-* takes all of them")


def find_ledger(arguments: argparse.Namespace) -> tuple[Path, int | None]:
    """Return the ledger that is meant, and its largest size if a policy says.

    :raises BadInputError: the policies here ask several, or this user has none.
    :raises PolicyError: as ``find_asking``.
    """
    if arguments.ledger is not None:
        return arguments.ledger.absolute(), None
    asking = find_asking()
    paths = list(dict.fromkeys(path for _, path in asking))
    if len(paths) > 1:
        shown = escape(", ".join(map(str, paths)))
        raise BadInputError(f"the policies here ask several ledgers, {shown}: say --ledger FILE")
    sizes = [layer.policy.ledger.max_size for layer, _ in asking if layer.policy.ledger is not None]
    path = paths[0] if paths else usual_path()
    if not path.is_absolute():
        raise BadInputError(NO_HOME)
    return path, min((size for size in sizes if size is not None), default=None)


def find_asking() -> list[tuple[Layer, Path]]:
    """Return the layers here that ask a ledger, each with its path.

    :raises PolicyError: a policy here cannot be read, so nobody knows whether it asks one.
    """
    found = survey_layers()
    if found.faults:
        raise found.faults[0]
    return [(layer, path_of(layer)) for layer in found.layers if layer.policy.ledger is not None]


def make_filter(names: Sequence[str], indexes: Sequence[str] | None) -> Callable[[Sighting], bool]:
    """Return what tells whether a file is meant: any of the names, and any of the indexes; none takes all."""
    pattern = name_pattern([normalise_name(name) for name in names]) if names else None

    def is_meant(sighting: Sighting) -> bool:
        if pattern is not None and not pattern.fullmatch(sighting.name):
            return False
        return not indexes or any(part in sighting.place for part in indexes)

    return is_meant
