"""The hashes that a page gives of a file, as far as pip checks the file against them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ...decision.serving import STRONG, is_digest
from ..search.links import find_sha256

if TYPE_CHECKING:
    from ..objects import Link


def hashes_of(link: Link) -> dict[str, str]:
    """Return the hashes that a page gives of a file, by algorithm; strong ones only where pip checks the first of them.

    pip checks one: that of the URL, or of those that a JSON page gives the first (23.0 to 26.3), the longest (22.2), or
    none (22.3). Whoever compares another one would trust what nobody checks, so pip is told to check this one.
    """
    if is_repository(link):
        return {}
    usual = find_sha256(link)
    if usual:
        return {"sha256": usual}
    several = getattr(link, "_hashes", None)
    # A JSON page may give any value as a hash.
    told = {link.hash_name: link.hash, **(several if isinstance(several, dict) else {})}
    found = {name: value for name, value in told.items() if is_digest(name, value)}
    strong = next((name for name in STRONG if name in found), None)
    if strong is None or _has_checked(link, strong, found[strong]):
        return found
    return {name: value for name, value in found.items() if name not in STRONG}


def is_repository(link: Link) -> bool:
    """Tell whether a link of a page is to a repository: that is an sdist without hash or age."""
    # pip's `is_vcs` makes a list of all schemes each time.
    return link.url[:4].lower() != "http" and link.is_vcs


def _has_checked(link: Any, name: str, digest: str) -> bool:
    """Have pip check a hash, if it would check another one, and tell whether it does."""
    if _checks(link, name, digest):
        return True
    several = getattr(link, "_hashes", None)
    if isinstance(several, dict):
        rest = {other: value for other, value in several.items() if other != name}
        for first in ({name: digest, **rest}, {name: digest}):  # pip 22.2 has an order of its own
            link._hashes = first  # noqa: SLF001  # pip has nothing else for it
            if _checks(link, name, digest):
                return True
        link._hashes = several  # noqa: SLF001
    if hasattr(link, "link_hash"):  # pip 22.3
        link.link_hash = sys.modules[type(link).__module__].LinkHash(name, digest)
    return _checks(link, name, digest)


def _checks(link: Link, name: str, digest: str) -> bool:
    return link.hash_name == name and link.hash == digest
