"""Where events go beside the file: standard error, syslog, journald; loaded only where one is configured.

What is sent is the line of the file, ``prev`` included where there is a file; to syslog less of it, where a daemon as it
is shipped would cut it off. Standard library only, and nothing that
is imported late: pip 26.3 refuses imports once installation has begun.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Protocol

from ..errors import cut
from ..policy.log import SyslogAddress
from .kinds import GUARD_FAILED, ROUTINE, SEALED
from .place import NO_HOME
from .shortening import shorten

if sys.platform == "linux":
    import fcntl

SEND_WAIT = 1.0
"""Seconds that a socket may take for one event."""
JOURNAL = "/run/systemd/journal/socket"

_AUTHPRIV = 10  # the facility of security messages (RFC 5424, table 1)
_ERROR, _WARNING, _INFO = 3, 4, 6
_STANDARD_ERROR = 2
_TOO_LARGE = (errno.EMSGSIZE, errno.ENOBUFS)
LONGEST_MESSAGE = 8000
"""Bytes of a syslog message: rsyslog, as it is shipped, keeps 8,096 of each, whatever it came over."""
_SMALL_DATAGRAM = 2000
"""Where a system takes no larger ones: a local socket of macOS takes 2,048 bytes."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def find_obstacle(path: Path) -> str | None:
    """Return what would keep ``AuditLog`` from writing there, as far as one can tell without writing; None if nothing."""
    if not path.is_absolute():
        return NO_HOME
    try:
        if path.is_symlink():
            return "it is a link"
        if path.exists():
            if not path.is_file():
                return "it is not a regular file"
            return None if os.access(path, os.W_OK) else "it is not yours to write"
        folder = next(parent for parent in path.parents if parent.exists())
    except OSError as error:
        return error.strerror or type(error).__name__
    if not folder.is_dir():
        return f"{folder} is not a folder"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} is not yours to write"


class Sink(Protocol):
    """Something that takes events."""

    name: str

    def send(self, line: bytes, event: Mapping[str, Any]) -> None:
        """Take one event.

        :raises OSError: it does not.
        """

    def find_obstacle(self) -> str | None:
        """Return what would keep it from taking events, as far as one can tell without sending one; None if nothing."""


class StandardError:
    """Standard error, for containers whose output is collected: the file that it is now.

    Where it is closed, its number is soon that of some other file: a download, or the log itself.
    """

    name = "stderr"

    def __init__(self) -> None:
        self._file = None if sys.__stderr__ is None else _status()

    def send(self, line: bytes, _event: Mapping[str, Any]) -> None:
        """Write the line.

        :raises OSError: it cannot be written, or it is closed.
        """
        self._check()
        with suppress(Exception):  # whatever stands in its place
            sys.stderr.flush()  # what pip has printed comes first
        data = line + b"\n"
        while data:
            data = data[os.write(_STANDARD_ERROR, data) :]

    def find_obstacle(self) -> str | None:
        """Return that it is closed, if it is."""
        try:
            self._check()
        except OSError as error:
            return error.strerror
        return None

    def _check(self) -> None:
        now = _status()
        if self._file is None or now is None or not os.path.samestat(self._file, now):
            raise OSError(errno.EBADF, "it is closed")


def _status() -> os.stat_result | None:
    try:
        return os.fstat(_STANDARD_ERROR)
    except OSError:
        return None


class Syslog:
    """A syslog daemon: one message for each event, whose text is the line, or what a daemon as it is shipped keeps of it.

    :param address: where it listens.
    """

    def __init__(self, address: SyslogAddress) -> None:
        self.name = f"syslog {address}"
        self._address = address
        self._socket: socket.socket | None = None

    def send(self, line: bytes, event: Mapping[str, Any]) -> None:
        """Send the message; how long it would be is the choice of whoever owns an index.

        :raises OSError: it cannot be sent.
        """
        try:
            self._deliver(self._frame(format_syslog(line, event, self._address, LONGEST_MESSAGE)))
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            self._deliver(format_syslog(line, event, self._address, _SMALL_DATAGRAM))
        if event.get("event") == SEALED:
            self._close()

    def _close(self) -> None:
        """Let the connection go; whatever comes after the end of a run makes another one."""
        kept, self._socket = self._socket, None
        if kept is not None:
            kept.close()

    def __del__(self) -> None:
        """Let the connection of a run without an end go."""
        self._close()

    def _frame(self, message: bytes) -> bytes:
        """Return a message as a connection needs it (RFC 6587): octets are counted, or a line ends in the BSD form."""
        if self._address.transport != "tcp":
            return message
        return message + b"\n" if self._address.is_bsd else b"%d %b" % (len(message), message)

    def _deliver(self, message: bytes) -> None:
        """Send it; over a connection that has broken once more over a new one."""
        kept, self._socket = self._socket, None
        if kept is not None:
            with suppress(OSError):
                self._send_over(kept, message)
                return
        self._send_over(self._connect(), message)

    def _send_over(self, connection: socket.socket, message: bytes) -> None:
        """Send a message over a connection, which is kept only if it has all of it: half a message spoils the next one."""
        try:
            connection.sendall(message)
        except BaseException:
            connection.close()
            raise
        self._socket = connection

    def find_obstacle(self) -> str | None:
        """Return why nobody can be reached there; of UDP only whether the host has an address."""
        return _why_not(self._connect)

    def _connect(self) -> socket.socket:
        if self._address.transport == "unix":
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            return _connected(made, self._address.place)
        kind = socket.SOCK_STREAM if self._address.transport == "tcp" else socket.SOCK_DGRAM
        failure = OSError("it has no address")
        for family, type_, protocol, place in self._find_places(kind):
            reached = _reach(socket.socket(family, type_, protocol), place)
            if not isinstance(reached, OSError):
                return reached
            failure = reached
        raise failure

    def _find_places(self, kind: socket.SocketKind) -> list[tuple[int, int, int, Any]]:
        try:
            found = socket.getaddrinfo(self._address.place, self._address.port, type=kind)
        except UnicodeError:
            raise OSError(errno.EINVAL, "that is no host name") from None
        return [(family, type_, protocol, place) for family, type_, protocol, _, place in found]


