"""Real log daemons on loopback and on sockets of their own, each a child process that is up between enter and exit.

rsyslog and systemd-journal-remote come from the machine. syslog-ng cannot be installed beside rsyslog: where it is not
there, its packages are fetched from the machine's apt sources and unpacked into the cache folder.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket

from indexguard.policy.log import SyslogAddress
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
    """A syslog daemon that is up, with the configuration that its package installs: only places are others."""

    process: subprocess.Popen[bytes]
    addresses: Mapping[str, SyslogAddress]
    """Its ways in, by a name."""
    kept: Path
    """Where it keeps what has come of our facility."""

    def wait_for(self, lines: int, runs: Iterable[str]) -> dict[str, list[bytes]]:
        """Wait until so many messages of each run came, and return them.

        :raises ServerError: they did not come in time.
        """
        wanted = {run: f'"run":"{run}"'.encode() for run in runs}

        def find(mark: bytes) -> list[bytes]:
            return [line for line in _lines(self.kept) if mark in line]

        have_all_come = comes_true(
            self.process, lambda: all(len(find(mark)) >= lines for mark in wanted.values()), _READY_LIMIT
        )
        found = {run: find(mark) for run, mark in wanted.items()}
        if not have_all_come:
            raise ServerError(f"received {[(run, len(each)) for run, each in found.items()]} of {lines}")
        return found


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.exists() else []


_RSYSLOG = CASES["rsyslog"]
_RSYSLOG_CONF = Path("/etc/rsyslog.conf")
_SYSLOG_NG_CASES = CASES["syslog_ng"]
_SYSLOG_NG_CONF = Path("/etc/syslog-ng/syslog-ng.conf")


def _as_shipped(conf: Path, changes: Sequence[Sequence[str]], places: Mapping[str, object]) -> str:
    """Return a configuration with other places.

    :raises ServerError: it is another one than is known.
    """
    text = conf.read_text("utf-8")
    for pattern, new in changes:
        for name, place in places.items():
            new = new.replace(f"{{{name}}}", str(place))  # noqa: PLW2901  # it is the same text
        text, times = re.subn(pattern, lambda _, new=new: new, text)  # type: ignore[misc]  # a default
        if not times:
            raise ServerError(f"{conf} is not as Debian ships it: it has no {pattern}")
    return text


def find_rsyslog() -> str | None:
    """Return the rsyslogd of this machine, which may lie outside of PATH."""
    return shutil.which("rsyslogd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


def rsyslog(folder: Path, log: Path) -> AbstractContextManager[Listening]:
    """Run rsyslog, which also follows a log file.

    :raises ServerError: it does not come up.
    """
    program = find_rsyslog()
    if program is None or not _RSYSLOG_CONF.exists():
        raise ServerError(f"there is no rsyslogd on this machine, or no {_RSYSLOG_CONF}")
    command = [program, "-n", "-f", str(folder / _CONF), "-i", str(folder / "pid")]
    return _running(folder, log, (_RSYSLOG_CONF, _RSYSLOG), command)


@dataclass(frozen=True)
class Unpacked:
    """A syslog-ng, wherever it lies."""

    program: str
    conf: Path = _SYSLOG_NG_CONF
    modules: str | None = None
    libraries: str = ""


@functools.cache
def find_syslog_ng() -> Unpacked | None:
    """Return the syslog-ng of this machine, or one that is unpacked from its apt sources; None if there is none."""
    program = shutil.which("syslog-ng", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if program is not None:
        return Unpacked(program)
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
    return Unpacked(unpacked, folder / "root" / _SYSLOG_NG_CONF.relative_to("/"), str(modules), libraries)


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
    return _running(folder, log, (found.conf, _SYSLOG_NG_CASES), command, found.libraries)


@contextmanager
def _running(
    folder: Path,
    log: Path,
    conf_text: tuple[Path, Sequence[Sequence[str]]],
    command: Sequence[str],
    libraries: str = "",
) -> Iterator[Listening]:
    names = ("udp", "tcp", "udp5424", "tcp5424")
    ports = {name: free_port() for name in names}
    unix = folder / "socket"
    text = _as_shipped(*conf_text, {"folder": folder, "log": log, "unix": unix, **ports})
    (folder / _CONF).write_text(text, "utf-8")
    addresses = {"unix": SyslogAddress("unix", str(unix))}
    for name in names:
        transport, form = name[:3], name[3:] and "rfc5424"
        is_other = f"port({ports[name]})" in text  # syslog-ng has other ports for the two forms
        if is_other or not form:
            addresses[name] = SyslogAddress(transport, "127.0.0.1", ports[name], form or "bsd")
        else:
            addresses[name] = SyslogAddress(transport, "127.0.0.1", ports[transport])
    output = folder / "output.txt"
    process = started(command, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": libraries}, output)
    try:
        _wait_until_up(process, unix, ports["tcp"], output)
        yield Listening(process, addresses, folder / "auth.log")
    finally:
        stop(process)


def _wait_until_up(process: subprocess.Popen[bytes], unix: Path, tcp: int, output: Path) -> None:
    if not comes_true(process, lambda: unix.exists() and listens(tcp), _READY_LIMIT):
        raise ServerError(f"the daemon is not up:\n{output.read_text(errors='replace')}")


# The journal

JOURNALD = Path("/lib/systemd/systemd-journald")
_IN_NAMESPACE = "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log && mkdir -p /run/systemd/journal /run/log/journal && exec "


def find_journald() -> str | None:
    """Return why systemd-journald cannot be run here, as it is shipped, beside the machine's own; None if it can."""
    missing = [str(path) for path in (JOURNALD, "/usr/bin/journalctl", "/usr/bin/unshare") if not Path(path).exists()]
    if missing:
        return f"missing: {', '.join(missing)}"
    done = run_child(
        ["/usr/bin/unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/run"]
    )
    return f"it needs a mount namespace: {done.stderr.strip()}" if done.returncode else None


