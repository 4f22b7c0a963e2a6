"""A package index on loopback that does what no real server does on demand: fail, lie, forward, hang.

Every index is a threading HTTP server on a free port of 127.0.0.1. It answers ``/simple/NAME/`` with a page (PEP 503
HTML, or PEP 691 JSON where asked for and enabled), ``/files/FILENAME`` with the file, and remembers what it was asked.
A test may have itself called at each request, to change the world while pip waits for the answer.

Several indexes may share one server (``on``), each with its pages under a path of its own (``path``) or with host names
of its own (``hosts``), which are reached with the server as proxy (``proxy``): so hosts need no name service. The
longest path decides, among those of the host that was asked for.

Answers, per index or per project, or per path (``pages``):

========================  ==============================================================================
``page``                  the list of files; 404 where there is none (the default)
``empty``                 a page without files
``404`` and other status  that status, with a short HTML body
``redirect:URL``          302 to ``URL`` followed by ``NAME/``
``html:TEXT``             a page with that very text
``json:TEXT``             the same as PEP 691 JSON, whatever the client accepts
``raw:TEXT``              the status, header lines, an empty line and the body that ``TEXT`` spells out; the body is
                          compressed where the headers say ``Content-Encoding: gzip``; a ``Content-Length`` among
                          them counts, and the connection ends after the body
``file:FILENAME``         that file of the index, whatever the path
``hops:N:URL``            ``N`` redirects on this index, then one to ``URL`` followed by ``NAME/``
``captive``               200 with a login form
``captive-redirect``      302 to such a login form
``text``                  200 with a content type that is no index page
``drop``                  the connection is closed without an answer
``reset``                 the connection is reset
``hang``                  nothing until the server stops
========================  ==============================================================================
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import socket
import ssl
import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from integration.harness.dists import Dist, normalised
from integration.harness.loopback import JSON_TYPE, Handler, LoopbackIndex, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from typing_extensions import Self

_LOGIN = (
    "<!DOCTYPE html><html><head><title>Guest network</title></head><body>"
    '<form method="post" action="/login"><input name="user"><a href="/terms">Terms</a></form></body></html>'
)
PLAIN_ANSWERS = frozenset({"page", "empty", "captive", "captive-redirect", "text", "drop", "reset", "hang"})
TRANSPORTS = frozenset({"http", "refuse", "bad-tls"})


def is_answer(text: str) -> bool:
    """Tell whether ``text`` is one of the answers above."""
    if text.startswith("raw:"):
        return re.match(r"raw:[1-5][0-9][0-9](\n|$)", text) is not None
    told = text.startswith(("redirect:", "html:", "json:", "file:")) or re.match("hops:[0-9]+:", text) is not None
    return told or text in PLAIN_ANSWERS or (text.isdecimal() and 400 <= int(text) < 600)


@dataclass(frozen=True)
class Listed:
    """One file on a page."""

    dist: Dist
    url: str | None = None
    """Where the file is, if not under ``/files/`` of this index."""
    upload_time: str | None = None
    """RFC 3339, JSON pages only."""
    yanked: bool = False
    hashed: bool = True
    """Whether the page gives the file's sha256."""
    attested: bool = False
    """Whether the page gives an attestation (PEP 740, JSON pages only)."""


@dataclass(frozen=True)
class Request:
    """One request that an index received."""

    method: str
    path: str
    credentials: bool
    """Whether it carried an Authorization header."""