def format_syslog(
    line: bytes, event: Mapping[str, Any], address: SyslogAddress, longest: int = LONGEST_MESSAGE
) -> bytes:
    """Return a message: as RFC 5424 has it, or in the BSD form (RFC 3164), which local sockets expect without a host.

    :param longest: bytes of the message; see ``shorten``.
    """
    head = (_bsd_head if address.is_bsd else _head)(event, address)
    room = longest - len(head)
    return head + (line if len(line) <= room else shorten(line, event, room))


def _head(event: Mapping[str, Any], _address: SyslogAddress) -> bytes:
    priority = _AUTHPRIV * 8 + _severity(event)
    host = _printable(event.get("host"), 255)
    run = _printable(event.get("run"), 128)
    kind = _printable(event.get("event"), 32)
    head = f"<{priority}>1 {event.get('time') or '-'} {host} indexguard {run} {kind} - "
    return head.encode("ascii", "replace")


def _bsd_head(event: Mapping[str, Any], address: SyslogAddress) -> bytes:
    """Return the head as ``syslog(3)`` writes it: in local time."""
    now = time.localtime()
    host = "" if address.transport == "unix" else f"{_printable(event.get('host'), 255)} "
    clock = f"{_MONTHS[now.tm_mon - 1]} {now.tm_mday:2} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}"
    return f"<{_AUTHPRIV * 8 + _severity(event)}>{clock} {host}indexguard[{os.getpid()}]: ".encode("ascii", "replace")


def _printable(value: object, limit: int) -> str:
    text = "".join(char for char in value if "!" <= char <= "~") if isinstance(value, str) else ""
    return cut(text, limit, within=True) or "-"


def _severity(event: Mapping[str, Any]) -> int:
    kind = event.get("event")
    return _ERROR if kind == GUARD_FAILED else _INFO if kind in ROUTINE else _WARNING


class Journal:
    """systemd's journal, by its own protocol: a datagram of fields, or a sealed file in memory if that is too large.

    :param path: its socket.
    """

    name = "journald"

    def __init__(self, path: str) -> None:
        self._path = path

    def send(self, line: bytes, event: Mapping[str, Any]) -> None:
        """Send the event.

        :raises OSError: it cannot be sent.
        """
        data = format_journal(line, event)
        with _connected(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), self._path) as connection:
            try:
                connection.send(data)
            except OSError as error:
                if error.errno not in _TOO_LARGE or sys.platform != "linux":
                    raise
                _send_file(connection, data)

    def find_obstacle(self) -> str | None:
        """Return why nobody can be reached there."""
        return _why_not(lambda: _connected(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), self._path))


def format_journal(line: bytes, event: Mapping[str, Any]) -> bytes:
    """Return the fields of an entry, in the form that the journal takes and exports."""
    fields = {
        "MESSAGE": line,
        "PRIORITY": str(_severity(event)).encode("ascii"),
        "SYSLOG_IDENTIFIER": b"indexguard",
        "SYSLOG_FACILITY": str(_AUTHPRIV).encode("ascii"),
    }
    for name in ("event", "code", "name", "run"):
        if isinstance(event.get(name), str):
            fields[f"INDEXGUARD_{name.upper()}"] = event[name].encode("utf-8", "replace")
    return b"".join(_field(name, value) for name, value in fields.items())


def _field(name: str, value: bytes) -> bytes:
    """Return one field: with its length, so that a value may hold anything."""
    return b"%b\n%b%b\n" % (name.encode("ascii"), struct.pack("<Q", len(value)), value)


def _send_file(connection: socket.socket, data: bytes) -> None:
    """Send what is too large for a datagram as the journal takes it: a file in memory that nobody can change any more."""
    if sys.platform != "linux":
        return
    descriptor = os.memfd_create("indexguard", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        connection.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", descriptor))])
    finally:
        os.close(descriptor)


def _why_not(connect: Callable[[], socket.socket]) -> str | None:
    try:
        connect().close()
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__
    return None


def _reach(made: socket.socket, place: Any) -> socket.socket | OSError:
    try:
        return _connected(made, place)
    except OSError as error:
        return error


def _connected(made: socket.socket, place: Any) -> socket.socket:
    try:
        made.settimeout(SEND_WAIT)
        made.connect(place)
    except BaseException:
        made.close()
        raise
    return made
