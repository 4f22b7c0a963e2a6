"""Which names ``init`` gives to the internal indexes: those that its user claims, else those that the indexes list.

A name that two indexes list never goes to the public one by itself, and what cannot be read is said, not left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...patterns import Name, Pattern, normalise_name, parse_pattern
from ...policy.identity import Location
from ...survey.pip_facts import Listing
from ..console import YELLOW, Console
from ..parsing import BadInputError

MAX_LISTED = 1000
"""An index that lists more names is taken for a mirror: it does not tell which of them are internal."""

_MOST_TOLD = 10


@dataclass(frozen=True)
class Configured:
    """One remote index that pip is configured with."""

    name: str
    """Its name in the policy."""
    place: Location
    number: int
    """Its number in pip's configuration."""


@dataclass
class Claims:
    """What is claimed for one internal index."""

    namespaces: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    listed: bool = False
    """Whether the packages were read from the index."""

    @property
    def patterns(self) -> list[Pattern]:
        """All patterns that the claims stand for."""
        own = [parse_pattern(text) for text in (*self.namespaces, *self.packages)]
        return own + [parse_pattern(f"{text}-*") for text in self.namespaces]

    def add(self, text: str) -> None:
        """Add a name, which claims its namespace, or a prefix with ``*``.

        :raises BadInputError: it is neither.
        """
        try:
            pattern = parse_pattern(text)
        except ValueError as error:
            raise BadInputError(f"cannot claim {error}") from None
        if pattern.is_catch_all:
            raise BadInputError("cannot claim `*`: --rest names the index of all names that are not claimed")
        if pattern.exact or pattern.stem.endswith("-"):
            namespace = pattern.stem.rstrip("-")
            if namespace not in self.namespaces:
                self.namespaces.append(namespace)
        elif str(pattern) not in self.packages:
            self.packages.append(str(pattern))


def find_index(indexes: Sequence[Configured], name: str) -> Configured:
    """Return the index of that name.

    :raises BadInputError: there is none.
    """
    for index in indexes:
        if index.name == name:
            return index
    raise BadInputError(f"there is no index {name!r}; pip is configured with {', '.join(i.name for i in indexes)}")


def read_claims(texts: Sequence[str], internal: Sequence[Configured]) -> dict[str, Claims]:
    """Read ``[INDEX=]NAME``, by index.

    :raises BadInputError: a text that claims nothing, or for no index.
    """
    claims: dict[str, Claims] = {}
    for text in texts:
        prefix, mark, name = text.rpartition("=")
        if not mark and len(internal) > 1:
            names = ", ".join(index.name for index in internal)
            raise BadInputError(f"say for which index {text!r} is claimed, as INDEX={text}; INDEX is one of {names}")
        index = find_index(internal, prefix) if mark else internal[0]
        claims.setdefault(index.name, Claims()).add(name)
    return claims


def is_usable(listing: Listing) -> bool:
    """Tell whether an index lists names that may be internal, and nothing that could not be read."""
    return 0 < len(listing.names) <= MAX_LISTED and not listing.unread


@dataclass(frozen=True)
class Silent:
    """An index that does not tell which of its names are internal."""

    index: Configured
    reason: str


def claim_listed(
    internal: Sequence[Configured], claims: dict[str, Claims], listings: Mapping[int, Listing]
) -> list[Silent]:
    """Claim the listed names of each index for which nothing else was claimed; return the indexes that tell none.

    :raises BadInputError: two internal indexes list the same names.
    """
    claimed = [pattern for own in claims.values() for pattern in own.patterns]
    owners: dict[Name, list[str]] = {}
    silent = []
    for index in internal:
        listing = listings[index.number]
        if index.name in claims:
            continue
        names = {normalise_name(name) for name in listing.names} if is_usable(listing) else set()
        own = sorted(name for name in names if not any(pattern.matches(name) for pattern in claimed))
        for name in own:
            owners.setdefault(name, []).append(index.name)
        if own:
            claims[index.name] = Claims(packages=[str(name) for name in own], listed=True)
        else:
            silent.append(Silent(index, _explain(listing)))
    shared = {name: several for name, several in owners.items() if len(several) > 1}
    if shared:
        lines = [f"    {name}: {', '.join(several)}" for name, several in shared.items()]
        raise BadInputError(
            "\n".join(
                [
                    "several internal indexes list the same names, and nobody but you knows whose they are:",
                    *lines,
                    "    say it, once for each name: --claim INDEX=NAME",
                ]
            )
        )
    return silent


def _explain(listing: Listing) -> str:
    """Say why an index tells no names that could be claimed."""
    if listing.problem is not None:
        return listing.problem
    if listing.unread:
        return f"it lists what cannot be read as a name: {shorten(listing.unread)}"
    if len(listing.names) > MAX_LISTED:
        return f"it lists {len(listing.names)} names, too many to be internal ones"
    if listing.names:
        return "every name that it lists is claimed for another index"
    return "it lists no names" + (f", only {shorten(listing.left_out)}" if listing.left_out else "")


def note_listings(
    internal: Sequence[Configured], rest: Configured, listings: Mapping[int, Listing], console: Console
) -> None:
    """Say of each list what was not simply taken from it, and what the index of all other names lists too."""
    others = {normalise_name(name) for name in listings[rest.number].names} if rest.number in listings else set()
    for index in internal:
        listing = listings[index.number]
        if not 0 < len(listing.names) <= MAX_LISTED:
            continue
        both = sorted(others.intersection(map(normalise_name, listing.names)))
        lines = [
            f"    {words}: {shorten(names)}"
            for names, words in (
                (listing.left_out, "no project of it, left out"),
                (listing.unread, "not to be read as a name"),
                (listing.empty, "without a file there"),
                (listing.misspelt, "where pip does not ask (it wants lower case and `-`)"),
                (tuple(f"{name} ({reason})" for name, reason in listing.unsure), "page not read"),
                (both, f"listed by {rest.place} too; what is claimed comes from here alone"),
            )
            if names
        ]
        if lines:
            console.note("\n".join([f"{index.place} lists more than names, or names with a question:", *lines]), YELLOW)


def note_unclaimed(
    internal: Sequence[Configured], claims: Mapping[str, Claims], listings: Mapping[int, Listing], console: Console
) -> None:
    """Say which names an index lists and will not be asked for."""
    patterns = [pattern for own in claims.values() for pattern in own.patterns]
    for index in internal:
        names = listings[index.number].names
        left = [name for name in names if not any(pattern.matches(normalise_name(name)) for pattern in patterns)]
        if left and len(names) <= MAX_LISTED:
            console.note(
                f"{index.place} also lists names that you did not claim;\n    it will not be asked for {shorten(left)}",
                YELLOW,
            )


def shorten(names: Iterable[str]) -> str:
    """Return the first of several names, and how many more there are."""
    shown = list(names)
    more = len(shown) - _MOST_TOLD
    return ", ".join(shown[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
