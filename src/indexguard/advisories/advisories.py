"""What the records of several sources say of a name, a version and a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..patterns import Name
from ..tuples import NamedTuple
from .index import Entry, Index

_DIGITS = 64  # of a SHA-256


class Hit(NamedTuple):
    """A record that means a file."""

    record: str
    """Its identifier, such as ``MAL-2026-1``."""
    by_sha256: bool
    """Whether it names the file's very content, else its project and version."""


class Advisories:
    """The indexes of all sources of one policy."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        self._indexes = tuple(indexes)

    def find_versions(self, name: Name, version: str | None) -> tuple[Hit, ...]:
        """Return the records that name a version of a project.

        :param version: None where it is not known: then a record counts that means every version.
        """
        return self._hits((index.find_name(name) for index in self._indexes), version, by_sha256=False)

    def find_file(self, sha256: str) -> tuple[Hit, ...]:
        """Return the records that name a file by its SHA-256, whatever its name."""
        digest = sha256.lower()
        if not _is_digest(digest):
            return ()
        return self._hits((index.find_file(digest) for index in self._indexes), None, by_sha256=True)

    def may_know(self, digests: Sequence[str]) -> bool:
        """Tell whether a record may name one of many files by its SHA-256 (``find_file`` tells which).

        :param digests: in lower case.
        """
        wanted = [it for it in digests if len(it) == _DIGITS]
        return any(index.may_have_files(wanted) for index in self._indexes)

    def find_records(self, name: Name) -> list[str]:
        """Return the records that name a project, whatever its versions."""
        found = [entry for index in self._indexes for entry in index.find_name(name)]
        return list(dict.fromkeys(entry.record for entry in found if self._is_current(entry)))

    def knows(self, name: Name) -> bool:
        """Tell whether a record names a project."""
        return any(index.find_name(name) for index in self._indexes)

    @property
    def knows_files(self) -> bool:
        """Whether a record names a file by its SHA-256."""
        return any(index.header["counts"]["files"] for index in self._indexes)

    @property
    def is_empty(self) -> bool:
        """Whether no source holds a record that counts."""
        return not any(index.header["counts"]["records"] for index in self._indexes)

    def _hits(self, found: Iterable[Sequence[Entry]], version: str | None, *, by_sha256: bool) -> tuple[Hit, ...]:
        entries = [entry for one in found for entry in one]
        meant = [it for it in entries if by_sha256 or (version is not None and it.affected.affects(version))]
        records = dict.fromkeys(entry.record for entry in meant if self._is_current(entry))
        return tuple(Hit(record, by_sha256) for record in records)

    def _is_current(self, entry: Entry) -> bool:
        """Tell whether no other copy of a record is newer, or says that it is withdrawn: mirrors keep old copies."""
        copies = [copy for index in self._indexes for copy in index.find_record(entry.record)]
        newest = max((modified for modified, _ in copies), default="")
        is_withdrawn = any(withdrawn for modified, withdrawn in copies if modified == newest)
        return entry.modified == newest and not is_withdrawn


def _is_digest(text: str) -> bool:
    return len(text) == _DIGITS and not text.strip("0123456789abcdef")
