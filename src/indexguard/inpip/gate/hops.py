"""Where a redirect leads, by each reading of it; loaded with the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlparse, urlsplit

if TYPE_CHECKING:
    from ..objects import Response


def find_targets(response: Response) -> list[str]:
    """Return where a redirect leads, by each reading: a place that two readers see in two places is allowed by none alone.

    ``////host/`` is a path to some versions of ``urllib.parse``; for requests it is a host, where the slashes get lost
    (2.25 to 2.34, in older Pythons).
    """
    # As requests reads it: bytes of UTF-8, which http.client took for Latin-1.
    location = response.headers["location"].encode("latin1", "replace").decode("utf-8", "replace")
    try:
        followed = f"{urlsplit(response.url).scheme}:{location}" if location.startswith("//") else location
        followed = urlparse(followed).geturl()
        if not urlparse(followed).netloc:
            followed = urljoin(response.url, followed)
        return list(dict.fromkeys((followed, urljoin(response.url, location))))
    except ValueError:  # no URL at all; requests will say so
        return [location]