@dataclass
class ScriptedIndex(LoopbackIndex):
    """One index; a context manager that is up between enter and exit.

    :param json_pages: answer PEP 691 JSON to a client that accepts it.
    :param answer: for every project without one of its own in ``answers``.
    :param transport: ``http``, ``refuse`` (a closed port) or ``bad-tls`` (a certificate that nobody signed).
    :param certificate: PEM file with key and certificate, for ``bad-tls``.
    :param login: ``user:password`` that every request must carry.
    :param redirects: URLs by path, for whatever is no project page: 302 to there.
    :param pages: answers by path, before everything else.
    :param on: the running index whose server answers for this one too; its files are then under ``/files/NAME/``.
    :param path: where the project pages are; begins and ends with a slash.
    :param hosts: the hosts, with ports other than 80, that this index has to itself; the first one is in its URLs.
    :param file_headers: what is sent with each file, such as a Cache-Control.
    :param statuses: what the index calls a project (PEP 792), by its name.
    :param on_request: called in the thread of each request, after it was noted and before it is answered.
    """

    name: str
    listed: list[Listed] = field(default_factory=list)
    json_pages: bool = False
    answer: str = "page"
    answers: Mapping[str, str] = field(default_factory=dict)
    transport: str = "http"
    certificate: Path | None = None
    login: str | None = None
    redirects: Mapping[str, str] = field(default_factory=dict)
    file_headers: Mapping[str, str] = field(default_factory=dict)
    on_request: Callable[[Request], None] | None = None
    pages: Mapping[str, str] = field(default_factory=dict)
    on: ScriptedIndex | None = None
    path: str = "/simple/"
    hosts: tuple[str, ...] = ()
    statuses: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.requests: list[Request] = []
        self.kept: list[Dist] = []  # files that only other indexes list
        self.handler = _Handler
        self.guests: list[ScriptedIndex] = []
        self.stopping = threading.Event()
        self._closed_port: socket.socket | None = None

    def __enter__(self) -> Self:
        if self.on is not None:
            self.port = self.on.port
            self.on.guests.append(self)
            return self
        if self.transport == "refuse":
            # Bound, so that nobody else gets the port, and not listening, so that it refuses.
            self._closed_port = socket.socket()
            self._closed_port.bind(("127.0.0.1", 0))
            self.port = int(self._closed_port.getsockname()[1])
            return self
        return super().__enter__()

    def wrap(self, listening: socket.socket) -> socket.socket:
        """Have the server speak TLS, where it is to.

        :raises ValueError: there is no certificate for it.
        """
        if self.transport != "bad-tls":
            return listening
        if self.certificate is None:
            raise ValueError("bad-tls needs a certificate")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        # The handshake happens in the connection's own thread, at the first read.
        return context.wrap_socket(listening, server_side=True, do_handshake_on_connect=False)

    def close(self) -> None:
        """Stop."""
        self.stopping.set()
        if self._closed_port is not None:
            self._closed_port.close()
        super().close()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        if self.hosts:
            return f"http://{self.hosts[0]}"
        # TLS by name: pip 24.2 to 25.0 on Python 3.13 breaks off with a traceback at an https URL with an IP address.
        return f"https://localhost:{self.port}" if self.transport == "bad-tls" else f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The simple index's URL, with a trailing slash."""
        return f"{self.origin}{self.path}"

    @property
    def proxy(self) -> str:
        """The server's own URL, for --proxy."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def login_url(self) -> str:
        """The simple index's URL with the login in it."""
        return self.url.replace("://", f"://{self.login}@", 1)

    @property
    def files_url(self) -> str:
        """What a file name is appended to."""
        return f"{self.origin}{self._files_path}"

    @property
    def _files_path(self) -> str:
        return "/files/" if self.on is None else f"/files/{self.name}/"

    def asked_names(self) -> set[str]:
        """Return the names whose page somebody asked for."""
        names = (self.asked_name(request.path) for request in self.requests)
        return {name for name in names if name}

    def fetched_files(self) -> set[str]:
        """Return the names of the files that somebody downloaded."""
        paths = [request.path for request in self.requests]
        return {path.rpartition("/")[2] for path in paths if path.startswith(self._files_path)}

    def asked_name(self, path: str) -> str | None:
        """Return the first segment of a path below the index's own: the name whose page it is."""
        if not path.startswith(self.path):
            return None
        return path[len(self.path) :].partition("/")[0] or None

    def asked_file(self, path: str) -> str | None:
        """Return the file name of a path in the folder of files."""
        filename = path[len(self._files_path) :]
        return filename if path.startswith(self._files_path) and "/" not in filename else None

    def find_guest(self, host: str, path: str) -> ScriptedIndex:
        """Return the index that answers for a host and path: this one, or one that shares its server."""
        every = [self, *self.guests]
        own = [index for index in every if host in index.hosts] or [index for index in every if not index.hosts]
        return max(own or [self], key=lambda index: index.rank(path))

    def rank(self, path: str) -> tuple[bool, int]:
        """Return how much a path is this index's own; the higher, the more."""
        below = [len(own) for own in (self.path, self._files_path) if path.startswith(own)]
        return path in self.pages, max(below, default=0)

    def find_file(self, filename: str) -> Dist | None:
        """Return the file of that name that this index keeps, listed here or elsewhere."""
        dists = [item.dist for item in self.listed if item.url is None] + self.kept
        return next((dist for dist in dists if dist.filename == filename), None)

    def page_of(self, project: str) -> list[Listed]:
        """Return what the page of ``project`` lists."""
        return [item for item in self.listed if normalised(item.dist.name) == normalised(project)]


