"""The tables that few policies have, read where a file has them: ``[log]``, ``[direct-urls]``, ``[[merge]]`` and ``[[shadow.known]]``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..patterns import Name, normalise_name, parse_pattern
from .hints import find_url
from .identity import Location, UnknownLocation, parse_reference
from .log import LogSettings, SyslogAddress
from .model import DirectUrls, Known
from .narrow import read_date, read_reason
from .table import Keys, TableReader

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .entries import Entries

_KNOWN = Keys(("packages", "reason", "expires"))
_MERGE = Keys(("packages", "indexes"))
_DIRECT_URLS = Keys(("requested", "transitive", "allow", "redirects"))

_SINKS = ("file", "stderr", "syslog", "journald")
_DEV_LOG = SyslogAddress("unix", "/dev/log")
_SYSLOG = re.compile(r"(?P<transport>udp|tcp)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/:@?#\[\]]+):(?P<port>[0-9]{1,5})")
_SIZE = re.compile(r"([0-9]{1,12}) ?(KiB|MiB|GiB)")
_SMALLEST = 64 * 2**10
_SIZES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_AGE = re.compile(r"([0-9]{1,6}) ?(h|d|w)")
_AGES = {"h": "hours", "d": "days", "w": "weeks"}


def read_log(reader: TableReader, table: Mapping[str, Any]) -> LogSettings:
    """Return what ``[log]`` says of places and limits."""
    before = len(reader.faults)
    sinks = ("file",) if "sinks" not in table else _sinks(reader, table["sinks"])
    is_meant = "syslog" in sinks or len(reader.faults) > before
    addresses: tuple[SyslogAddress, ...] = (_DEV_LOG,) if "syslog" in sinks else ()
    if "syslog" in table:
        value = table["syslog"]
        texts = [value] if isinstance(value, str) else reader.items("log.syslog", value, "addresses, or one address")
        found = [_syslog(reader, f"log.syslog[{place}]", text) for place, text in enumerate(texts)]
        if not is_meant:
            reader.fault("log.syslog", 'has no effect: log.sinks has no "syslog"')
        addresses = tuple(address for address in found if address is not None)
    if "syslog-format" in table:
        form = reader.choice("log.syslog-format", table, ("bsd", "rfc5424"))
        if not is_meant:
            reader.fault("log.syslog-format", 'has no effect: log.sinks has no "syslog"')
        addresses = tuple(address._replace(form=form) for address in addresses)
    return LogSettings(
        sinks=sinks,
        syslog=addresses,
        max_size=_size(reader, "log.max-size", table),
        max_age=_age(reader, "log.max-age", table),
    )


def _sinks(reader: TableReader, value: object) -> tuple[str, ...]:
    expected = " or ".join(f'"{sink}"' for sink in _SINKS)
    found: dict[str, None] = {}
    for place, sink in enumerate(reader.items("log.sinks", value, f"sinks: {expected}")):
        key = f"log.sinks[{place}]"
        if not isinstance(sink, str) or sink not in _SINKS:
            reader.unexpected(key, sink, expected, reader.find_closest(sink, _SINKS))
        elif sink in found:
            reader.found(key, sink, " twice")
        else:
            found[sink] = None
    return tuple(found) or ("file",)


def _syslog(reader: TableReader, key: str, text: object) -> SyslogAddress | None:
    if isinstance(text, str):
        if text.startswith("unix:/") and text.isprintable():
            return SyslogAddress("unix", text[len("unix:") :])
        found = _SYSLOG.fullmatch(text)
        if found and 0 < int(found["port"]) < 2**16:
            return SyslogAddress(found["transport"], found["host"].strip("[]"), int(found["port"]))
    reader.unexpected(key, text, "unix:/dev/log, udp://HOST:PORT or tcp://HOST:PORT, without a user name")
    return None


def _size(reader: TableReader, key: str, table: Mapping[str, Any]) -> int | None:
    found = _number(reader, key, table, _SIZE, 'a size of at least 64 KiB, such as "100 MiB"')
    size = None if found is None else found[0] * _SIZES[found[1]]
    if size is not None and size < _SMALLEST:
        reader.unexpected(key, table["max-size"], 'a size of at least 64 KiB, such as "100 MiB"')
    return size


def _age(reader: TableReader, key: str, table: Mapping[str, Any]) -> timedelta | None:
    found = _number(reader, key, table, _AGE, 'an age, such as "12h", "30d" or "4w"')
    return None if found is None else timedelta(**{_AGES[found[1]]: found[0]})


def _number(
    reader: TableReader, key: str, table: Mapping[str, Any], pattern: re.Pattern[str], expected: str
) -> tuple[int, str] | None:
    """Return a number and its unit."""
    name = key.rpartition(".")[2]
    if name not in table:
        return None
    value = table[name]
    found = pattern.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) == 0:
        reader.unexpected(key, value, expected)
        return None
    return int(found[1]), found[2]


def read_known(reader: TableReader, shadow: Mapping[str, Any]) -> tuple[Known, ...]:
    """Return every ``[[shadow.known]]``."""
    tables = shadow["known"]
    if not isinstance(tables, list) or not tables:
        reader.unexpected("shadow.known", tables, "tables of the form [[shadow.known]]")
        return ()
    places: dict[Name, str] = {}
    return tuple(_known(reader, f"shadow.known[{place}]", table, places) for place, table in enumerate(tables))


def _known(reader: TableReader, key: str, value: object, places: dict[Name, str]) -> Known:
    table = reader.table(key, value, _KNOWN)
    names = []
    if "packages" in table:
        for place, text in enumerate(reader.items(f"{key}.packages", table["packages"], "project names")):
            name = _exact_name(reader, f"{key}.packages[{place}]", text, places)
            names += [] if name is None else [name]
    elif isinstance(value, dict):
        reader.fault(f"{key}.packages", "missing; expected the names of public projects that you know of")
    return Known(key, frozenset(names), read_reason(reader, key, table), read_date(reader, f"{key}.expires", table))


def _exact_name(reader: TableReader, key: str, text: object, places: dict[Name, str]) -> Name | None:
    try:
        is_exact = isinstance(text, str) and parse_pattern(text).exact
    except ValueError:
        is_exact = False
    if not is_exact:
        reader.unexpected(key, text, "the name of one project: no pattern and no version")
        return None
    name = normalise_name(str(text))
    first = places.setdefault(name, key)
    if first != key:
        reader.found(key, text, f", but `{name}` stands in {first} already")
    return name


def read_direct_urls(reader: TableReader, tree: Mapping[str, Any]) -> DirectUrls:
    """Return what ``[direct-urls]`` says."""
    key = "direct-urls"
    table = reader.table(key, tree.get(key, {}), _DIRECT_URLS)
    allow = _prefixes(reader, f"{key}.allow", table)
    return DirectUrls(
        requested=reader.choice(f"{key}.requested", table, ("allow", "block")),
        transitive=reader.choice(f"{key}.transitive", table, ("block", "allow")),
        allow=allow,
        redirects=_prefixes(reader, f"{key}.redirects", table),
    )


def _prefixes(reader: TableReader, key: str, table: Mapping[str, Any]) -> tuple[Location, ...]:
    name = key.rpartition(".")[2]
    if name not in table:
        return ()
    texts = reader.items(key, table[name], "URL prefixes")
    found = [_prefix(reader, f"{key}[{place}]", text) for place, text in enumerate(texts)]
    return tuple(prefix for prefix in found if prefix is not None)


def _prefix(reader: TableReader, key: str, text: object) -> Location | None:
    expected = "a URL prefix, such as https://files.corp.example/wheels/ or git+https://git.corp.example/team/"
    if not isinstance(text, str) or text == "pypi":
        reader.unexpected(key, text, expected)
        return None
    try:
        return parse_reference(text)
    except UnknownLocation as reason:
        reader.unexpected(key, text, f"{expected}: {reason}", find_url(text))
        return None


def read_merges(reader: Entries, tree: Mapping[str, Any], indexes: Collection[str]) -> None:
    """Read every ``[[merge]]`` into the rules.

    :param indexes: the names of all indexes, in the order of the file.
    """
    merges = tree.get("merge")
    if merges is None:
        return
    if not isinstance(merges, list) or not merges:
        reader.unexpected("merge", merges, "tables of the form [[merge]]")
        return
    for place, value in enumerate(merges):
        _merge(reader, f"merge[{place}]", value, indexes)


def _merge(reader: Entries, key: str, value: object, known: Collection[str]) -> None:
    table = reader.table(key, value, _MERGE)
    if not isinstance(value, dict):
        return
    indexes = _merge_indexes(reader, f"{key}.indexes", table.get("indexes"), known)
    if "packages" in table:
        reader.packages(f"{key}.packages", table["packages"], indexes)
    else:
        reader.fault(f"{key}.packages", "missing; expected the names that may come from several indexes")


def _merge_indexes(reader: TableReader, key: str, value: object, indexes: Collection[str]) -> tuple[str, ...]:
    expected = "a list of at least two different names of indexes in this file"
    if value is None:
        reader.fault(key, f"missing; expected {expected}")
        return ()
    if not isinstance(value, list):
        reader.unexpected(key, value, expected)
        return ()
    known: dict[str, None] = {}
    for place, name in enumerate(value):
        if not isinstance(name, str):
            reader.unexpected(f"{key}[{place}]", name, "the name of an index in this file")
        elif name not in indexes:
            close = reader.find_closest(name, indexes)
            reader.unexpected(f"{key}[{place}]", name, "the name of an index in this file", close)
        elif name in known:
            reader.found(f"{key}[{place}]", name, " twice")
        else:
            known[name] = None
    if len(value) == 1:
        reader.fault(key, f"found one name, expected {expected}")
    elif not value:
        reader.unexpected(key, value, expected)
    return tuple(name for name in indexes if name in known)
