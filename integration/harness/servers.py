"""Real index servers on loopback, each a child process that is up between enter and exit.

The servers come from the registry: the dependency group ``integration`` of pyproject.toml, in an environment of its own
that is kept in the cache folder. nginx comes from the machine.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tomllib  # noqa: TID251, TID253 - the harness reads its own files, on Python 3.11 or later

from integration.harness.children import run_child
from integration.harness.dists import Dist, normalised, write_file
from integration.harness.pips import cache_folder, locked
from integration.harness.scripted_index import Listed, html_page

_ROOT = Path(__file__).resolve().parents[2]
_NGINX = Path(__file__).with_name("nginx.conf")
"""A template of ``str.format``."""
_READY_LIMIT = 120  # seconds until a server must listen; devpi needs one, on a busy machine more
_ATTEMPTS = 5  # how often a port that somebody else took in the meantime is replaced


class ServerError(RuntimeError):
    """A server that cannot be had or does not start; the text holds what it printed."""


@functools.cache
def server_tools(group: str = "integration") -> Path:
    """Return the folder of the servers' commands; they are installed once per list of requirements and Python.

    :param group: the dependency group that names them.
    :raises ServerError: the registry does not hand them out.
    """
    groups = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    wanted = sorted(item for item in groups[group] if isinstance(item, str))
    key = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]
    folder = cache_folder() / "servers" / key
    folder.parent.mkdir(exist_ok=True)
    with locked(folder.with_name(f"{key}.lock")):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            for command in (
                [sys.executable, "-I", "-m", "venv", str(folder)],
                [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *wanted],
            ):
                done = run_child(command)
                if done.returncode != 0:
                    raise ServerError(f"the index servers cannot be installed:\n{done.stdout}{done.stderr}")
            (folder / "complete").touch()
    return folder / "bin"


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: Callable[[int], Sequence[str]], folder: Path) -> Iterator[int]:
    """Run a server on a free port of 127.0.0.1 until the block ends; give the port.

    :param command: its command line for a port. It must stay in the foreground.
    :param folder: where it runs and where its output goes; it exists.
    :raises ServerError: it ends, or does not listen in time.
    """
    process, port = _start(command, folder)
    try:
        yield port
    finally:
        stop(process)


def _start(command: Callable[[int], Sequence[str]], folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    output = folder / "output.txt"
    for _ in range(_ATTEMPTS):
        port = free_port()
        process = started(command(port), _environ(folder), output)
        if comes_true(process, lambda port=port: listens(port), _READY_LIMIT):  # type: ignore[misc]
            return process, port
        stop(process)
    raise ServerError(f"{command(0)[0]} does not listen:\n{output.read_text(errors='replace')}")


def started(command: Sequence[str], environ: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
    """Start a server or daemon in the folder of ``output``, which takes all that it says; ``stop`` ends it."""
    with output.open("wb") as told:
        return subprocess.Popen(
            command,
            cwd=output.parent,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def comes_true(process: subprocess.Popen[bytes], condition: Callable[[], bool], limit: float) -> bool:
    """Wait for what a process brings about; False if it ends before, or after so many seconds."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline and not has_ended(process, within=0.05):
        if condition():
            return True
    return False


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def has_ended(process: subprocess.Popen[bytes], within: float) -> bool:
    """Tell whether a process ends within so many seconds."""
    try:
        process.wait(timeout=within)
    except subprocess.TimeoutExpired:
        return False
    return True


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and those that it started: it leads a session of its own."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, how)
            has_ended(process, within=10)
    process.wait()