@contextmanager
def two_indexes(
    corp: Iterable[Dist], public: Iterable[Dist], certificate: Path | None = None
) -> Iterator[tuple[ScriptedIndex, ScriptedIndex]]:
    """Start an internal index and a public one.

    :param certificate: key and certificate in one PEM file; the indexes then speak TLS.
    """
    transport = "http" if certificate is None else "bad-tls"
    with (
        ScriptedIndex("corp", list(map(Listed, corp)), transport=transport, certificate=certificate) as one,
        ScriptedIndex("public", list(map(Listed, public)), transport=transport, certificate=certificate) as other,
    ):
        yield one, other


def html_page(project: str, listed: Iterable[Listed], files_url: str, status: str | None = None) -> str:
    """Return a PEP 503 page, with PEP 792's status if there is one."""
    meta = "" if status is None else f'<meta name="pypi:project-status" content="{html.escape(status)}">'
    anchors = []
    for item in listed:
        url = (item.url or files_url) + item.dist.filename
        fragment = f"#sha256={item.dist.sha256}" if item.hashed else ""
        attributes = ' data-yanked="broken"' if item.yanked else ""
        if item.dist.requires_python is not None:
            attributes += f' data-requires-python="{html.escape(item.dist.requires_python)}"'
        anchors.append(f'<a href="{html.escape(url + fragment)}"{attributes}>{item.dist.filename}</a><br>\n')
    return f"<!DOCTYPE html><html><head>{meta}<title>{project}</title></head><body>\n{''.join(anchors)}</body></html>\n"


def json_page(project: str, listed: Iterable[Listed], files_url: str, status: str | None = None) -> str:
    """Return a PEP 691 page, with PEP 700's size and upload time, PEP 740's attestations and PEP 792's status."""
    told = {} if status is None else {"project-status": {"status": status}}
    files = []
    for item in listed:
        entry: dict[str, object] = {
            "filename": item.dist.filename,
            "url": (item.url or files_url) + item.dist.filename,
            "hashes": {"sha256": item.dist.sha256} if item.hashed else {},
            "size": len(item.dist.content),
            "yanked": item.yanked,
        }
        if item.dist.requires_python is not None:
            entry["requires-python"] = item.dist.requires_python
        if item.upload_time is not None:
            entry["upload-time"] = item.upload_time
        if item.attested:
            entry["provenance"] = f"{entry['url']}.provenance"
        files.append(entry)
    versions = sorted({item.dist.version for item in listed})
    return json.dumps({"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": files, **told})


