"""What every index of the tests stands on: an HTTP server on a free port of 127.0.0.1. Standard library only.

``indexguard demo`` brings a server of its own: what is shipped imports no test, and the benchmark runs without a guard.
"""

from __future__ import annotations

import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Union, cast

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

Answer = tuple[int, dict[str, str], Union[str, bytes]]
"""Status, headers and body."""
HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON_TYPE = "application/vnd.pypi.simple.v1+json"


class Handler(BaseHTTPRequestHandler):
    """Asks the server's index, and says nothing on standard error."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes; the second must not wait for an acknowledgement

    def do_GET(self) -> None:
        """Answer as the index says."""
        self.send(*cast("Server", self.server).index.reply(self))

    def do_HEAD(self) -> None:
        """Answer as to a GET, without the body."""
        self.do_GET()

    def send(self, status: int, headers: Mapping[str, str], body: str | bytes) -> None:
        """Send a whole answer; a Content-Length among the headers counts, and a wrong one ends the connection."""
        data = body.encode() if isinstance(body, str) else body
        headers = {"Content-Length": str(len(data)), **headers}
        if headers["Content-Length"] != str(len(data)):
            self.close_connection = True
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep quiet."""


class LoopbackIndex:
    """An index that is up between ``with`` and the end of its block; what it answers is the subclass's."""

    handler = Handler
    port = 0
    _server: Server | None = None

    def reply(self, request: Handler) -> Answer:
        """Answer a GET or a HEAD."""
        raise NotImplementedError

    def wrap(self, listening: socket.socket) -> socket.socket:
        """Return the socket to accept on, before anything is."""
        return listening

    def __enter__(self) -> Self:
        self._server = Server(self)
        self.port = self._server.server_port
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, if it is up."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The simple index's URL, with a trailing slash."""
        return f"{self.origin}/simple/"


class Server(ThreadingHTTPServer):
    """A thread for each connection, none of which is waited for: a client may keep its connection open."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, index: LoopbackIndex) -> None:
        self.index = index
        super().__init__(("127.0.0.1", 0), index.handler)
        self.socket = index.wrap(self.socket)
        # The default of half a second is what stopping would take.
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def server_bind(self) -> None:
        """Bind; HTTPServer's own asks the resolver for the full name of 127.0.0.1, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that break off are what some tests are about."""

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more, and free the port."""
        self.shutdown()
        self._thread.join()
        self.server_close()
