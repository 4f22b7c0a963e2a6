"""From the bytes of a policy file to a ``Policy``, or to all its faults at once: the one door to ``tomli``.

What each key means stands in the policy's description; here is what each may hold. Nothing is ignored: a key that is
not known, and one that a later version brings, are faults.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from .._vendor import tomli
from ..errors import Fault, PolicyError, escape
from ..patterns import Pattern, normalise_names, parse_pattern, parse_range, split_entry
from .identity import PYPI, Location, UnknownLocation, parse_location, parse_reference, redact
from .log import LogSettings, SyslogAddress
from .model import DirectUrls, FilesFrom, Index, Policy, join_key
from .rules import Rule, Rules

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ..patterns import SpecifierSet

__all__ = ["MAX_BYTES", "read_policy"]

MAX_BYTES = 16 * 1024 * 1024
"""The largest policy file that is read."""

_MAX_FAULTS = 1000
"""How many faults are described; the others are counted."""
_MAX_SUGGESTIONS = 100
_MAX_CANDIDATES = 1000

_NOT_YET = "not yet supported in this version"
_HAS_CREDENTIALS = re.compile(r"[^/]*//[^/?#]*@")
_PLAIN_HOST = re.compile(r"[^/:@?#\\]+|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True)
class _Keys:
    """The keys of one table: those that are read, and those that a later version brings."""

    known: tuple[str, ...]
    later: tuple[str, ...] = ()


_FILE = _Keys(
    ("version", "mode", "indexes", "merge", "shadow", "direct-urls", "local", "when-nothing-left", "defaults", "log"),
    ("deny", "advisories", "typosquat"),
)
_LATER = ("min-age", "formats", "require-hashes")
_INDEX = _Keys(("url", "insecure", "packages", "namespaces", "public", "files-from"), _LATER)
_ENTRY = _Keys(("name", "version", "reason", "expires"), _LATER)
_MERGE = _Keys(("packages", "indexes"))
_SHADOW = _Keys(("probe", "action"))
_DIRECT_URLS = _Keys(("requested", "transitive", "allow"))
_DEFAULTS = _Keys(("files-from",), _LATER)
_LOG = _Keys(("sinks", "on-failure", "syslog", "max-size", "max-age"))

_SINKS = ("file", "stderr", "syslog", "journald")
_DEV_LOG = SyslogAddress("unix", "/dev/log")
_SYSLOG = re.compile(r"(?P<transport>udp|tcp)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/:@?#\[\]]+):(?P<port>[0-9]{1,5})")
_SIZE = re.compile(r"([0-9]{1,12}) ?(KiB|MiB|GiB)")
_SMALLEST = 64 * 2**10
_SIZES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_AGE = re.compile(r"([0-9]{1,6}) ?(h|d|w)")
_AGES = {"h": "hours", "d": "days", "w": "weeks"}


def read_policy(content: bytes, path: str) -> Policy:
    """Read the bytes of a policy file.

    :param path: the file, for messages; it is not opened.
    :raises PolicyError: with every fault of the file: its key, what was found and what was expected.
    """
    try:
        tree = _parse(content)
    except _SyntaxFaultError as fault:
        raise PolicyError(path, [Fault("", str(fault))]) from None
    reader = _Reader()
    policy = reader.read(tree, path)
    if reader.faults:
        raise PolicyError(path, reader.faults, more=reader.more_faults)
    return policy


class _SyntaxFaultError(Exception):
    """The file is not TOML."""


def _parse(content: bytes) -> dict[str, Any]:
    """Return the file's tree.

    :raises _SyntaxFaultError: it is too large, not UTF-8 or not TOML.
    """
    if len(content) > MAX_BYTES:
        raise _SyntaxFaultError(f"found more than {MAX_BYTES // 1024 // 1024} MiB; a policy file is at most that large")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _SyntaxFaultError(f"not UTF-8: byte 0x{content[error.start]:02X} in line {line}") from None
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _SyntaxFaultError(f"not TOML: {escape(error.msg)} (at {where})") from None
    except RecursionError:
        raise _SyntaxFaultError("not TOML that can be read: its arrays, tables or keys are nested too deeply") from None
    except ValueError:
        # Python's own limit on the digits of a number (4300).
        raise _SyntaxFaultError("not TOML that can be read: it holds a number with too many digits") from None


class _Reader:
    """Walks through the tree once and collects faults; what is faulty is replaced by a value that goes on."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.more_faults = 0
        """How many faults there are beside those."""
        self._rules = Rules()
        self._places: dict[Location, tuple[str, str]] = {}
        self._index_names: dict[str, None] = {}  # in their order

    def read(self, tree: dict[str, Any], path: str) -> Policy:
        """Return the policy; it means something only if no fault was found."""
        self._check_keys("", tree, _FILE)
        self._version(tree)
        mode = self._choice("mode", tree, ("enforce", "audit"))
        local = self._choice("local", tree, ("allow", "block"))
        when_nothing_left = self._choice("when-nothing-left", tree, ("refuse", "backtrack"))
        shadow = self._table("shadow", tree.get("shadow", {}), _SHADOW)
        log = self._table("log", tree.get("log", {}), _LOG)
        defaults = self._table("defaults", tree.get("defaults", {}), _DEFAULTS)
        default_files = self._files_from("defaults.files-from", defaults)
        indexes = self._indexes(tree, default_files)
        self._merges(tree)
        return Policy(
            mode=mode,
            indexes=indexes,
            rules=self._rules,
            probe=self._choice("shadow.probe", shadow, ("always", "never")),
            shadow_action=self._choice("shadow.action", shadow, ("drop", "abort")),
            local=local,
            when_nothing_left=when_nothing_left,
            direct_urls=self._direct_urls(tree),
            log=self._log(log),
            log_failure=self._choice("log.on-failure", log, ("warn", "block")),
            path=path,
        )

    def _log(self, table: Mapping[str, Any]) -> LogSettings:
        before = len(self.faults)
        sinks = ("file",) if "sinks" not in table else self._sinks(table["sinks"])
        is_meant = "syslog" in sinks or len(self.faults) > before
        addresses: tuple[SyslogAddress, ...] = (_DEV_LOG,) if "syslog" in sinks else ()
        if "syslog" in table:
            value = table["syslog"]
            texts = [value] if isinstance(value, str) else self._list("log.syslog", value, "addresses, or one address")
            found = [self._syslog(f"log.syslog[{place}]", text) for place, text in enumerate(texts)]
            if not is_meant:
                self._fault("log.syslog", 'has no effect: log.sinks has no "syslog"')
            addresses = tuple(address for address in found if address is not None)
        return LogSettings(
            sinks=sinks,
            syslog=addresses,
            max_size=self._size("log.max-size", table),
            max_age=self._age("log.max-age", table),
        )

    def _sinks(self, value: object) -> tuple[str, ...]:
        expected = " or ".join(f'"{sink}"' for sink in _SINKS)
        found: dict[str, None] = {}
        for place, sink in enumerate(self._list("log.sinks", value, f"sinks: {expected}")):
            key = f"log.sinks[{place}]"
            if not isinstance(sink, str) or sink not in _SINKS:
                close = self._find_closest(sink, _SINKS) if isinstance(sink, str) else None
                self._unexpected(key, sink, expected, close)
            elif sink in found:
                self._fault(key, f"found {_show(sink)} twice")
            else:
                found[sink] = None
        return tuple(found) or ("file",)

    def _syslog(self, key: str, text: object) -> SyslogAddress | None:
        if isinstance(text, str):
            if text.startswith("unix:/") and text.isprintable():
                return SyslogAddress("unix", text[len("unix:") :])
            found = _SYSLOG.fullmatch(text)
            if found and 0 < int(found["port"]) < 2**16:
                return SyslogAddress(found["transport"], found["host"].strip("[]"), int(found["port"]))
        self._unexpected(key, text, "unix:/dev/log, udp://HOST:PORT or tcp://HOST:PORT, without a user name")
        return None

    def _size(self, key: str, table: Mapping[str, Any]) -> int | None:
        found = self._number(key, table, _SIZE, 'a size of at least 64 KiB, such as "100 MiB"')
        size = None if found is None else found[0] * _SIZES[found[1]]
        if size is not None and size < _SMALLEST:
            self._unexpected(key, table["max-size"], 'a size of at least 64 KiB, such as "100 MiB"')
        return size

    def _age(self, key: str, table: Mapping[str, Any]) -> timedelta | None:
        found = self._number(key, table, _AGE, 'an age, such as "12h", "30d" or "4w"')
        return None if found is None else timedelta(**{_AGES[found[1]]: found[0]})

    def _number(
        self, key: str, table: Mapping[str, Any], pattern: re.Pattern[str], expected: str
    ) -> tuple[int, str] | None:
        """Return a number and its unit."""
        name = key.rpartition(".")[2]
        if name not in table:
            return None
        value = table[name]
        found = pattern.fullmatch(value) if isinstance(value, str) else None
        if found is None or int(found[1]) == 0:
            self._unexpected(key, value, expected)
            return None
        return int(found[1]), found[2]

    def _direct_urls(self, tree: Mapping[str, Any]) -> DirectUrls:
        key = "direct-urls"
        table = self._table(key, tree.get(key, {}), _DIRECT_URLS)
        prefixes: list[Location | None] = []
        if "allow" in table:
            texts = self._list(f"{key}.allow", table["allow"], "URL prefixes")
            prefixes = [self._prefix(f"{key}.allow[{place}]", text) for place, text in enumerate(texts)]
        return DirectUrls(
            requested=self._choice(f"{key}.requested", table, ("allow", "block")),
            transitive=self._choice(f"{key}.transitive", table, ("block", "allow")),
            allow=tuple(prefix for prefix in prefixes if prefix is not None),
        )

    def _prefix(self, key: str, text: object) -> Location | None:
        expected = "a URL prefix, such as https://files.corp.example/wheels/ or git+https://git.corp.example/team/"
        if not isinstance(text, str) or text == "pypi":
            self._unexpected(key, text, expected)
            return None
        try:
            return parse_reference(text)
        except UnknownLocation as reason:
            self._unexpected(key, text, f"{expected}: {reason}", _find_url(text))
            return None

    # Kinds of values

    def _fault(self, key: str, message: str, suggestion: str | None = None) -> None:
        if len(self.faults) < _MAX_FAULTS:
            self.faults.append(Fault(key, message, suggestion))
        else:
            self.more_faults += 1

    def _unexpected(self, key: str, found: object, expected: str, suggestion: str | None = None) -> None:
        self._fault(key, f"found {_show(found)}, expected {expected}", suggestion)

    def _find_closest(self, text: str, candidates: Collection[str]) -> str | None:
        """Return what the writer probably meant; a search that takes long, so only for the first of many faults."""
        few = len(self.faults) < _MAX_SUGGESTIONS and len(candidates) < _MAX_CANDIDATES
        return _find_closest(text, candidates) if few else None

    def _check_keys(self, key: str, table: Mapping[str, Any], keys: _Keys) -> None:
        for name in table:
            if name in keys.later:
                self._fault(join_key(key, name), _NOT_YET)
            elif name not in keys.known:
                close = self._find_closest(name, (*keys.known, *keys.later))
                known = "" if close else f"; expected one of {', '.join(keys.known)}"
                self._fault(join_key(key, name), f"unknown key{known}", close)

    def _table(self, key: str, value: object, keys: _Keys) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._unexpected(key, value, "a table")
            return {}
        self._check_keys(key, value, keys)
        return value

    def _choice(self, key: str, table: Mapping[str, Any], choices: tuple[str, ...]) -> str:
        """Return the value of a key that is one of a few words; the first is the default."""
        value = table.get(key.rpartition(".")[2], choices[0])
        if value in choices and isinstance(value, str):
            return value
        close = self._find_closest(value, choices) if isinstance(value, str) else None
        self._unexpected(key, value, " or ".join(f'"{choice}"' for choice in choices), close)
        return choices[0]

    def _flag(self, key: str, table: Mapping[str, Any], *, default: bool) -> bool:
        value = table.get(key.rpartition(".")[2], default)
        if isinstance(value, bool):
            return value
        close = value.lower() if isinstance(value, str) and value.lower() in ("true", "false") else None
        self._unexpected(key, value, "true or false", close)
        return default

    def _list(self, key: str, value: object, of: str) -> list[Any]:
        """Return a list that is not empty."""
        if isinstance(value, list) and value:
            return value
        self._unexpected(key, value, f"a list of {of}")
        return []

    # The file

    def _version(self, tree: Mapping[str, Any]) -> None:
        value = tree.get("version")
        if value is None:
            self._fault("version", "missing; expected `version = 1`")
        elif type(value) is not int or value != 1:
            self._unexpected("version", value, "1, the only version that this indexguard knows")

    def _indexes(self, tree: Mapping[str, Any], default_files: tuple[FilesFrom, ...] | None) -> tuple[Index, ...]:
        tables = tree.get("indexes")
        if tables is None:
            return ()
        if not isinstance(tables, dict) or not tables:
            self._unexpected("indexes", tables, "a table for each index, such as [indexes.corp]")
            tables = {}
        self._index_names = dict.fromkeys(tables)
        return tuple(self._index(name, table, default_files) for name, table in tables.items())

    def _index(self, name: str, value: object, default_files: tuple[FilesFrom, ...] | None) -> Index:
        key = join_key("indexes", name)
        if not name or not name.isprintable():
            self._fault(key, "an index needs a name that can be printed")
        table = self._table(key, value, _INDEX)
        if not isinstance(value, dict):
            return Index(name, ())
        insecure = self._flag(f"{key}.insecure", table, default=False)
        urls = self._urls(f"{key}.url", table, name, insecure=insecure)
        if "packages" not in table and "namespaces" not in table:
            self._fault(key, "an index needs at least one entry in `packages` or `namespaces`: what it may serve")
        if "packages" in table:
            self._packages(f"{key}.packages", table["packages"], (name,))
        if "namespaces" in table:
            self._namespaces(f"{key}.namespaces", table["namespaces"], (name,))
        files = self._files_from(f"{key}.files-from", table)
        return Index(
            name,
            tuple(location for location, _ in urls),
            public=self._flag(f"{key}.public", table, default=any(location == PYPI for location, _ in urls)),
            says_public="public" in table,
            files_from=default_files if files is None else files,
            has_credentials=any(_HAS_CREDENTIALS.match(text) for _, text in urls),
        )

    def _urls(self, key: str, table: Mapping[str, Any], name: str, *, insecure: bool) -> list[tuple[Location, str]]:
        value = table.get("url")
        if value is None:
            self._fault(key, 'missing; expected a URL, a list of URLs, or "pypi"')
            return []
        if isinstance(value, str):
            found = [self._url(key, value, name, insecure=insecure)]
        else:
            texts = self._list(key, value, "URLs, or one URL")
            found = [self._url(f"{key}[{place}]", text, name, insecure=insecure) for place, text in enumerate(texts)]
        return [pair for pair in found if pair is not None]

    def _url(self, key: str, text: object, name: str, *, insecure: bool) -> tuple[Location, str] | None:
        if not isinstance(text, str):
            self._unexpected(key, text, 'a URL or "pypi"')
            return None
        try:
            location = parse_location(text)
        except UnknownLocation as reason:
            self._unexpected(key, text, f'a URL with one meaning, or "pypi": {reason}', _find_url(text))
            return None
        if location.scheme == "http" and not location.is_loopback and not insecure:
            self._unexpected(
                key, text, "https: anyone on the way can change what http brings (or set `insecure = true`)"
            )
        owner, first = self._places.setdefault(location, (name, key))
        if first == key:
            return location, text
        if owner == name:
            self._fault(key, f"found {_show(text)}, the same place as {first}")
        else:
            self._fault(key, f"found {_show(text)}, the same place as {first}; two indexes need two places")
        return None

    def _files_from(self, key: str, table: Mapping[str, Any]) -> tuple[FilesFrom, ...] | None:
        if "files-from" not in table:
            return None
        texts = self._list(key, table["files-from"], "hosts or URL prefixes")
        places = (self._file_place(f"{key}[{place}]", text) for place, text in enumerate(texts))
        return tuple(place for place in places if place is not None)

    def _file_place(self, key: str, text: object) -> FilesFrom | None:
        expected = "a host, such as files.corp.example, or a URL prefix"
        if not isinstance(text, str):
            self._unexpected(key, text, expected)
        elif text == "pypi":
            self._unexpected(key, text, f"{expected}: `pypi` stands for an index, not for the host of its files")
        elif "://" not in text and not _PLAIN_HOST.fullmatch(text):
            self._unexpected(key, text, expected)
        else:
            try:
                if "://" in text:
                    return FilesFrom(None, parse_location(text))
                return FilesFrom(parse_location(f"https://{text}/").host, None)
            except UnknownLocation as reason:
                self._unexpected(key, text, f"{expected}: {reason}")
        return None

    # Entries

    def _packages(self, key: str, value: object, indexes: tuple[str, ...]) -> None:
        entries = self._list(key, value, "entries that is not empty")
        bare = normalise_names(entries)
        places: Sequence[int] = bare.others
        # Bare names, the many, go in at once; where one is a repetition, each is looked at to name both places.
        if not self._rules.add_names(bare.names, indexes, key, bare.places):
            places = range(len(entries))
        for place in places:
            self._entry(f"{key}[{place}]", entries[place], indexes)

    def _entry(self, key: str, entry: object, indexes: tuple[str, ...]) -> None:
        if isinstance(entry, dict):
            self._entry_table(key, entry, indexes)
            return
        if not isinstance(entry, str):
            self._unexpected(key, entry, 'a name, a pattern, a name with versions such as "numpy>=2", or a table')
            return
        try:
            pattern_text, versions_text = split_entry(entry)
        except ValueError:
            pattern_text, versions_text = entry, ""
        pattern = self._pattern(key, pattern_text, entry)
        versions = self._range(key, versions_text) if versions_text and pattern else None
        if pattern is not None:
            self._add(Rule(pattern, indexes, key, versions), entry)

    def _entry_table(self, key: str, value: dict[str, Any], indexes: tuple[str, ...]) -> None:
        table = self._table(key, value, _ENTRY)
        name = table.get("name")
        pattern = None
        if name is None:
            self._fault(f"{key}.name", "missing; expected a name or a pattern")
        elif not isinstance(name, str):
            self._unexpected(f"{key}.name", name, "a name or a pattern")
        else:
            pattern = self._pattern(f"{key}.name", name, name)
        versions = None
        if "version" in table:
            text = table["version"]
            if isinstance(text, str) and text.strip():
                versions = self._range(f"{key}.version", text)
            else:
                self._unexpected(f"{key}.version", text, 'a version range, such as ">=2,<3"')
        reason = table.get("reason")
        if reason is not None and not isinstance(reason, str):
            self._unexpected(f"{key}.reason", reason, "a text")
        expires = self._date(f"{key}.expires", table)
        if pattern is not None:
            self._add(Rule(pattern, indexes, key, versions, reason, expires), str(name))

    def _pattern(self, key: str, text: str, found: str) -> Pattern | None:
        try:
            return parse_pattern(text)
        except ValueError:
            expected = "a project name, a prefix ending in `*`, or `*`" + _explain_pattern(found)
            self._unexpected(key, found, expected, _find_prefix(text))
            return None

    def _range(self, key: str, text: str) -> SpecifierSet | None:
        try:
            return parse_range(text)
        except ValueError:
            close = _find_range(text)
            self._unexpected(key, text, 'a version range as PEP 440 defines it, such as ">=2,<3"', close)
            return None

    def _date(self, key: str, table: Mapping[str, Any]) -> date | None:
        value = table.get("expires")
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        close = None
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            close = f"expires = {value}"
        elif isinstance(value, datetime):
            close = f"expires = {value.date().isoformat()}"
        self._unexpected(key, value, "a date without quotes and without a time, such as 2027-01-31", close)
        return None

    def _namespaces(self, key: str, value: object, indexes: tuple[str, ...]) -> None:
        for place, text in enumerate(self._list(key, value, "names that is not empty")):
            self._namespace(f"{key}[{place}]", text, indexes)

    def _namespace(self, key: str, text: object, indexes: tuple[str, ...]) -> None:
        expected = "a name without `*`: `acme` stands for `acme` and `acme-*`"
        if not isinstance(text, str):
            self._unexpected(key, text, expected)
            return
        pattern = _find_exact(text)
        if pattern is None:
            close = _find_exact(text[: -1 if text.endswith("*") else None].rstrip("-_."))
            self._unexpected(key, text, expected, str(close) if close else None)
            return
        # One fault is enough where both patterns of a namespace are there already.
        if self._add(Rule(pattern, indexes, key), text):
            self._add(Rule(Pattern(f"{pattern.stem}-", exact=False), indexes, key), text)

    def _add(self, rule: Rule, found: str) -> bool:
        first = self._rules.add(rule)
        if first is None:
            return True
        self._fault(
            rule.key,
            f"found {_show(found)}, but the pattern `{rule.pattern}` stands in {first.key} already;"
            " a name from several indexes needs a [[merge]]",
        )
        return False

    def _merges(self, tree: Mapping[str, Any]) -> None:
        merges = tree.get("merge")
        if merges is None:
            return
        if not isinstance(merges, list) or not merges:
            self._unexpected("merge", merges, "tables of the form [[merge]]")
            return
        for place, value in enumerate(merges):
            self._merge(f"merge[{place}]", value)

    def _merge(self, key: str, value: object) -> None:
        table = self._table(key, value, _MERGE)
        if not isinstance(value, dict):
            return
        indexes = self._merge_indexes(f"{key}.indexes", table.get("indexes"))
        if "packages" in table:
            self._packages(f"{key}.packages", table["packages"], indexes)
        else:
            self._fault(f"{key}.packages", "missing; expected the names that may come from several indexes")

    def _merge_indexes(self, key: str, value: object) -> tuple[str, ...]:
        expected = "a list of at least two different names of indexes in this file"
        if value is None:
            self._fault(key, f"missing; expected {expected}")
            return ()
        if not isinstance(value, list):
            self._unexpected(key, value, expected)
            return ()
        known: dict[str, None] = {}
        for place, name in enumerate(value):
            if not isinstance(name, str):
                self._unexpected(f"{key}[{place}]", name, "the name of an index in this file")
            elif name not in self._index_names:
                close = self._find_closest(name, self._index_names)
                self._unexpected(f"{key}[{place}]", name, "the name of an index in this file", close)
            elif name in known:
                self._fault(f"{key}[{place}]", f"found {_show(name)} twice")
            else:
                known[name] = None
        if len(value) == 1:
            self._fault(key, f"found one name, expected {expected}")
        elif not value:
            self._unexpected(key, value, expected)
        return tuple(name for name in self._index_names if name in known)