class _Handler(Handler):
    timeout = 30

    @property
    def _host(self) -> ScriptedIndex:
        """The index whose server this is."""
        return cast("ScriptedIndex", cast("Server", self.server).index)

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
        """Answer as to a GET (``pip search`` asks by XML-RPC)."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        url = urlsplit(self.path)  # to a proxy, a whole URL
        path = unquote(url.path)
        host = url.netloc.rpartition("@")[2].lower().removesuffix(":80")
        index = self.index = self._host.find_guest(host, path)
        authorization = self.headers.get("Authorization")
        request = Request(self.command, path, authorization is not None)
        index.requests.append(request)
        if index.on_request is not None:
            index.on_request(request)
        if index.login is not None:
            expected = "Basic " + base64.b64encode(index.login.encode()).decode()
            if authorization != expected:
                self._send(401, "text/html", "<html>who are you?</html>", {"WWW-Authenticate": 'Basic realm="index"'})
                return
        project, filename = index.asked_name(path), index.asked_file(path)
        if path in index.pages:
            self._answer(path, index.pages[path])
        elif path in index.redirects:
            self._send(302, "text/html", "", {"Location": index.redirects[path]})
        elif filename is not None:
            self._file(filename)
        elif project is not None and path.strip("/") == (index.path + project).strip("/"):
            self._answer(normalised(project), index.answers.get(normalised(project), index.answer))
        elif path == "/login":
            self._send(200, "text/html", _LOGIN)
        else:
            self._send(404, "text/html", "<html>not here</html>")

    def _file(self, filename: str) -> None:
        dist = self.index.find_file(filename)
        if dist is None:
            self._send(404, "text/html", "<html>no such file</html>")
        else:
            self._send(200, "application/octet-stream", dist.content, self.index.file_headers)

    def _answer(self, project: str, answer: str) -> None:
        index = self.index
        if answer == "page":
            listed = index.page_of(project)
            if listed:
                self._page(project, listed)
            else:
                self._send(404, "text/html", "<html>no such project</html>")
        elif answer == "empty":
            self._page(project, [])
        elif ":" in answer:
            self._told(project, *answer.split(":", 1))
        elif answer == "captive":
            self._send(200, "text/html", _LOGIN)
        elif answer == "captive-redirect":
            self._send(302, "text/html", "", {"Location": f"{index.origin}/login"})
        elif answer == "text":
            self._send(200, "text/plain", "maintenance")
        elif answer in ("drop", "reset", "hang"):
            self._break_off(answer)
        else:
            headers = {"WWW-Authenticate": 'Basic realm="index"'} if answer == "401" else {}
            self._send(int(answer), "text/html", f"<html>{answer}</html>", headers)

    def _told(self, project: str, kind: str, text: str) -> None:
        if kind == "redirect":
            self._send(302, "text/html", "", {"Location": f"{text}{project}/"})
        elif kind == "hops":
            self._hop(project, *text.split(":", 1))
        elif kind == "file":
            self._file(text)
        elif kind == "raw":
            self._raw(text)
        else:
            self._send(200, JSON_TYPE if kind == "json" else "text/html; charset=utf-8", text)

    def _hop(self, project: str, hops: str, url: str) -> None:
        left = int(urlsplit(self.path).query or hops)
        following = f"{url}{project}/" if left == 0 else f"{self.index.url}{project}/?{left - 1}"
        self._send(302, "text/html", "", {"Location": following})

    def _raw(self, text: str) -> None:
        head, _, body = text.partition("\n\n")
        status, *lines = head.splitlines()
        headers = dict(line.split(": ", 1) for line in lines)
        data = body.encode()
        if headers.get("Content-Encoding") == "gzip":
            data = gzip.compress(data, mtime=0)
        self._send(int(status), headers.pop("Content-Type", "text/html; charset=utf-8"), data, headers)

    def _page(self, project: str, listed: list[Listed]) -> None:
        index = self.index
        status = index.statuses.get(project)
        if index.json_pages and JSON_TYPE in self.headers.get("Accept", ""):
            self._send(200, JSON_TYPE, json_page(project, listed, index.files_url, status))
        else:
            self._send(200, "text/html; charset=utf-8", html_page(project, listed, index.files_url, status))

    def _break_off(self, how: str) -> None:
        self.close_connection = True
        if how == "hang":
            self._host.stopping.wait()  # the server's own: a guest has no end of its own
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # socketserver's own shutdown would send a FIN first; a plain close with that linger sends the RST.
        self.connection.close()

    def _send(
        self, status: int, content_type: str, body: str | bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send(status, {"Content-Type": content_type, **(headers or {})}, body)
