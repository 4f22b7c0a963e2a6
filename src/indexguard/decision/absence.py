"""Which statuses beside 404 and 410 say that an index does not have a name; loaded where one answers so."""

from __future__ import annotations

from ..policy.identity import Location
from .authority import Authority


def says_not_here(authority: Authority, asked: Location | None, status: int) -> bool:
    """Tell whether a status beside 404 and 410 means, to every layer that enforces, that an index lacks the name.

    :param asked: the identity of the index; None where it is unknown.
    """
    indexes = [
        None if asked is None else layer.policy.find_index(asked) for layer, _ in authority.rules if layer.enforces
    ]
    return bool(indexes) and all(index is not None and status in index.not_found for index in indexes)


def is_shared(authority: Authority) -> bool:
    """Tell whether several indexes may serve the name, to a layer that enforces.

    Then such a status counts only from an index that has shown a file or a listing in this run.
    """
    return any(layer.enforces and rule is not None and len(rule.indexes) > 1 for layer, rule in authority.rules)