def _environ(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TMPDIR": str(folder)}


@dataclass(frozen=True)
class RealIndex:
    """An index that a real server serves."""

    url: str
    """Of the simple index, with a trailing slash."""
    login: str | None = None
    """``user:password``."""

    @property
    def login_url(self) -> str:
        """The URL with the login in it."""
        return self.url.replace("://", f"://{self.login}@", 1)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return "/".join(self.url.split("/")[:3])


@contextmanager
def pypiserver(folder: Path, dists: Sequence[Dist], fallback: str | None, login: str | None) -> Iterator[RealIndex]:
    """Serve files with pypiserver.

    :param fallback: where it sends clients for unknown names; None: 404.
    :param login: ``user:password`` that everything needs; None: nothing does.
    """
    for dist in dists:
        write_file(dist, folder / "files")
    options = ["-a", ".", "-P", "."]
    if login is not None:
        user, _, password = login.partition(":")
        digest = base64.b64encode(hashlib.sha1(password.encode(), usedforsecurity=False).digest()).decode()
        (folder / "htpasswd").write_text(f"{user}:{{SHA}}{digest}\n", encoding="utf-8")
        options = ["-a", "update,download,list", "-P", str(folder / "htpasswd")]
    options += ["--disable-fallback"] if fallback is None else ["--fallback-url", fallback]
    program = str(server_tools() / "pypi-server")

    def command(port: int) -> list[str]:
        return [program, "run", "-i", "127.0.0.1", "-p", str(port), *options, str(folder / "files")]

    with serving(command, folder) as port:
        yield RealIndex(f"http://127.0.0.1:{port}/simple/", login)


@dataclass(frozen=True)
class Devpi:
    """A devpi with a private index and, behind it, a mirror of another index."""

    prod: RealIndex
    """The private index; for the names in its whitelist its pages hold the mirror's files too."""
    mirror: RealIndex


@contextmanager
def devpi(folder: Path, dists: Sequence[Dist], mirrored: str, whitelist: str) -> Iterator[Devpi]:
    """Serve files with devpi.

    :param mirrored: the URL of the simple index behind it.
    :param whitelist: the name for which the private index mixes its own files with the mirror's.
    """
    tools = server_tools()
    for dist in dists:
        write_file(dist, folder / "files")
    data, secret = str(folder / "data"), str(folder / "secret")
    run(folder, tools / "devpi-init", "--serverdir", data, "--no-root-pypi")
    run(folder, tools / "devpi-gen-secret", "--secretfile", secret)
    # argon2 at its cheapest: otherwise each login costs seconds. The options are not in --help.
    cheap = ["--argon2-memory-cost", "8", "--argon2-time-cost", "1", "--argon2-parallelism", "1"]

    def command(port: int) -> list[str]:
        where = ["--host", "127.0.0.1", "--port", str(port)]
        return [str(tools / "devpi-server"), "--serverdir", data, "--secretfile", secret, *where, *cheap]

    with serving(command, folder) as port:
        origin = f"http://127.0.0.1:{port}"

        def client(*words: str) -> None:
            run(folder, tools / "devpi", words[0], "--clientdir", str(folder / "client"), *words[1:])

        client("use", origin)
        client("login", "root", "--password=")
        client("user", "-c", "corp", "password=corp")
        client("login", "corp", "--password=corp")
        client("index", "-c", "corp/pypi", "type=mirror", f"mirror_url={mirrored}", "mirror_cache_expiry=0",
               "mirror_no_project_list=True")  # fmt: skip
        client("index", "-c", "corp/prod", "bases=corp/pypi", f"mirror_whitelist={whitelist}")
        client("use", "corp/prod")
        client("upload", *(str(path) for path in sorted((folder / "files").iterdir())))
        yield Devpi(RealIndex(f"{origin}/corp/prod/+simple/"), RealIndex(f"{origin}/corp/pypi/+simple/"))


def run(folder: Path, program: Path, *words: str) -> None:
    """Run a command in a folder.

    :raises ServerError: it fails.
    """
    done = run_child([str(program), *words], cwd=folder, env=_environ(folder))
    if done.returncode != 0:
        raise ServerError(f"{program.name} {' '.join(words)} failed:\n{done.stdout}{done.stderr}")


@contextmanager
def simple_repository_server(folder: Path, dists: Sequence[Dist], behind: str) -> Iterator[RealIndex]:
    """Serve files with simple-repository-server, which asks the index ``behind`` only for names that it does not hold."""
    for dist in dists:
        write_file(dist, folder / "files" / normalised(dist.name))
    program = str(server_tools() / "simple-repository-server")

    def command(port: int) -> list[str]:
        return [program, "--host", "127.0.0.1", "--port", str(port), str(folder / "files"), behind]

    with serving(command, folder) as port:
        yield RealIndex(f"http://127.0.0.1:{port}/simple/")


def write_tree(folder: Path, dists: Sequence[Dist]) -> None:
    """Write a static index into ``folder``: ``simple/NAME/index.html`` and ``files/``, for any web server."""
    for name in {normalised(dist.name) for dist in dists}:
        listed = [Listed(dist) for dist in dists if normalised(dist.name) == name]
        page = folder / "simple" / name / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text(html_page(name, listed, "/files/"), encoding="utf-8")
    for dist in dists:
        write_file(dist, folder / "files")


def find_nginx() -> str | None:
    """Return the nginx of this machine, which may lie outside of PATH."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


@contextmanager
def nginx(folder: Path, dists: Sequence[Dist], certificate: Path, fallback: str | None = None) -> Iterator[RealIndex]:
    """Serve a static index over TLS with nginx.

    :param certificate: key and certificate in one PEM file.
    :param fallback: where it sends clients for unknown names; None: 404.
    :raises ServerError: there is no nginx, or it does not start.
    """
    program = find_nginx()
    if program is None:
        raise ServerError("there is no nginx on this machine")
    write_tree(folder / "tree", dists)
    # Started by root, its worker would be somebody else, who may not enter the folder of the tests.
    user = "user root root;" if os.geteuid() == 0 else ""
    missing = "" if fallback is None else "error_page 404 =302 @public;"
    if fallback is not None:
        missing += f" }} location @public {{ rewrite ^/simple/(.*)$ {fallback}$1 redirect;"

    def command(port: int) -> list[str]:
        text = _NGINX.read_text(encoding="utf-8").format(
            folder=folder, user=user, port=port, certificate=certificate, missing=missing
        )
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        return [program, "-e", "stderr", "-c", str(folder / "nginx.conf"), "-p", str(folder)]

    with serving(command, folder) as port:
        yield RealIndex(f"https://127.0.0.1:{port}/simple/")


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What a client must trust."""
        return self.folder / "ca.crt"

    @classmethod
    def create(cls, folder: Path) -> Authority:
        """Make a new authority in ``folder``, which is created.

        :raises ServerError: there is no openssl, or it fails.
        """
        folder.mkdir(parents=True)
        extensions = ("basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign,cRLSign")
        _openssl(folder, "req", "-x509", *_NEW_KEY, "-subj", "/CN=indexguard tests", "-days", "2",
                 *_options("-addext", extensions), "-keyout", "ca.key", "-out", "ca.crt")  # fmt: skip
        return cls(folder)

    def issue(self, name: str, alternatives: Sequence[str]) -> Path:
        """Return a PEM file with the key and certificate of a server.

        :param name: of the file.
        :param alternatives: what it is valid for, such as ``IP:127.0.0.1`` and ``DNS:packages.corp.example``.
        """
        _openssl(self.folder, "req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                 "-out", f"{name}.csr")  # fmt: skip
        lines = [
            f"subjectAltName={','.join(alternatives)}",
            "basicConstraints=critical,CA:false",
            "extendedKeyUsage=serverAuth",
            "authorityKeyIdentifier=keyid",  # Python 3.13 refuses a certificate without it
            "subjectKeyIdentifier=hash",
        ]
        (self.folder / f"{name}.ext").write_text("\n".join(lines), encoding="utf-8")
        _openssl(self.folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                 "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")  # fmt: skip
        both = self.folder / f"{name}.pem"
        both.write_text((self.folder / f"{name}.key").read_text() + (self.folder / f"{name}.crt").read_text())
        return both


_NEW_KEY = ("-newkey", "rsa:2048", "-nodes", "-sha256")


def _options(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _openssl(folder: Path, *words: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise ServerError("there is no openssl on this machine")
    run(folder, Path(program), *words)
