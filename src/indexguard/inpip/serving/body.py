"""What the body of a page tells beside its links: upload times (PEP 700), attestations (PEP 740), status (PEP 792).

pip has the body; nothing is asked for again. pip itself keeps upload times only since 26.0, and the others never. An
HTML page (all that pip < 22.2 reads) tells none of it but the status.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ...decision.serving import parse_time
from ...tuples import NamedTuple
from ..search.links import name_file

if TYPE_CHECKING:
    from ...patterns import Name
    from ..objects import Exchange
    from ..search.page import Page

_PROVENANCE = b'"provenance"'
_KEYS = (b'"upload-time"', _PROVENANCE, b'"project-status"')
_STATUS = b"project-status"
_META = rb"(?i)<meta\s[^>]*pypi:project-status[\"'\s][^>]*>"
_CONTENT = rb"(?i)\bcontent\s*=\s*[\"']([^\"']*)[\"']"
"""Neither is compiled yet: most pages are JSON, and few of HTML tell a status."""


class Told(NamedTuple):
    """What a page tells of one file."""

    time: object = None
    """When it was uploaded, in the page's own words: text, or whatever it gives."""
    attested: bool = False
    """Whether it gives an attestation."""

    @property
    def uploaded(self) -> datetime | None:
        """When it was uploaded, in UTC; None where the page does not tell, or tells no time."""
        return parse_time(self.time)


class Body(NamedTuple):
    """What a page tells beside its links."""

    files: Mapping[str, Told] = {}
    """By the name of the file, as pip takes it from its URL."""
    status: str | None = None
    """Of the project."""
    tells_provenance: bool = False
    """Whether an attestation is told of any file, or the page is one that would tell it, as it once did."""
    is_json: bool = False
    """Whether it is a page that could tell."""

    def with_attested(self, remembered: Mapping[str, Collection[str]]) -> Body:
        """Return what the page tells to those who remember that it told of attestations.

        :param remembered: by layer, the versions with one.
        """
        return self._replace(tells_provenance=self.tells_provenance or (self.is_json and any(remembered.values())))


NOTHING = Body()


def read_body(last: Exchange | None) -> Body:
    """Return what a page tells.

    :param last: what became of the last request for it.
    """
    content = getattr(last, "content", b"")
    if not isinstance(content, bytes):
        return NOTHING
    if content.lstrip()[:1] != b"{":
        return Body(status=_find_meta(content)) if _STATUS in content else NOTHING
    if not any(key in content for key in _KEYS):
        return Body(is_json=True)
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):  # then pip has not read it, either
        return NOTHING
    entries = tree.get("files") if isinstance(tree, dict) else None
    files: dict[str, Told] = {}
    for entry in entries if isinstance(entries, list) else ():
        url = entry.get("url") if isinstance(entry, dict) else None
        if isinstance(url, str):
            told = Told._make((entry.get("upload-time"), bool(entry.get("provenance"))))
            name = name_of(url)
            files[name] = told if name not in files else _stricter(files[name], told)
    attested = _PROVENANCE in content and any(told.attested for told in files.values())
    return Body(files, _find_status(tree), attested, is_json=True)


def name_of(url: str) -> str:
    """Return the name of a file as pip takes it from the URL that a page gives (``Link.filename``, 20.3 to 26.3)."""
    if "%" not in url and "?" not in url and "#" not in url:
        return url.rstrip("/").rpartition("/")[2]
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return unquote(posixpath.basename(unquote(path).rstrip("/")))


def _stricter(first: Told, told: Told) -> Told:
    """Return, of a file that a page lists twice, what speaks against it."""
    times = {it.uploaded: it.time for it in (first, told) if it.uploaded is not None}
    is_told = first.uploaded is not None and told.uploaded is not None
    return Told(times[max(times)] if is_told else None, first.attested and told.attested)


def _find_status(tree: object) -> str | None:
    told = tree.get("project-status") if isinstance(tree, dict) else None
    status = told.get("status") if isinstance(told, dict) else None
    return status.lower() if isinstance(status, str) else None


def _find_meta(content: bytes) -> str | None:
    tag = re.search(_META, content)
    found = None if tag is None else re.search(_CONTENT, tag[0])
    return None if found is None else found[1].decode("ascii", "replace").strip().lower()


def note_times(page: Page, name: Name) -> None:
    """Note when the first and the last file of a page were uploaded that squats a name."""
    files = read_body(page.exchanges[-1] if page.exchanges else None).files
    offered = {name_file(link) for _, link in page.offered(name)}
    times = [time for filename, told in files.items() if filename in offered and (time := told.uploaded) is not None]
    page.times = (min(times), max(times)) if times else None
