"""What the body of a page tells beside its links: upload times (PEP 700), attestations (PEP 740), status (PEP 792).

pip has the body; nothing is asked for again. pip itself keeps upload times only since 26.0, and the others never. An
HTML page (all that pip < 22.2 reads) tells none of it but the status.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from ...decision.serving import parse_time
from ..search.links import name_file

if TYPE_CHECKING:
    from ...patterns import Name
    from ..objects import Exchange
    from ..search.page import Page

_KEYS = (b'"upload-time"', b'"provenance"', b'"project-status"')
_STATUS = b"project-status"
_META = rb"(?i)<meta\s[^>]*pypi:project-status[\"'\s][^>]*>"
_CONTENT = rb"(?i)\bcontent\s*=\s*[\"']([^\"']*)[\"']"
"""Neither is compiled yet: most pages are JSON, and few of HTML tell a status."""


class Told(NamedTuple):
    """What a page tells of one file."""

    uploaded: datetime | None = None
    """In UTC; None where it does not tell, or tells no time."""
    attested: bool = False
    """Whether it gives an attestation."""


class Body(NamedTuple):
    """What a page tells beside its links."""

    files: Mapping[str, Told] = {}
    """By the name of the file, as pip takes it from its URL."""
    status: str | None = None
    """Of the project."""
    tells_provenance: bool = False
    """Whether an attestation is told of any file."""


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
        return NOTHING
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):  # then pip has not read it, either
        return NOTHING
    entries = tree.get("files") if isinstance(tree, dict) else None
    files: dict[str, Told] = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("url"), str):
            _add(
                files, name_of(entry["url"]), Told(parse_time(entry.get("upload-time")), bool(entry.get("provenance")))
            )
    return Body(files, _find_status(tree), any(told.attested for told in files.values()))


def name_of(url: str) -> str:
    """Return the name of a file as pip takes it from the URL that a page gives (``Link.filename``, 20.3 to 26.3)."""
    if "%" not in url and "?" not in url and "#" not in url:
        return url.rstrip("/").rpartition("/")[2]
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return unquote(posixpath.basename(unquote(path).rstrip("/")))


def _add(files: dict[str, Told], name: str, told: Told) -> None:
    """Note what is told of a file; of one that the page lists twice, what speaks against it."""
    first = files.get(name)
    if first is not None:
        times = None if first.uploaded is None or told.uploaded is None else max(first.uploaded, told.uploaded)
        told = Told(times, first.attested and told.attested)
    files[name] = told


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
    times = [told.uploaded for filename, told in files.items() if told.uploaded is not None and filename in offered]
    page.times = (min(times), max(times)) if times else None
