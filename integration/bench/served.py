"""A package index on loopback whose pages are made once: what it costs to serve one is not what is measured."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from integration.harness.dists import normalised
from integration.harness.loopback import HTML, JSON_TYPE, Answer, Handler, LoopbackIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from integration.harness.dists import Dist


class StaticIndex(LoopbackIndex):
    """An index; a context manager that is up between enter and exit.

    :param listed: every file that it offers.
    :param html_only: whether a client that would take a PEP 691 page is given a PEP 503 page all the same.
    :param latency: seconds that pass before each answer begins.
    :param hashed: whether the pages give the files' hashes.
    :param padding: how many bytes of a comment each HTML page has.
    """

    def __init__(
        self,
        listed: Sequence[Dist],
        *,
        html_only: bool = False,
        latency: float = 0.0,
        hashed: bool = True,
        padding: int = 0,
    ) -> None:
        self.handler = _Handler
        self.requests = 0
        """How many came so far."""
        self._listed, self._html_only, self._latency = listed, html_only, latency
        self._hashed, self._padding = hashed, padding
        self._files: dict[str, bytes] = {}
        self._pages: dict[str, tuple[bytes, bytes | None]] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        projects: dict[str, list[Dist]] = {}
        for dist in self._listed:
            projects.setdefault(normalised(dist.name), []).append(dist)
            self._files[f"/files/{dist.filename}"] = dist.content
        for project, dists in projects.items():
            digests = [dist.sha256 if self._hashed else "" for dist in dists]
            html = _html_page(dists, digests, f"{self.origin}/files/").encode()
            html += b"<!-- %s -->" % (b"-" * self._padding) if self._padding else b""
            json_page = (
                None if self._html_only else _json_page(project, dists, digests, f"{self.origin}/files/").encode()
            )
            self._pages[f"/simple/{project}/"] = (html, json_page)
        return self

    def reply(self, request: Handler) -> Answer:
        """Answer with a page, a file, or 404."""
        self.requests += 1
        if self._latency:
            time.sleep(self._latency)  # this is the latency of the row; nothing else waits here
        html, json_page = self._pages.get(request.path, (None, None))
        if json_page is not None and JSON_TYPE in request.headers.get("Accept", ""):
            return 200, {"Content-Type": JSON_TYPE}, json_page
        if html is not None:
            return 200, HTML, html
        if request.path in self._files:
            return 200, {"Content-Type": "application/octet-stream"}, self._files[request.path]
        return 404, HTML, b"<html>not here</html>"


def _html_page(dists: Sequence[Dist], digests: Sequence[str], files_url: str) -> str:
    lines = []
    for dist, digest in zip(dists, digests, strict=True):
        fragment = f"#sha256={digest}" if digest else ""
        lines.append(f'<a href="{files_url}{dist.filename}{fragment}">{dist.filename}</a><br>\n')
    return f"<!DOCTYPE html><html><head><title>links</title></head><body>\n{''.join(lines)}</body></html>\n"


def _json_page(project: str, dists: Sequence[Dist], digests: Sequence[str], files_url: str) -> str:
    files = [
        {
            "filename": dist.filename,
            "url": files_url + dist.filename,
            "hashes": {"sha256": digest} if digest else {},
            "size": len(dist.content),
            "upload-time": "2026-01-01T00:00:00Z",
        }
        for dist, digest in zip(dists, digests, strict=True)
    ]
    versions = sorted({dist.version for dist in dists})
    return json.dumps({"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": files})


class _Handler(Handler):
    timeout = 600  # a client may rest between two measurements
