"""The records that a policy layer goes by, opened."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import POLICY_UNREADABLE, Fault, PolicyError, escape
from ..policy.layers import LAYER_KINDS
from ..policy.model import Layer
from .advisories import Advisories
from .checking import make_check
from .sources import SourceError
from .store import Store


def open_advisories(layer: Layer, tell: Callable[[str], None]) -> Advisories | None:
    """Return what the records that a layer goes by say; None where it goes by none.

    :param tell: is given each thing that the user should hear, as one clause.
    :raises PolicyError: they cannot be read.
    """
    settings = layer.policy.advisories
    if settings is None:
        return None
    # A file that is only looked at may be anybody's.
    checks = [make_check(path, layer.kind) if layer.kind in LAYER_KINDS else None for path in settings.places]
    try:
        indexes = [Store(tell, check=check).open(path, settings.kinds) for check, path in zip(checks, settings.places)]
    except SourceError as error:
        raise PolicyError(layer.path, [Fault("advisories.paths", str(error))], POLICY_UNREADABLE) from None
    for path, index in zip(settings.places, indexes):
        counts = index.header["counts"]
        if counts["unreadable"]:
            what = (
                "1 record that cannot be read does not count"
                if counts["unreadable"] == 1
                else (f"{counts['unreadable']} records that cannot be read do not count, the first")
            )
            tell(f"advisories of {escape(path)}: {what}: {escape(counts['problems'][0])}")
    found = Advisories(indexes)
    if found.is_empty:
        kinds = ", ".join(settings.kinds)
        tell(f"advisories in {escape(layer.path)}: no source holds a record of PyPI that counts ({kinds})")
    return found
