"""What the links of a page are to: file names, versions, and the newest of many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from ...patterns import Name, find_version

if TYPE_CHECKING:
    from ..objects import Link


_DIGITS = 64  # of a sha256


def newest_files(files: Sequence[tuple[str, Link]], limit: int) -> list[tuple[str, Link]]:
    """Return some of many files, those of the newest versions first.

    :param files: version and link of each.
    """
    from ...versions import newest_first  # of few pages so much is told

    newest = newest_first({version for version, _ in files}, limit)
    by_version: dict[str, list[tuple[str, Link]]] = {version: [] for version in newest}
    for file in files:
        if file[0] in by_version:
            by_version[file[0]].append(file)
    return list(islice((file for version in newest for file in by_version[version]), limit))


def name_file(link: Link) -> str:
    """Return the file name of a link: ``Link.filename``, which pip works out anew each time, from most URLs at once."""
    url = link.url
    if "%" not in url and url.isprintable():
        folder, slash, name = url.partition("#")[0].partition("?")[0].rpartition("/")
        if slash and name and folder[-1:] != "/":  # else this is the host
            return name
    return link.filename


def find_sha256(link: Link) -> str:
    """Return the sha256 of a file as most pages give it: alone, in lower case, and checked by pip; else nothing.

    Quick, as there may be thousands; where there is nothing, ``serving.hashes`` looks at what else the page gives.
    """
    several = getattr(link, "_hashes", None)
    if isinstance(several, dict) and len(several) == 1:
        digest = several.get("sha256")
        is_digest = isinstance(digest, str) and len(digest) == _DIGITS and not digest.strip("0123456789abcdef")
        # No other hash that pip takes has as many digits: what it checks is this.
        if is_digest and link.hash == digest:
            return str(digest)
    return ""


def name_files(links: Iterable[Link]) -> list[str]:
    """Return the file name of each of many links, as ``name_file`` does."""
    links = list(links)
    urls = [link.url for link in links]
    every = "".join(urls)
    if not every.isprintable() or any(mark in every for mark in "%?#@"):
        return list(map(name_file, links))
    return [url.rpartition("/")[2] or name_file(link) for url, link in zip(urls, links)]


def find_offered(links: Iterable[Link], name: Name, names: dict[str, str]) -> list[tuple[str, Link]]:
    """Return version and link of every file of this name, fit for this platform or not.

    :param names: is given the file name of each of them, by URL.
    """
    found = []
    links = list(links)
    for link, filename in zip(links, name_files(links)):
        url = link.url
        # pip believes an egg fragment before the file name (20.3 to 26.3); to read it costs, so only where there is one.
        egg = link.egg_fragment if "egg=" in url else None
        version = find_version(f"{egg}.zip" if egg else filename, name)
        if version is not None:
            found.append((version, link))
            names[url] = filename
    return found
