"""The records that a policy layer goes by, opened; and what they say of one file, as the heart takes it."""

from __future__ import annotations

from collections.abc import Callable

from ..decision.serving import NOT_ADVISED, Advised
from ..errors import POLICY_UNREADABLE, Fault, PolicyError
from ..patterns import Name
from ..policy.model import Layer
from .advisories import Advisories
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
    store = Store(tell)
    try:
        found = Advisories([store.open(path, settings.kinds) for path in settings.places])
    except SourceError as error:
        raise PolicyError(layer.path, [Fault("advisories.paths", str(error))], POLICY_UNREADABLE) from None
    if found.is_empty:
        kinds = ", ".join(settings.kinds)
        tell(f"advisories in {layer.path}: no source holds a record of PyPI that counts ({kinds})")
    return found


def advise(advisories: Advisories | None, name: Name, version: str | None, sha256: str) -> Advised:
    """Return what the records of a layer say of a file.

    :param name: empty where it is not known.
    :param version: None where it is not known.
    :param sha256: hexadecimal; empty where it is not known.
    """
    if advisories is None:
        return NOT_ADVISED
    by_content = advisories.find_file(sha256) if sha256 else ()
    by_version = advisories.find_versions(name, version) if name else ()
    if not by_content and not by_version:
        return NOT_ADVISED
    return Advised(tuple(it.record for it in by_version), tuple(it.record for it in by_content))
