"""The tables that few policies have, read where a file has them: ``[log]``, ``[direct-urls]``, ``[[merge]]`` and ``[[shadow.known]]``."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any

from .. import hiding
from ..errors import TOKEN, Fault, PolicyError, hiders, join_key
from ..patterns import Name, normalise_name, parse_pattern
from .hints import find_url
from .identity import Location, UnknownLocation, parse_reference, redact
from .log import LogSettings, SyslogAddress
from .model import MAY_MEAN_ABSENT, NEVER_ABSENT, DirectUrls, Known, Layer
from .table import MAX_BYTES, Keys, TableReader
from .trust import read_trusted
from .values import read_last_day, read_number, read_reason, read_size

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .entries import Entries
    from .model import Index, Policy
    from .trust import Trust

_KNOWN = Keys(("packages", "reason", "expires"))
_MERGE = Keys(("packages", "indexes"))
_DIRECT_URLS = Keys(("requested", "transitive", "allow", "redirects"))

_WRITTEN = "%7Btoken%7D"
_BRACE = re.compile("%7[BD]")
_SEGMENT_WITH_BRACES = re.compile(r"(?<=[^/:])/[^/]*[{}][^/]*")

_SINKS = ("file", "stderr", "syslog", "journald")
_DEV_LOG = SyslogAddress("unix", "/dev/log")
_SYSLOG = re.compile(r"(?P<transport>udp|tcp)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/:@?#\[\]]+):(?P<port>[0-9]{1,5})")
_AGE = "([0-9]{1,6}) ?(h|d|w)"
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
        max_size=read_size(reader, "log.max-size", table),
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


def _age(reader: TableReader, key: str, table: Mapping[str, Any]) -> timedelta | None:
    found = read_number(reader, key, table, _AGE, 'an age, such as "12h", "30d" or "4w"')
    return None if found is None else timedelta(**{_AGES[found[1]]: found[0]})


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
    return Known(key, frozenset(names), read_reason(reader, key, table), read_last_day(reader, f"{key}.expires", table))


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
        return read_tokens(reader, key, text, parse_reference(text))
    except UnknownLocation as reason:
        reader.unexpected(key, text, f"{expected}: {reason}", find_url(text))
        return None


def read_tokens(reader: TableReader, key: str, text: str, place: Location) -> Location:
    """Return a place in which each segment that is written ``{token}`` stands for any one segment."""
    segments = tuple(TOKEN if segment == _WRITTEN else segment for segment in place.segments) if "{" in text else ()
    if TOKEN not in segments and not any(_BRACE.search(segment) for segment in segments):
        return place
    if any(_BRACE.search(segment) for segment in segments if segment != TOKEN):
        meant = _SEGMENT_WITH_BRACES.sub(f"/{TOKEN}", redact(text))
        reader.unexpected(key, text, f"`{TOKEN}` as a whole segment of the path; nothing else stands for a text", meant)
    elif segments[-1] == TOKEN:
        reader.unexpected(key, text, f"at least one segment after `{TOKEN}`, that says which index of the host it is")
    else:
        hiding.add_place(place.scheme.rpartition("+")[2], place.host, place.port, segments)
        if hiding.hide not in hiders:
            hiders.append(hiding.hide)
    return place._replace(segments=segments)


def check_tokens(reader: TableReader, indexes: Sequence[Index]) -> None:
    """Note URLs of two indexes that one URL can match."""
    hiding.add_literals(segment for index in indexes for url in index.urls for segment in url.segments)
    for one, other in combinations(indexes, 2):
        alike = [(url, place) for url in one.urls for place in other.urls if _can_be_one(url, place)]
        for url, place in alike:
            message = (
                f"`{place}` and `{url}` of {join_key('indexes', one.name)} can be one URL; two indexes need two places"
            )
            reader.fault(f"{join_key('indexes', other.name)}.url", message)


def _can_be_one(one: Location, other: Location) -> bool:
    pairs = list(zip(one.segments, other.segments))
    is_alike = one[:3] == other[:3] and len(one.segments) == len(other.segments)
    return is_alike and TOKEN in one.segments + other.segments and all(a == b or _may_be(a, b) for a, b in pairs)


def _may_be(one: str, other: str) -> bool:
    return TOKEN in (one, other) and "%2F" not in one + other


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


def find_merged(merges: object) -> set[str]:
    """Return the indexes that some ``[[merge]]`` names, whatever else is wrong with it."""
    lists = [merge.get("indexes") for merge in merges if isinstance(merge, dict)] if isinstance(merges, list) else []
    return {name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)}


def read_statuses(reader: TableReader, key: str, value: object) -> frozenset[int]:
    """Return the statuses that mean "no such name here"."""
    found = set()
    for place, status in enumerate(reader.items(key, value, "statuses, such as [403]")):
        if type(status) is int and status in MAY_MEAN_ABSENT:
            found.add(status)
        else:
            never = ", ".join(map(str, NEVER_ABSENT))
            reader.unexpected(f"{key}[{place}]", status, f"a number from 400 to 499 that is none of {never}")
    return frozenset(found)


def read_ca(reader: TableReader, key: str, value: object, urls: Sequence[Location]) -> str | None:
    """Return the path of an index's own certificates.

    :param urls: of the index.
    """
    if not isinstance(value, str) or not value or "\0" in value:
        reader.unexpected(key, value, "the path of a PEM file, absolute or relative to this file")
        return None
    if any(url.scheme not in ("https", "pypi") for url in urls):
        reader.fault(key, "needs https: there is nothing to verify in a URL of another kind")
    return value


def find_tls_places(index: Index) -> tuple[tuple[str, int | None], ...]:
    """Return host and port of each place that an index's pages and files come from by TLS.

    An empty host stands for that of ``pypi``; None for any port.
    """
    urls = [url for url in index.urls if url.scheme in ("https", "pypi")]
    files = index.files_from or ()
    urls += [it.prefix for it in files if it.prefix is not None and it.prefix.scheme == "https"]
    hosts = [(it.host, None) for it in files if it.host is not None]
    return tuple(dict.fromkeys([*((url.host, url.port) for url in urls), *hosts]))


def read_certificates(policy: Policy, kind: str, trust: Trust | None) -> dict[str, str]:
    """Return the PEM text of each index's ``ca``, by the index's name.

    :param kind: of the layer.
    :param trust: whom to trust with them; None: anybody, where a file is only looked at.
    :raises PolicyError: one is not there, cannot be trusted or holds no certificate; or two of them claim one host.
    """
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for index in policy.indexes:
        if index.ca is not None:
            text, reasons = _read_certificate(os.path.join(os.path.dirname(policy.path), index.ca), kind, trust)
            found[index.name] = text
            faults += [Fault(_ca_key(index), reason) for reason in reasons]
    if not faults:
        faults = _find_conflicts(
            [(policy, index, found[index.name]) for index in policy.indexes if index.ca is not None]
        )
    if faults:
        raise PolicyError(policy.path, faults)
    return found


def _read_certificate(path: str, kind: str, trust: Trust | None) -> tuple[str, list[str]]:
    """Return the text of a PEM file, and why it cannot be used."""
    import _ssl  # noqa: PLC0415  # few policies have certificates

    try:
        # The places of machine and interpreter are trusted in more ways; what INDEXGUARD_POLICY names is another file.
        read = read_trusted(path, trust, kind=kind if kind in ("machine", "interpreter") else "ca")
    except PolicyError as error:
        return "", [fault.message for fault in error.faults]
    if read is None:
        return "", [f"there is no file {path}"]
    # What is cut off at the end has no last line.
    text = read.content[:MAX_BYTES].decode("ascii", "replace")
    store = _ssl._SSLContext(_ssl.PROTOCOL_TLS_CLIENT)  # noqa: SLF001  # whatever stands in the place of the public class
    try:
        store.load_verify_locations(cadata=text)
    except (ValueError, OSError):
        return "", [f"{path} holds no certificate that can be read; expected a PEM file"]
    return text, []


def find_conflicts(layers: Sequence[Layer]) -> list[PolicyError]:
    """Return the fault of each layer whose certificates for a host are not those of a layer before it."""
    claims = [
        (layer.policy, index, layer.certificates[index.name])
        for layer in layers
        if layer.enforces
        for index in layer.policy.indexes
        if index.name in layer.certificates
    ]
    return [PolicyError(path, [fault]) for path, fault in _conflicts(claims)]


def _find_conflicts(claims: Sequence[tuple[Policy, Index, str]]) -> list[Fault]:
    return [fault for _, fault in _conflicts(claims)]


def _conflicts(claims: Sequence[tuple[Policy, Index, str]]) -> list[tuple[str, Fault]]:
    found = []
    for (first, one, pem), (second, other, other_pem) in combinations(claims, 2):
        shared = [
            host
            for host, port in find_tls_places(one)
            for place, at in find_tls_places(other)
            if host == place and (port == at or None in (port, at))
        ]
        if pem != other_pem and shared:
            where = "" if first is second else f" in {first.path}"
            host = shared[0] or "pypi"
            message = f"is another file than that of {_ca_key(one)}{where}, for the same host {host}"
            found.append((second.path, Fault(_ca_key(other), message)))
    return found


def _ca_key(index: Index) -> str:
    return f"{join_key('indexes', index.name)}.ca"
