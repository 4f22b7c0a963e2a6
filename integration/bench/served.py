"""A package index on loopback whose pages are made once: what it costs to serve one is not what is measured."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from integration.harness.dists import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from typing_extensions import Self

    from integration.harness.dists import Dist

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "text/html; charset=utf-8"


class StaticIndex:
    """An index; a context manager that is up between enter and exit.

    :param listed: every file that it offers.
    :param html_only: whether a client that would take a PEP 691 page is given a PEP 503 page all the same.
    :param latency: seconds that pass before each answer begins.
    """

    def __init__(self, listed: Sequence[Dist], *, html_only: bool = False, latency: float = 0.0) -> None:
        self._server = _Server(latency)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/simple/"
        projects: dict[str, list[Dist]] = {}
        for dist in listed:
            projects.setdefault(normalised(dist.name), []).append(dist)
            self._server.files[f"/files/{dist.filename}"] = dist.content
        for project, dists in projects.items():
            html = _html_page(dists, f"{self.origin}/files/").encode()
            json_page = None if html_only else _json_page(project, dists, f"{self.origin}/files/").encode()
            self._server.pages[f"/simple/{project}/"] = (html, json_page)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def requests(self) -> int:
        """How many requests came so far."""
        return self._server.requests

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _html_page(dists: Sequence[Dist], files_url: str) -> str:
    lines = (f'<a href="{files_url}{dist.filename}#sha256={dist.sha256}">{dist.filename}</a><br>\n' for dist in dists)
    return f"<!DOCTYPE html><html><head><title>links</title></head><body>\n{''.join(lines)}</body></html>\n"


def _json_page(project: str, dists: Sequence[Dist], files_url: str) -> str:
    files = [
        {
            "filename": dist.filename,
            "url": files_url + dist.filename,
            "hashes": {"sha256": dist.sha256},
            "size": len(dist.content),
            "upload-time": "2026-01-01T00:00:00Z",
        }
        for dist in dists
    ]
    versions = sorted({dist.version for dist in dists})
    return json.dumps({"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": files})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # connections that a client keeps open end with the process

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.pages: dict[str, tuple[bytes, bytes | None]] = {}
        self.files: dict[str, bytes] = {}
        self.requests = 0
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # HTTPServer asks the resolver for the host's full name here, which can take seconds.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes; the second must not wait for an acknowledgement
    timeout = 600  # a client may rest between two measurements

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep quiet."""

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.server.latency:
            time.sleep(self.server.latency)  # this is the latency of the row; nothing else waits here
        page = self.server.pages.get(self.path)
        if page is not None:
            html, json_page = page
            as_json = json_page is not None and _JSON in self.headers.get("Accept", "")
            self._send(200, _JSON if as_json else _HTML, json_page if as_json and json_page is not None else html)
        elif self.path in self.server.files:
            self._send(200, "application/octet-stream", self.server.files[self.path])
        else:
            self._send(404, _HTML, b"<html>not here</html>")

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
