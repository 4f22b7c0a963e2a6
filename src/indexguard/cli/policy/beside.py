"""Indexes that have public names too: mirrors, and public indexes beside the public one. What ``init`` offers for them.

What an index is nobody but its user knows; what it looks like a few names tell that every mirror has. Nothing is decided by
them: an index with internal names of its own may pass public ones on as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...patterns import normalise_name
from ...survey.pip_facts import Compared, Listing, ask_pip
from ..console import count
from ..parsing import BadInputError
from .claims import Claims, Configured, find_index, is_usable, shorten

WELL_KNOWN = (
    "certifi", "idna", "numpy", "packaging", "pandas", "pip", "requests", "setuptools", "six", "torch", "urllib3", "wheel",
)  # fmt: skip
"""Public names that an index which has public names at all is likely to have."""


@dataclass(frozen=True)
class Beside:
    """An index that has public names, compared with the index of all other names."""

    index: Configured
    rest: Configured
    compared: tuple[Compared, ...]
    """Names that both have; not empty."""

    @property
    def same(self) -> int:
        """How many files are the same on both."""
        return sum(one.same for one in self.compared)

    @property
    def differ(self) -> list[str]:
        """Files of one name that are not the same."""
        return [file for one in self.compared for file in one.differ]

    @property
    def is_mirror(self) -> bool:
        """Whether the index has nothing that the other has not, as far as it was compared."""
        return self.same > 0 and not self.differ and not any(one.only or one.unknown for one in self.compared)

    def describe(self) -> list[str]:
        """Say what was found, in lines."""
        head = f"{self.index.place} and {self.rest.place} both have {shorten(one.name for one in self.compared)}:"
        unknown, only = (sum(getattr(one, key) for one in self.compared) for key in ("unknown", "only"))
        found = [
            (self.same, f"{count(self.same, 'file')} of one name and hash"),
            (len(self.differ), f"{len(self.differ)} of one name and two hashes ({shorten(self.differ[:3])})"),
            (unknown, f"{unknown} of one name without a hash that tells"),
            (only, f"{only} that only the first has"),
        ]
        return [head, f"    {', '.join(words for number, words in found if number)}"]

    def advise(self) -> list[str]:
        """Say which option fits, and when. No name is filled in: followed blindly, it could lose internal names."""
        option, what = ("--same", "one `url` list") if self.is_mirror else ("--merge", "a [[merge]] of `*`")
        looks = "a mirror" if self.is_mirror else "a second public index"
        return [
            f"    it looks like {looks}; if it has no names of your own, add",
            f"        {option} INDEX, which makes {what} (INDEX is {self.index.name})",
        ]


def compare_indexes(
    internal: Sequence[Configured], rest: Configured, claims: Mapping[str, Claims], listings: Mapping[int, Listing]
) -> dict[str, Beside]:
    """Compare what each index for which nothing is claimed has of public names; by its name in the policy.

    Only well-known names tell: an internal one that the other index has as well may be an attacker's there. So nobody is
    asked for what may be internal, either.
    """
    questions = {}
    for index in internal:
        own = {normalise_name(name) for name in listings[index.number].names}
        names = [name for name in WELL_KNOWN if name in own or not is_usable(listings[index.number])]
        if names and index.name not in claims:
            questions[index.number, rest.number] = names
    if not questions:
        return {}
    found = ask_pip(comparisons=questions).comparisons
    return {
        index.name: Beside(index, rest, found[index.number, rest.number])
        for index in internal
        if found.get((index.number, rest.number))
    }


def read_arrangements(
    same: Sequence[str], merge: Sequence[str], internal: Sequence[Configured], claims: Mapping[str, Claims]
) -> dict[str, str]:
    """Read the options ``--same`` and ``--merge``: which of them holds for an index, by its name.

    :raises BadInputError: an index that is none beside the index of all other names; both for one; claims for a mirror.
    """
    found: dict[str, str] = {}
    for option, names in (("same", same), ("merge", merge)):
        for name in names:
            index = find_index(internal, name)
            if found.setdefault(index.name, option) != option:
                raise BadInputError(f"{index.name} is either --same or --merge")
            if option == "same" and index.name in claims:
                raise BadInputError(
                    f"{index.name} has names of its own (--claim), so its content is not the same: --merge fits"
                )
    return found
