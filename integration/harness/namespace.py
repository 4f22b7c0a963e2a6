"""A network of its own for pip: the default index by its real name, on loopback, with nothing else in reach.

``Namespace`` keeps a child process in new mount and network namespaces (root only). The child, which is this very
file, brings up the loopback interface, puts a hosts file over the machine's, and serves static indexes over TLS on port
443, one per host name. pip is run inside with ``nsenter``.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_TOOLS = ("unshare", "nsenter", "mount")
_SET_FLAGS, _IS_UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP


def find_obstacle() -> str | None:
    """Return why this machine cannot make the namespaces, or None if it can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"missing: {', '.join(missing)}"
    trial = subprocess.run(["/usr/bin/env", "unshare", "-m", "-n", "true"], capture_output=True, text=True, check=False)
    return None if trial.returncode == 0 else f"unshare -m -n failed: {trial.stderr.strip()}"


@dataclass(frozen=True)
class Namespace:
    """The namespaces of a running child."""

    pid: int

    def write_wrapper(self, program: Path, script: Path) -> None:
        """Write a script that runs ``program`` inside, in the folder that the script is called from."""
        enter = f"nsenter --target {self.pid} --mount --net"
        # Entering a mount namespace resets the current folder.
        inside = """sh -c 'cd "$1" && shift && exec "$@"' sh "$PWD\""""
        script.write_text(f'#!/bin/sh\nexec {enter} {inside} {shlex.quote(str(program))} "$@"\n', encoding="utf-8")
        script.chmod(0o755)


@contextmanager
def entered(folder: Path, trees: Mapping[str, Path], certificate: Path) -> Iterator[Namespace]:
    """Serve each folder of ``trees`` under the host name that is its key, until the block ends.

    :param folder: for the hosts file; it exists.
    :param certificate: key and certificate for all the names, in one PEM file.
    :raises RuntimeError: the child does not start.
    """
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {' '.join(trees)}\n", encoding="utf-8")
    command = [
        *("unshare", "-m", "-n", sys.executable, "-I", __file__, str(hosts), str(certificate)),
        *(word for name, tree in trees.items() for word in (name, str(tree))),
    ]
    # It serves until its standard input is closed: also if we are killed.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        if child.stdout is None or child.stderr is None or child.stdin is None or not child.stdout.readline():
            raise RuntimeError(f"the namespace cannot be set up: {child.communicate()[1].decode()}")
        try:
            yield Namespace(child.pid)
        finally:
            child.stdin.close()
            child.wait()


class _Handler(SimpleHTTPRequestHandler):
    trees: Mapping[str, str]

    def translate_path(self, path: str) -> str:
        self.directory = self.trees[self.headers["Host"].partition(":")[0]]
        return super().translate_path(path)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep quiet."""


def _main(hosts: str, certificate: str, *named: str) -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14s", b"lo", _IS_UP, b""))
    subprocess.run(["/usr/bin/env", "mount", "--bind", hosts, "/etc/hosts"], check=True)
    _Handler.trees = dict(zip(named[::2], named[1::2], strict=True))
    server = ThreadingHTTPServer(("127.0.0.1", 443), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    _main(*sys.argv[1:])
