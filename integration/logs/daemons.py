"""Real log daemons on loopback and on sockets of their own, each a child process that is up between enter and exit.

rsyslog and systemd-journal-remote come from the machine. syslog-ng cannot be installed beside rsyslog: where it is not
there, its packages are fetched from the machine's apt sources and unpacked into the cache folder.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket

from integration.harness.cases import read_cases
from integration.harness.children import run_child
from integration.harness.pips import cache_folder, locked
from integration.harness.servers import ServerError, comes_true, free_port, listens, started, stop

CASES = read_cases(__file__)

JOURNAL_REMOTE = Path("/lib/systemd/systemd-journal-remote")
_READY_LIMIT = 60  # seconds until a daemon must listen, and until it must have written what was sent
_CONF = "daemon.conf"
_SYSLOG_NG = ("syslog-ng-core", "libivykis0", "libnet1", "libwrap0", "libpcre3", "libjson-c5")


@dataclass(frozen=True)
class Listening:
    """A syslog daemon that is up."""

    process: subprocess.Popen[bytes]
    unix: Path
    udp: int
    tcp: int
    received: Mapping[str, Path]
    """What it has received, a message a line, by the way in: ``unix``, ``udp``, ``tcp``, ``file``."""

    def wait_for(self, lines: int) -> dict[str, list[bytes]]:
        """Wait until so many messages came each way, and return them.

        :raises ServerError: they did not come in time.
        """

        def have_come() -> bool:
            return all(len(_lines(path)) >= lines for path in self.received.values())

        have_all_come = comes_true(self.process, have_come, _READY_LIMIT)
        found = {way: _lines(path) for way, path in self.received.items()}
        if not have_all_come:
            raise ServerError(f"received {[(way, len(each)) for way, each in found.items()]} of {lines}")
        return found


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.exists() else []


_RSYSLOG = CASES["rsyslog"]
_RSYSLOG_WAY = 'ruleset(name="{way}") {{ action(type="omfile" file="{path}" template="text" asyncWriting="off") }}\n'

_SYSLOG_NG_CONF = CASES["syslog_ng"]
_SYSLOG_NG_WAY = (
    'destination to_{way} {{ file("{path}" template("${{MESSAGE}}\\n")); }};'
    " log {{ source({way}); destination(to_{way}); }};\n"
)


def find_rsyslog() -> str | None:
    """Return the rsyslogd of this machine, which may lie outside of PATH."""
    return shutil.which("rsyslogd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


def rsyslog(folder: Path, log: Path) -> AbstractContextManager[Listening]:
    """Run rsyslog, which also follows a log file.

    :raises ServerError: it does not come up.
    """
    program = find_rsyslog()
    if program is None:
        raise ServerError("there is no rsyslogd on this machine")
    command = [program, "-n", "-f", str(folder / _CONF), "-i", str(folder / "pid")]
    return _running(folder, log, (_RSYSLOG, _RSYSLOG_WAY), command)


@dataclass(frozen=True)
class Unpacked:
    """A syslog-ng, wherever it lies."""

    program: str
    version: str
    modules: str | None = None
    libraries: str = ""


@functools.cache
def find_syslog_ng() -> Unpacked | None:
    """Return the syslog-ng of this machine, or one that is unpacked from its apt sources; None if there is none."""
    program = shutil.which("syslog-ng", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if program is not None:
        return Unpacked(program, _version_of([program], {}))
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg")
    if apt is None or dpkg is None:
        return None
    folder = cache_folder() / "syslog-ng"
    with locked(folder.with_name("syslog-ng.lock")):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            if subprocess.run(
                [apt, "-q", "download", *_SYSLOG_NG], cwd=folder, capture_output=True, check=False
            ).returncode:
                return None
            for archive in folder.glob("*.deb"):
                subprocess.run([dpkg, "-x", archive, folder / "root"], check=True)
            (folder / "complete").touch()
    (library,) = folder.glob("root/usr/lib/syslog-ng/libsyslog-ng-*.so.0")
    (modules,) = {path.parent for path in folder.glob("root/usr/lib/syslog-ng/*/libaffile.so")}
    more = {path.parent for path in folder.glob("root/**/libivykis.so.0")} | {
        path.parent for path in folder.glob("root/**/libpcre.so.3")
    }
    libraries = ":".join(map(str, [library.parent, *sorted(more)]))
    unpacked = str(folder / "root" / "usr" / "sbin" / "syslog-ng")
    return Unpacked(unpacked, _version_of([unpacked], {"LD_LIBRARY_PATH": libraries}), str(modules), libraries)


def _version_of(command: Sequence[str], environ: Mapping[str, str]) -> str:
    done = run_child([*command, "--version"], env=dict(environ))
    line = next(line for line in done.stdout.splitlines() if line.startswith("Config version: "))
    return line.partition(": ")[2]


def syslog_ng(folder: Path, log: Path) -> AbstractContextManager[Listening]:
    """Run syslog-ng, which also follows a log file.

    :raises ServerError: it does not come up.
    """
    found = find_syslog_ng()
    if found is None:
        raise ServerError("there is no syslog-ng on this machine, nor in its apt sources")
    state = [f"--{option}={folder / option}" for option in ("persist-file", "control", "pidfile")]
    modules = [] if found.modules is None else [f"--module-path={found.modules}"]
    command = [found.program, "-F", "-f", str(folder / _CONF), *state, "--no-caps", *modules]
    conf = _SYSLOG_NG_CONF.replace("{version}", found.version)
    return _running(folder, log, (conf, _SYSLOG_NG_WAY), command, found.libraries)


@contextmanager
def _running(
    folder: Path, log: Path, conf_text: tuple[str, str], command: Sequence[str], libraries: str = ""
) -> Iterator[Listening]:
    head, way = conf_text
    received = {name: folder / f"{name}.txt" for name in ("unix", "udp", "tcp", "file")}
    udp, tcp = free_port(), free_port()
    unix = folder / "socket"
    text = head.lstrip().format(folder=folder, log=log, unix=unix, udp=udp, tcp=tcp)
    text += "".join(way.format(way=name, path=path) for name, path in received.items())
    (folder / _CONF).write_text(text, "utf-8")
    output = folder / "output.txt"
    process = started(command, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": libraries}, output)
    try:
        _wait_until_up(process, unix, tcp, output)
        yield Listening(process, unix, udp, tcp, received)
    finally:
        stop(process)


def _wait_until_up(process: subprocess.Popen[bytes], unix: Path, tcp: int, output: Path) -> None:
    if not comes_true(process, lambda: unix.exists() and listens(tcp), _READY_LIMIT):
        raise ServerError(f"the daemon is not up:\n{output.read_text(errors='replace')}")


# The journal


@dataclass
class Journal:
    """A socket that takes the journal's datagrams and hands them on to a real systemd-journal-remote, as an export."""

    path: Path
    """Of the socket."""
    target: int
    """Where systemd-journal-remote listens."""
    file: Path
    entries: list[bytes] = field(default_factory=list)

    def upload(self) -> None:
        """Hand on what has come.

        :raises ServerError: it was not accepted.
        """
        now = int(time.time() * 1_000_000)
        body = b"".join(
            b"__REALTIME_TIMESTAMP=%d\n%b\n" % (now + number, entry) for number, entry in enumerate(self.entries)
        )
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=_READY_LIMIT)
        connection.request(
            "POST", "/upload", body=iter([body]), headers={"Content-Type": "application/vnd.fdo.journal"},
            encode_chunked=True,
        )  # fmt: skip
        answer = connection.getresponse()
        if answer.status not in (200, 202):
            raise ServerError(f"systemd-journal-remote: {answer.status} {answer.read()!r}")
        connection.close()

    def read(self) -> list[dict[str, str]]:
        """Return the entries as journalctl prints them."""
        done = run_child(["/usr/bin/env", "journalctl", "--file", self.file, "--output=json", "--all", "--no-pager"], check=True)  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def journal(folder: Path) -> Iterator[Journal]:
    """Run systemd-journal-remote, and a socket before it.

    :raises ServerError: it does not come up.
    """
    file, port, output = folder / "remote.journal", free_port(), folder / "output.txt"
    command = [str(JOURNAL_REMOTE), f"--listen-http=127.0.0.1:{port}", "--split-mode=none", f"--output={file}"]
    with socket(AF_UNIX, SOCK_DGRAM) as taking:
        process = started(command, os.environ, output)
        found = Journal(folder / "journal", port, file)
        taking.bind(str(found.path))
        thread = threading.Thread(target=_take, args=(taking, found.entries))
        thread.start()
        try:
            _wait_until_up(process, found.path, port, output)
            yield found
        finally:
            with socket(AF_UNIX, SOCK_DGRAM) as last:
                last.sendto(b"", str(found.path))
            thread.join()
            stop(process)


def _take(taking: socket, entries: list[bytes]) -> None:
    while True:
        data, control, _, _ = taking.recvmsg(4 * 1024 * 1024, 64)
        if control:  # too large for a datagram: a file in memory
            descriptor = int.from_bytes(control[0][2][:4], "little")
            data = os.pread(descriptor, 64 * 1024 * 1024, 0)
            os.close(descriptor)
        if not data:
            return
        entries.append(data)