@dataclass(frozen=True)
class Journald:
    """A systemd-journald of its own, with its own ``/run`` and ``/var/log``."""

    run: Path
    """Its ``/run``, as we see it."""

    @property
    def syslog(self) -> SyslogAddress:
        """What it has ``/dev/log`` lead to."""
        return SyslogAddress("unix", str(self.run / "systemd/journal/dev-log"))

    @property
    def socket(self) -> Path:
        """The one of its own protocol."""
        return self.run / "systemd/journal/socket"

    def read(self, *options: str) -> list[bytes]:
        """Return what ``journalctl -o json`` prints of our program."""
        words = ["-D", str(self.run / "log/journal"), "--output=json", "--no-pager", "-t", "indexguard", *options]
        done = run_child(["/usr/bin/env", "journalctl", *words], check=True)
        return [line.encode() for line in done.stdout.splitlines()]

    def wait_for(self, entries: int) -> None:
        """Wait until so many have come.

        :raises ServerError: they did not come in time.
        """
        deadline = time.monotonic() + _READY_LIMIT
        while len(self.read()) < entries:
            if time.monotonic() > deadline:
                raise ServerError(f"{len(self.read())} entries of {entries}")


@contextmanager
def journald(folder: Path) -> Iterator[Journald]:
    """Run systemd-journald as it is shipped.

    :raises ServerError: it does not come up.
    """
    output = folder / "output.txt"
    command = ["/usr/bin/unshare", "--mount", "--propagation", "private", "sh", "-c", _IN_NAMESPACE + str(JOURNALD)]
    process = started(command, os.environ, output)
    try:
        found = Journald(Path(f"/proc/{process.pid}/root/run"))
        if not comes_true(process, lambda: Path(found.syslog.place).exists() and found.socket.exists(), _READY_LIMIT):
            raise ServerError(f"the journal is not up:\n{output.read_text(errors='replace')}")
        yield found
    finally:
        stop(process)


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
