"""The files of one page by project: a --find-links page is asked for every name, and may list 100,000 files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from operator import is_
from typing import TYPE_CHECKING

from ...patterns import Name, find_names, is_distribution
from .links import name_file

if TYPE_CHECKING:
    from ..objects import Link


class Listing:
    """The links of a page, found by the project that a file may be of."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links
        self._by_name: dict[Name, list[Link]] = {}
        self._odd: list[Link] = []
        """Those that have to be looked at for each name."""
        for link in links:
            # An egg fragment may name any project.
            names = None if "egg=" in link.url else find_names(name_file(link))
            if names is None:
                self._odd.append(link)
            else:
                for name in names:
                    self._by_name.setdefault(name, []).append(link)
        self.some = list(islice(filter(is_distribution, map(name_file, links)), 1))
        """The name of the first file, if there is one."""

    def is_of(self, links: Sequence[Link]) -> bool:
        """Tell whether these links are the same objects: pip reads such a page once (20.3 to 26.3)."""
        return len(links) == len(self._links) and all(map(is_, links, self._links))

    def links_of(self, name: Name) -> list[Link]:
        """Return all links that may be to files of a project."""
        return [*self._by_name.get(name, ()), *self._odd]
