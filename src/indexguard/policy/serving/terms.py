"""What a policy asks of files: their age, format and hashes; status and provenance of their project; and what is waived.

Values alone: nothing here reads a file, a clock or the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from ...patterns import Name
from ...tuples import NamedTuple


class MinAge(NamedTuple):
    """A ``min-age``: younger files are dropped."""

    key: str
    """Where it stands in the file."""
    span: timedelta
    """Zero: no file is too young."""
    unknown: str = "drop"
    """What becomes of a file whose age the index does not tell: ``drop``, ``allow``, or ``first-seen`` (by the ledger)."""
    text: str = ""
    """As it is written, such as ``3d``."""

    @property
    def written(self) -> str:
        """As the file has it."""
        return f'"{self.text}"'


class Formats(NamedTuple):
    """A list of ``formats``."""

    key: str
    kinds: tuple[str, ...]
    """``wheel``, ``sdist`` or both."""

    @property
    def written(self) -> str:
        """As the file has it."""
        return "[" + ", ".join(f'"{kind}"' for kind in self.kinds) + "]"


class Hashes(NamedTuple):
    """A ``require-hashes``."""

    key: str
    need: str
    """``index``: the page must give one; ``pinned``: the requirement must carry one; ``off``."""

    @property
    def written(self) -> str:
        """As the file has it."""
        return f'"{self.need}"'


class Terms(NamedTuple):
    """What one place of the file (an entry, an index, ``[defaults]``) says; None where it says nothing."""

    min_age: MinAge | None = None
    formats: Formats | None = None
    hashes: Hashes | None = None

    def over(self, others: Terms) -> Terms:
        """Return these terms, with those of others where these say nothing."""
        return Terms(self.min_age or others.min_age, self.formats or others.formats, self.hashes or others.hashes)


NO_TERMS = Terms()


class StatusActions(NamedTuple):
    """What ``[status]`` says: what a project's PEP 792 status does; ``block``, ``warn``, ``log`` or ``off``."""

    quarantined: str = "block"
    archived: str = "log"
    deprecated: str = "log"

    def find(self, status: str) -> str:
        """Return what a status does; one that PEP 792 does not know, and ``active``, do nothing."""
        return getattr(self, status) if status in self._fields else "off"


USUAL_STATUS = StatusActions()


class Waiver(NamedTuple):
    """One ``[[waive]]``: it lifts one code for some versions, in its own file, and never who may serve a name."""

    key: str
    """Where it stands in the file: ``waive[0]``."""
    code: str
    """One of ``errors.CODES``."""
    versions: Mapping[Name, frozenset[str]]
    """By project, the versions as they are written; none: all of them (``typosquat``)."""
    reason: str
    expires: date
    """The last day on which it is valid, UTC."""
    sha256: frozenset[str] = frozenset()
    """Hexadecimal, lower case: only files of that content."""

    def is_expired(self, today: date) -> bool:
        """Tell whether it lifts nothing any more (``today``: UTC)."""
        return today > self.expires

    def days_left(self, today: date) -> int:
        """Return the days until it ends: 0 on its last one, negative afterwards (``today``: UTC)."""
        return (self.expires - today).days


class Serving(NamedTuple):
    """What one policy file asks of files."""

    defaults: Terms = NO_TERMS
    """Of every index that does not say otherwise; its ``min-age`` holds for public ones only."""
    indexes: Mapping[str, Terms] = {}
    """By the name of the index."""
    status: StatusActions = USUAL_STATUS
    downgrade: str = "off"
    """``off``, ``log``, ``warn`` or ``block``: what a version without attestation does, where an older one had some."""
    waivers: tuple[Waiver, ...] = ()

    def find_terms(self, index: str, *, public: bool, entry: Terms | None) -> Terms:
        """Return what holds for the files of an index: entry over index over ``[defaults]``.

        :param public: whether the index is: only then the ``min-age`` of ``[defaults]`` counts.
        :param entry: what the entry of the name says.
        """
        defaults = self.defaults if public else self.defaults._replace(min_age=None)
        return (entry or NO_TERMS).over(self.indexes.get(index, NO_TERMS)).over(defaults)

    def find_written(self, key: str, entry: Terms | None) -> str | None:
        """Return the value of a key as the file has it; None for a key that is none of these.

        :param key: its path, such as ``indexes.pypi.min-age``.
        :param entry: what the entry of the name says.
        """
        said = (it for terms in (entry or NO_TERMS, *self.indexes.values(), self.defaults) for it in terms)
        return next((it.written for it in said if it is not None and it.key == key), None)
