"""From the bytes of a policy file to a ``Policy``, or to all its faults at once: the one door to ``tomli``.

What each key means stands in the policy's description; here is what each may hold. Nothing is ignored: a key that is
not known, and one that a later version brings, are faults.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import TOKEN, Fault, PolicyError, join_key
from .entries import Entries
from .identity import PYPI, Location, UnknownLocation, parse_location, parse_reference
from .log import USUAL_LOG
from .model import DirectUrls, FilesFrom, Index, Policy
from .table import MAX_BYTES, TERMS, Keys, SyntaxFaultError, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["MAX_BYTES", "read_policy"]

_HAS_CREDENTIALS = re.compile(r"[^/]*//[^/?#]*@")
_PLAIN_HOST = re.compile(r"[^/:@?#\\]+|\[[0-9A-Fa-f:.]+\]")


_SERVED = ("status", "provenance", "waive", "deny", "advisories")
"""Tables that say what may be served, not only by whom."""
_FILE = Keys(
    (
        *("version", "mode", "indexes", "merge", "shadow", "direct-urls", "local"),
        *("when-nothing-left", "defaults", "log", "ledger", "typosquat", *_SERVED),
    ),
    ("extends", "policy", "expect"),
)
_INDEX = Keys(
    ("url", "insecure", "packages", "namespaces", "public", "files-from", "not-found-status", "ca", *TERMS),
    ("packages-file",),
)
_SHADOW = Keys(("probe", "action", "same-file", "known"))
_DEFAULTS = Keys(("files-from", *TERMS))
_TYPOSQUAT = Keys(("action", "protect", "names-file"))
_LOG = Keys(("sinks", "on-failure", "syslog", "syslog-format", "max-size", "max-age"))


def read_policy(content: bytes, path: str) -> Policy:
    """Read the bytes of a policy file.

    :param path: the file, for messages; it is not opened.
    :raises PolicyError: with every fault of the file: its key, what was found and what was expected.
    """
    try:
        tree = parse(content)
    except SyntaxFaultError as fault:
        raise PolicyError(path, [Fault("", str(fault))]) from None
    reader = _Reader()
    policy = reader.read(tree, path)
    if reader.faults:
        raise PolicyError(path, reader.faults, more=reader.more_faults)
    return policy


class _Reader(Entries):
    """Walks through the tree once and collects faults."""

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[Location, tuple[str, str]] = {}

    def read(self, tree: dict[str, Any], path: str) -> Policy:
        """Return the policy; it means something only if no fault was found."""
        self.check_keys("", tree, _FILE)
        self._version(tree)
        mode = self.choice("mode", tree, ("enforce", "audit"))
        local = self.choice("local", tree, ("allow", "block"))
        when_nothing_left = self.choice("when-nothing-left", tree, ("refuse", "backtrack"))
        shadow = self.table("shadow", tree.get("shadow", {}), _SHADOW)
        log = self.table("log", tree.get("log", {}), _LOG)
        typosquat = self.table("typosquat", tree.get("typosquat", {}), _TYPOSQUAT)
        defaults = self.table("defaults", tree.get("defaults", {}), _DEFAULTS)
        default_files = self._files_from("defaults.files-from", defaults)
        indexes = self._indexes(tree, default_files)
        probe = self.choice("shadow.probe", shadow, ("always", "never"))
        same_file = self.choice("shadow.same-file", shadow, ("warn", "drop"))
        if same_file == "drop" and probe != "always":
            self.fault(
                "shadow.same-file", '"drop" needs `probe = "always"`: the public index has to be asked for its files'
            )
        has_sections = not tree.keys().isdisjoint(("direct-urls", "log", "merge")) or "known" in shadow
        if has_sections:
            sections = _sections()
            sections.read_merges(self, tree, [index.name for index in indexes])
        return Policy(
            mode=mode,
            indexes=indexes,
            rules=self.rules,
            probe=probe,
            shadow_action=self.choice("shadow.action", shadow, ("drop", "abort")),
            same_file=same_file,
            known=sections.read_known(self, shadow) if "known" in shadow else (),
            local=local,
            when_nothing_left=when_nothing_left,
            direct_urls=sections.read_direct_urls(self, tree) if has_sections else DirectUrls(),
            log=sections.read_log(self, log) if has_sections else USUAL_LOG,
            log_failure=self.choice("log.on-failure", log, ("warn", "block")),
            typo_action=self.choice("typosquat.action", typosquat, ("warn", "block", "off")),
            **self._served(tree, defaults, typosquat, path, indexes),
            path=path,
        )

    # The file

    def _version(self, tree: Mapping[str, Any]) -> None:
        value = tree.get("version")
        if value is None:
            self.fault("version", "missing; expected `version = 1`")
        elif type(value) is not int or value != 1:
            self.unexpected("version", value, "1, the only version that this indexguard knows")

    def _served(
        self,
        tree: Mapping[str, Any],
        defaults: Mapping[str, Any],
        typosquat: Mapping[str, Any],
        path: str,
        indexes: tuple[Index, ...],
    ) -> dict[str, Any]:
        """Return what a file says of what may be served, as fields of the policy; most say nothing of it."""
        told = (
            self.has_terms or not tree.keys().isdisjoint(("ledger", *_SERVED)) or not defaults.keys().isdisjoint(TERMS)
        )
        if not told and typosquat.keys().isdisjoint(("protect", "names-file")):
            return {}
        from .serving.reading import read_served  # noqa: PLC0415  # few policies have what it reads

        return read_served(self, tree, defaults, typosquat, path=path, indexes=[index.name for index in indexes])

    def _indexes(self, tree: Mapping[str, Any], default_files: tuple[FilesFrom, ...] | None) -> tuple[Index, ...]:
        tables = tree.get("indexes")
        if tables is None:
            return ()
        if not isinstance(tables, dict) or not tables:
            self.unexpected("indexes", tables, "a table for each index, such as [indexes.corp]")
            tables = {}
        merged = _sections().find_merged(tree["merge"]) if "merge" in tree else ()
        indexes = tuple(self._index(name, table, default_files, merged) for name, table in tables.items())
        if any(index.has_token for index in indexes):
            _sections().check_tokens(self, indexes)
        return indexes

    def _index(
        self, name: str, value: object, default_files: tuple[FilesFrom, ...] | None, merged: Collection[str]
    ) -> Index:
        key = join_key("indexes", name)
        if not name or not name.isprintable():
            self.fault(key, "an index needs a name that can be printed")
        table = self.table(key, value, _INDEX)
        self.has_terms = self.has_terms or not table.keys().isdisjoint(TERMS)
        if not isinstance(value, dict):
            return Index(name, ())
        insecure = self.flag(f"{key}.insecure", table, default=False)
        urls = self._urls(f"{key}.url", table, name, insecure=insecure)
        if "packages" not in table and "namespaces" not in table and name not in merged:
            expected = "an index needs at least one entry in `packages` or `namespaces`, or a [[merge]] that names it"
            self.fault(key, f"{expected}: what it may serve")
        if "packages" in table:
            self.packages(f"{key}.packages", table["packages"], (name,))
        if "namespaces" in table:
            self.namespaces(f"{key}.namespaces", table["namespaces"], (name,))
        files = self._files_from(f"{key}.files-from", table)
        return Index(
            name,
            tuple(location for location, _ in urls),
            public=self.flag(f"{key}.public", table, default=any(location == PYPI for location, _ in urls)),
            says_public="public" in table,
            files_from=default_files if files is None else files,
            not_found=_sections().read_statuses(self, f"{key}.not-found-status", table["not-found-status"])
            if "not-found-status" in table
            else frozenset(),
            ca=None
            if "ca" not in table
            else _sections().read_ca(self, f"{key}.ca", table["ca"], [location for location, _ in urls]),
            has_credentials=any(_HAS_CREDENTIALS.match(text) for _, text in urls),
            has_token=any(TOKEN in location.segments for location, _ in urls),
        )

    def _urls(self, key: str, table: Mapping[str, Any], name: str, *, insecure: bool) -> list[tuple[Location, str]]:
        value = table.get("url")
        if value is None:
            self.fault(key, 'missing; expected a URL, a list of URLs, or "pypi"')
            return []
        if isinstance(value, str):
            found = [self._url(key, value, name, insecure=insecure)]
        else:
            texts = self.items(key, value, "URLs, or one URL")
            found = [self._url(f"{key}[{place}]", text, name, insecure=insecure) for place, text in enumerate(texts)]
        return [pair for pair in found if pair is not None]

    def _url(self, key: str, text: object, name: str, *, insecure: bool) -> tuple[Location, str] | None:
        if not isinstance(text, str):
            self.unexpected(key, text, 'a URL or "pypi"')
            return None
        try:
            location = parse_location(text)
        except UnknownLocation as reason:
            from .hints import find_url  # noqa: PLC0415  # only where a policy has faults

            self.unexpected(key, text, f'a URL with one meaning, or "pypi": {reason}', find_url(text))
            return None
        if "{" in text:
            location = _sections().read_tokens(self, key, text, location)
        if location.scheme == "http" and not location.is_loopback and not insecure:
            self.unexpected(
                key, text, "https: anyone on the way can change what http brings (or set `insecure = true`)"
            )
        owner, first = self._places.setdefault(location, (name, key))
        if first == key:
            return location, text
        self.found(key, text, f", the same place as {first}{'' if owner == name else '; two indexes need two places'}")
        return None

    def _files_from(self, key: str, table: Mapping[str, Any]) -> tuple[FilesFrom, ...] | None:
        if "files-from" not in table:
            return None
        texts = self.items(key, table["files-from"], "hosts or URL prefixes")
        places = (self._file_place(f"{key}[{place}]", text) for place, text in enumerate(texts))
        return tuple(place for place in places if place is not None)

    def _file_place(self, key: str, text: object) -> FilesFrom | None:
        expected = "a host, such as files.corp.example, or a URL prefix"
        if not isinstance(text, str):
            self.unexpected(key, text, expected)
        elif text == "pypi":
            self.unexpected(key, text, f"{expected}: `pypi` stands for an index, not for the host of its files")
        elif "://" not in text and not _PLAIN_HOST.fullmatch(text):
            from .hints import find_place  # noqa: PLC0415  # only where a policy has faults

            close = find_place(text)
            about = ": a host stands for all its ports and paths; one of them is a URL" if close else ""
            self.unexpected(key, text, expected + about, close)
        else:
            try:
                if "://" in text:
                    place = parse_reference(text)
                    return FilesFrom(None, _sections().read_tokens(self, key, text, place) if "{" in text else place)
                return FilesFrom(parse_location(f"https://{text}/").host, None)
            except UnknownLocation as reason:
                self.unexpected(key, text, f"{expected}: {reason}")
        return None


def _sections() -> Any:
    from . import sections  # noqa: PLC0415  # few policies have what it reads

    return sections
