"""What the heart is given of a search: types alone, which no pip run loads."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, TypeVar

from ..policy.identity import Location
from .verdict import Finding, Verdict


class Source(Protocol):
    """An index, or a page of links, that pip is configured with, as a search for one name met it."""

    @property
    def place(self) -> Location | str:
        """Its identity; the URL itself where that has none."""

    @property
    def verdict(self) -> Verdict:
        """What the layers say of asking it."""

    @property
    def is_local(self) -> bool:
        """Whether it is a ``file:`` index or page."""

    @property
    def probing(self) -> bool:
        """Whether it was asked for squatters only."""

    @property
    def failure(self) -> str | None:
        """Why it is not to be relied on; None where it answered."""


class Kept(Protocol):
    """Files that were kept from pip, for one reason."""

    @property
    def finding(self) -> Finding:
        """The objection."""

    @property
    def versions(self) -> Collection[str]:
        """Those of the files."""


SourceT = TypeVar("SourceT", bound=Source)
