"""What the body of a page tells beside its links: upload times (PEP 700), attestations (PEP 740), status (PEP 792).

pip has the body; nothing is asked for again. pip itself keeps upload times only since 26.0, and the others never. An
HTML page (all that pip < 22.2 reads) tells none of it but the status.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
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


class Body(NamedTuple):
    """What a page tells beside its links."""

    times: Mapping[str, object] = {}
    """When each file was uploaded, in the page's own words: text, or whatever it gives; None where it does not tell. By
    the name of the file, as pip takes it from its URL."""
    attested: frozenset[str] = frozenset()
    """The files of which it gives an attestation."""
    status: str | None = None
    """Of the project."""
    tells_provenance: bool = False
    """Whether an attestation is told of any file, or the page is one that would tell it, as it once did."""
    is_json: bool = False
    """Whether it is a page that could tell."""

    def uploaded(self, filename: str) -> datetime | None:
        """Return when a file was uploaded, in UTC; None where the page does not tell, or tells no time."""
        return parse_time(self.times.get(filename))

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
    entries = entries if isinstance(entries, list) else []
    listed = [it for it in entries if isinstance(it, dict) and isinstance(it.get("url"), str)]
    names = _names_of([it["url"] for it in listed])
    times = dict(zip(names, [it.get("upload-time") for it in listed]))
    proven = [name for name, it in zip(names, listed) if it.get("provenance")] if _PROVENANCE in content else []
    if len(times) < len(names):  # some are listed twice: what speaks against them counts
        unproven = {name for name, it in zip(names, listed) if not it.get("provenance")}
        proven = [name for name in proven if name not in unproven]
        times = _latest((name, it.get("upload-time")) for name, it in zip(names, listed))
    return Body(times, frozenset(proven), _find_status(tree), bool(proven), is_json=True)


def _names_of(urls: Sequence[str]) -> list[str]:
    every = "".join(urls)
    if "%" in every or "?" in every or "#" in every:
        return [name_of(url) for url in urls]
    return [url.rstrip("/").rpartition("/")[2] for url in urls]


def name_of(url: str) -> str:
    """Return the name of a file as pip takes it from the URL that a page gives (``Link.filename``, 20.3 to 26.3)."""
    if "%" not in url and "?" not in url and "#" not in url:
        return url.rstrip("/").rpartition("/")[2]
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return unquote(posixpath.basename(unquote(path).rstrip("/")))


def _latest(told: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Return the last time of each file; None where one of several is no time."""
    found: dict[str, object] = {}
    for name, time in told:
        both = {parse_time(it): it for it in (found.get(name, time), time)}
        found[name] = None if None in both else both[max(filter(None, both))]
    return found


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
    body = read_body(page.exchanges[-1] if page.exchanges else None)
    offered = {name_file(link) for _, link in page.offered(name)}.intersection(body.times)
    times = [time for filename in offered if (time := body.uploaded(filename)) is not None]
    page.times = (min(times), max(times)) if times else None
