"""What records say of one file, as the heart takes it; loaded where they, or a policy, say something of its project."""

from __future__ import annotations

from ..decision.serving import NOT_ADVISED, Advised
from ..patterns import Name
from .advisories import Advisories


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
