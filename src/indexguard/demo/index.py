"""A package index on loopback, as small as pip allows (PEP 503)."""

from __future__ import annotations

import hashlib
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast

from .wheel import make_wheel

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class LoopbackIndex:
    """An index that is up between ``with`` and the end of its block, on a free port of 127.0.0.1.

    :param label: ``internal`` or ``public``; the ORIGIN of every wheel that it holds.
    :raises OSError: at the start of the block, where loopback cannot be listened on.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.wheels: dict[str, tuple[str, bytes]] = {}

    def publish(self, name: str, version: str) -> None:
        """Offer one version of a project, instead of any other version of it."""
        self.wheels[name] = make_wheel(name, version, self.label)

    def delete(self, name: str) -> None:
        """Take the project away: its page is 404 from now on."""
        del self.wheels[name]

    @property
    def url(self) -> str:
        """What pip is given."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple/"

    def __enter__(self) -> Self:
        self._server = _Server(self)
        # The default of half a second is what stopping would take.
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Return status, content type and body for a request path."""
        for name, (filename, content) in self.wheels.items():
            if path == f"/simple/{name}/":
                link = f"/files/{filename}#sha256={hashlib.sha256(content).hexdigest()}"
                return 200, "text/html", f'<!DOCTYPE html><a href="{link}">{filename}</a>'.encode()
            if path == f"/files/{filename}":
                return 200, "application/octet-stream", content
        return 404, "text/html", b"<!DOCTYPE html>no such project"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection open does not hold us up

    def __init__(self, index: LoopbackIndex) -> None:
        self.index = index
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks the resolver for the full name of 127.0.0.1, which can take seconds.
        socketserver.TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, content_type, body = cast("_Server", self.server).index.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  # http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name
        """Say nothing: the story is told elsewhere."""
