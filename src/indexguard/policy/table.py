"""From the bytes of a policy file to its tables: the one door to ``tomli``, the values of keys, and all faults met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._vendor import tomli
from ..errors import Fault, escape, join_key
from ..tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_BYTES = 16 * 1024 * 1024
"""The largest policy file that is read."""

_MAX_FAULTS = 1000
"""How many faults are described; the others are counted."""
_MAX_SUGGESTIONS = 100
_MAX_CANDIDATES = 1000
TERMS = ("min-age", "formats", "require-hashes")
"""Keys of an index, an entry and ``[defaults]`` that say what is asked of files (``serving``)."""
_NOT_YET = "not yet supported in this version"


class SyntaxFaultError(Exception):
    """The file is not TOML."""


def parse(content: bytes) -> dict[str, Any]:
    """Return the file's tree.

    :raises SyntaxFaultError: it is too large, not UTF-8 or not TOML.
    """
    if len(content) > MAX_BYTES:
        raise SyntaxFaultError(f"found more than {MAX_BYTES // 1024 // 1024} MiB; a policy file is at most that large")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SyntaxFaultError(f"not UTF-8: byte 0x{content[error.start]:02X} in line {line}") from None
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SyntaxFaultError(f"not TOML: {escape(error.msg)} (at {where})") from None
    except RecursionError:
        raise SyntaxFaultError("not TOML that can be read: its arrays, tables or keys are nested too deeply") from None
    except ValueError:
        # Python's own limit on the digits of a number (4300).
        raise SyntaxFaultError("not TOML that can be read: it holds a number with too many digits") from None


class Keys(NamedTuple):
    """The keys of one table: those that are read, and those that a later version brings."""

    known: tuple[str, ...]
    later: tuple[str, ...] = ()


class TableReader:
    """Reads values by their kind and collects faults; what is faulty is replaced by a value that goes on."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.more_faults = 0
        """How many faults there are beside those."""
        self.has_terms = False
        """Whether an index or an entry says what is asked of files."""
        self.remembers = False
        """Whether something that is asked can only be answered by the ledger."""

    def fault(self, key: str, message: str, suggestion: str | None = None) -> None:
        """Note a fault."""
        if len(self.faults) < _MAX_FAULTS:
            self.faults.append(Fault(key, message, suggestion))
        else:
            self.more_faults += 1

    def found(self, key: str, value: object, words: str, suggestion: str | None = None) -> None:
        """Note a fault whose message begins with the value that was found."""
        from .hints import show  # noqa: PLC0415  # only where a policy has faults

        self.fault(key, f"found {show(value)}{words}", suggestion)

    def unexpected(self, key: str, found: object, expected: str, suggestion: str | None = None) -> None:
        """Note a value that is none of those expected."""
        self.found(key, found, f", expected {expected}", suggestion)

    def find_closest(self, text: object, candidates: Collection[str]) -> str | None:
        """Return what the writer probably meant; a search that takes long, so only for the first of many faults."""
        if not isinstance(text, str) or len(self.faults) >= _MAX_SUGGESTIONS or len(candidates) >= _MAX_CANDIDATES:
            return None
        from .hints import find_closest  # noqa: PLC0415  # only where a policy has faults

        return find_closest(text, candidates)

    def check_keys(self, key: str, table: Mapping[str, Any], keys: Keys) -> None:
        """Note the keys of a table that have no meaning."""
        for name in table:
            if name in keys.later:
                self.fault(join_key(key, name), _NOT_YET)
            elif name not in keys.known:
                self._unknown_key(key, name, keys)

    def _unknown_key(self, key: str, name: str, keys: Keys) -> None:
        from .hints import find_home  # noqa: PLC0415  # only where a policy has faults

        home = find_home(key, name)
        close = None if home else self.find_closest(name, (*keys.known, *keys.later))
        expected = "" if close else f"; expected one of {', '.join(keys.known)}"
        self.fault(join_key(key, name), f"unknown key here: {home}" if home else f"unknown key{expected}", close)

    def table(self, key: str, value: object, keys: Keys) -> dict[str, Any]:
        """Return a table whose keys have been looked at; an empty one for what is none."""
        if not isinstance(value, dict):
            self.unexpected(key, value, "a table")
            return {}
        self.check_keys(key, value, keys)
        return value

    def choice(self, key: str, table: Mapping[str, Any], choices: tuple[str, ...]) -> str:
        """Return the value of a key that is one of a few words; the first is the default."""
        value = table.get(key.rpartition(".")[2], choices[0])
        if value in choices and isinstance(value, str):
            return value
        self.unexpected(key, value, " or ".join(f'"{choice}"' for choice in choices), self.find_closest(value, choices))
        return choices[0]

    def flag(self, key: str, table: Mapping[str, Any], *, default: bool) -> bool:
        """Return the value of a key that is true or false."""
        value = table.get(key.rpartition(".")[2], default)
        if isinstance(value, bool):
            return value
        close = value.lower() if isinstance(value, str) and value.lower() in ("true", "false") else None
        self.unexpected(key, value, "true or false", close)
        return default

    def items(self, key: str, value: object, of: str) -> list[Any]:
        """Return a list that is not empty."""
        if isinstance(value, list) and value:
            return value
        self.unexpected(key, value, f"a list of {of}")
        return []