def _show(value: object) -> str:
    """Return a value as a policy file would write it, fit for a terminal: short, without credentials."""
    if isinstance(value, str):
        text = escape(redact(value) if "@" in value else value)
        return f'"{text}"' if len(text) <= 100 else f'"{text[:100]}..."'  # noqa: PLR2004  # a line's worth
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (list, dict)):
        kind = "list" if isinstance(value, list) else "table"
        return f"a {kind}" if value else f"an empty {kind}"
    # repr() of an integer fails above 4300 digits.
    return "a very large integer" if isinstance(value, int) and abs(value) >= 10**20 else repr(value)


def _find_closest(text: str, candidates: Collection[str]) -> str | None:
    import difflib  # noqa: PLC0415  # only where a policy has faults

    close = difflib.get_close_matches(text.lower().replace("_", "-")[:100], candidates, 1)
    return close[0] if close else None


def _find_range(text: str) -> str | None:
    """Return the range that a bare version, or `=2.0`, was probably meant to be."""
    bare = text.strip().lstrip("= ")
    try:
        parse_range(f"=={bare}")
    except ValueError:
        return None
    return f"=={bare}"


def _find_url(text: str) -> str | None:
    """Return what a text that is no URL was probably meant to be."""
    if text.strip().lower() == "pypi":
        return "pypi"
    if "://" in text or "@" in text or "." not in text.partition("/")[0]:
        return None
    url = f"https://{text}"
    try:
        parse_location(url)
    except UnknownLocation:
        return None
    return redact(url)


def _find_prefix(text: str) -> str | None:
    """Return the prefix that ``acme-`` was probably meant to be."""
    try:
        return f"{text}*" if text.endswith(("-", "_", ".")) and parse_pattern(f"{text}*") else None
    except ValueError:
        return None


def _find_exact(text: str) -> Pattern | None:
    try:
        pattern = parse_pattern(text)
    except ValueError:
        return None
    return pattern if pattern.exact else None


def _explain_pattern(text: str) -> str:
    if text.startswith(("!", "-", "^")):
        return "; there is no negation: the most specific pattern of the file decides"
    if "://" in text:
        return "; a URL stands in `url`"
    if "*" in text[:-1]:
        return "; `*` may only be the last character"
    if "[" in text or ";" in text:
        return "; extras and markers do not count"
    if re.search("[<>=~]", text):
        return "; versions stand in `version`"
    return ""
