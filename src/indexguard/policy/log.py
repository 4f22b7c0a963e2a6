"""The table ``[log]``: where the audit log goes, and when a file of it is full."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from ..tuples import NamedTuple


class SyslogAddress(NamedTuple):
    """Where a syslog daemon listens."""

    transport: str
    """``unix`` (a datagram socket), ``udp`` or ``tcp``."""
    place: str
    """The path of the socket, or the host."""
    port: int = 0
    form: str = ""
    """Of its messages: ``bsd`` or ``rfc5424``; empty for what is usual there."""

    @property
    def is_bsd(self) -> bool:
        """Whether messages have the BSD form, as local sockets expect it, and not that of RFC 5424."""
        return self.form == "bsd" or (not self.form and self.transport == "unix")

    def __str__(self) -> str:
        if self.transport == "unix":
            return f"unix:{self.place}"
        host = f"[{self.place}]" if ":" in self.place else self.place
        return f"{self.transport}://{host}:{self.port}"


USUAL_SIZE = 64 * 1024 * 1024
"""Bytes of a log file where no policy says otherwise."""
KEPT = 8
"""How many full files there are then; of a log that a policy limits none is removed."""


class LogSettings(NamedTuple):
    """Where ``[log]`` sends events, and when a log file is full."""

    sinks: tuple[str, ...] = ("file",)
    """``file``, ``stderr``, ``syslog``, ``journald``."""
    syslog: tuple[SyslogAddress, ...] = ()
    """Where syslog listens, if it is among the sinks."""
    max_size: int | None = None
    """Bytes of a log file; None for no limit of its own."""
    max_age: timedelta | None = None
    """Of its first line; None for no limit."""

    @property
    def is_unlimited(self) -> bool:
        """Whether no policy says when a file is full: then the usual size counts, and so many full files are kept."""
        return self.max_size is None and self.max_age is None

    @classmethod
    def combine(cls, settings: Iterable[LogSettings]) -> LogSettings:
        """Combine those of several layers, whatever their mode: no layer takes a sink away; the smallest limits count."""
        found = list(settings) or [cls()]
        addresses: dict[tuple[object, ...], SyslogAddress] = {}
        for address in (address for each in found for address in each.syslog):
            addresses.setdefault(address[:3], address)  # of one address the first layer's form counts
        return cls(
            sinks=tuple(dict.fromkeys(sink for each in found for sink in each.sinks)),
            syslog=tuple(addresses.values()),
            max_size=min((each.max_size for each in found if each.max_size is not None), default=None),
            max_age=min((each.max_age for each in found if each.max_age is not None), default=None),
        )


USUAL_LOG = LogSettings()
