"""The command line in this process, and an index on loopback for it."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexguard.cli import main

if TYPE_CHECKING:
    import pytest


@dataclass
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output, read as JSON."""
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs the command in this process, as the user of an empty home with no policy."""

    home: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *argv: str) -> Answer:
        """Run one command."""
        self.capsys.readouterr()
        code = main(argv)
        out, err = self.capsys.readouterr()
        return Answer(code, out, err)

    def policy(self, text: str, kind: str = "environment") -> Path:
        """Put a policy into the place of a layer."""
        path = self.home / kind / "policy.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        path.parent.chmod(0o755)
        if kind == "environment":
            self.monkeypatch.setenv("INDEXGUARD_POLICY", str(path))
        return path

    def configure(self, *urls: str, **settings: str) -> None:
        """Configure pip by its variables."""
        if urls:
            self.monkeypatch.setenv("PIP_INDEX_URL", urls[0])
            self.monkeypatch.setenv("PIP_EXTRA_INDEX_URL", " ".join(urls[1:]))
        for name, value in settings.items():
            self.monkeypatch.setenv(name, value)


class LoopbackIndex:
    """A package index on this machine that knows its root page only."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.password: str | None = None
        self.status = 200
        self.as_json = False
        self.body: bytes | None = None
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index._answer(self)

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        """The index's URL, as a policy writes it."""
        return f"http://127.0.0.1:{self.port}/simple/"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        expected = None if self.password is None else base64.b64encode(self.password.encode()).decode()
        if expected is not None and request.headers.get("Authorization") != f"Basic {expected}":
            status, kind, body = 401, "text/plain", b""
        elif request.path != "/simple/":
            status, kind, body = 404, "text/plain", b""
        elif self.as_json:
            status, kind = self.status, "application/vnd.pypi.simple.v1+json"
            body = json.dumps({"projects": [{"name": name} for name in self.names]}).encode()
        else:
            status, kind = self.status, "text/html"
            anchors = (f'<a href="/simple/{name.lower()}/">{name}</a><br/>' for name in self.names)
            body = f"<!DOCTYPE html><html><body>{''.join(anchors)}</body></html>".encode()
        body = body if self.body is None else self.body
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        if status == 401:
            request.send_header("WWW-Authenticate", 'Basic realm="test"')
        request.end_headers()
        request.wfile.write(body)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
