"""What the command line knows of pip: it asks a child process, which starts as pip does and prints JSON."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..audit.redaction import redact_text
from ..interpreters.python import InterpretersError, ask
from ..policy.identity import PYPI, Location, find_location, is_trusted, locate, redact

_PROBE = Path(__file__).resolve().parent.parent / "standalone" / "pip_probe.py"
_TIMEOUT = 120


@dataclass(frozen=True)
class Listing:
    """What the root page of an index lists."""

    names: tuple[str, ...] = ()
    """Its projects."""
    problem: str | None = None
    """Why there are no names."""
    empty: tuple[str, ...] = ()
    """Of the names, those whose page lists no file."""
    misspelt: tuple[str, ...] = ()
    """Of the names, those whose page is not where pip asks for it."""
    unsure: tuple[tuple[str, str], ...] = ()
    """Of the names, those whose page did not come, each with the reason."""
    left_out: tuple[str, ...] = ()
    """What it lists beside them, and is no project of this index."""
    unread: tuple[str, ...] = ()
    """What may be a project, and cannot be read."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Listing:
        """Read what the child says of one index."""
        unsure = tuple((name, redact_text(reason)) for name, reason in told["unsure"])
        lists = {key: tuple(told[key]) for key in ("names", "empty", "misspelt", "left_out", "unread")}
        return cls(problem=told["problem"], unsure=unsure, **lists)


@dataclass(frozen=True)
class Compared:
    """What two indexes list of one project that both have."""

    name: str
    same: int
    """How many files have one name and one hash on both."""
    differ: tuple[str, ...]
    """Files that have one name and two hashes."""
    unknown: int
    """How many files of one name have no hash that both tell."""
    only: int
    """How many files the first index has alone."""


@dataclass(frozen=True)
class PipFacts:
    """The pip of this interpreter."""

    problem: str | None = None
    """Why nothing else is known; None if all is."""
    pip: str = ""
    """The version."""
    python: str = ""
    executable: str = ""
    indexes: tuple[str, ...] = ()
    """URLs that pip is configured with, by command line defaults, environment and files; credentials masked."""
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    pypi: Location | None = None
    """The public index as this pip knows it."""
    live: str | None = None
    """The folder of the guard that took charge of pip's package finder; None if none did."""
    filters: bool = False
    """Whether the finder's methods are the guard's."""
    stopped: Mapping[str, str | None] | None = None
    """Code and text of the error that the finder raises when it is made."""
    listings: Mapping[int, Listing] = field(default_factory=dict)
    comparisons: Mapping[tuple[int, int], tuple[Compared, ...]] = field(default_factory=dict)
    """By the numbers of two indexes."""

    @property
    def is_guarded(self) -> bool:
        """Whether this pip installs nothing without the guard's consent."""
        return self.live is not None and (self.filters or self.stopped is not None)

    def locate(self, url: str) -> Location | None:
        """Return the identity of a URL; at or under this pip's own public index, that of the token ``pypi``."""
        return locate(url, self.pypi)

    def is_trusted(self, url: str) -> bool:
        """Tell whether pip was told to trust the host of a URL without TLS; the token stands for the URL that it means."""
        real = str(self.pypi) if url == str(PYPI) else url
        return is_trusted(real, map(_read_trusted_host, self.trusted_hosts))

    def show(self, url: str) -> str:
        """Return a URL fit to be shown, as a policy would write it."""
        location = self.locate(url)
        return redact(url) if location is None else str(location)


def ask_pip(
    listings: Sequence[int] = (),
    python: str = sys.executable,
    *,
    believed: Sequence[int] = (),
    comparisons: Mapping[tuple[int, int], Sequence[str]] | None = None,
) -> PipFacts:
    """Start a child and ask it. Never raises: what went wrong stands in ``problem``.

    :param listings: numbers of configured indexes whose root pages are to be read, and each project of them looked at.
    :param believed: the same, but the list is believed, and no project looked at.
    :param python: the interpreter whose pip is meant.
    :param comparisons: for the numbers of two configured indexes, names whose files are to be compared; the second index
        is asked only for those that the first one has.
    """
    pairs = [f"{one}:{other}:{','.join(names)}" for (one, other), names in (comparisons or {}).items()]
    arguments = [python, str(_PROBE), *map(str, listings), *(f"={number}" for number in believed), *pairs]
    try:
        answer = ask(arguments, seconds=_TIMEOUT, late="pip did not answer")
    except InterpretersError as error:
        return PipFacts(str(error))
    try:
        told = answer.read_json()
    except ValueError:
        return PipFacts(f"pip does not start: {redact_text(answer.last_words)}")
    return _read(told) if isinstance(told, dict) else PipFacts("pip does not start: its start-up files print")


def _read(told: Mapping[str, Any]) -> PipFacts:
    own = {key: told[key] for key in ("problem", "pip", "python", "executable") if key in told}
    if told["problem"] is not None:
        own["problem"] = " ".join(redact_text(told["problem"]).split())
        return PipFacts(**own)
    return PipFacts(
        **own,
        indexes=tuple(told["indexes"]),
        find_links=tuple(told["find_links"]),
        trusted_hosts=tuple(told["trusted_hosts"]),
        pypi=find_location(told["pypi"]),
        listings={int(number): Listing.of(listing) for number, listing in told["listings"].items()},
        comparisons={
            (int(pair.partition(":")[0]), int(pair.partition(":")[2])): tuple(
                Compared(**{**one, "differ": tuple(one["differ"])}) for one in found
            )
            for pair, found in told["comparisons"].items()
        },
        **told["guard"],
    )


def _read_trusted_host(text: str) -> tuple[str, int | None]:
    """Read ``HOST`` or ``HOST:PORT`` as pip does; the host is empty for a text that it refuses."""
    is_bare_address = text.count(":") > 1 and not {"@", "["}.intersection(text)
    try:
        parts = urlsplit(f"https://[{text}]" if is_bare_address else f"https://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return "", None
    return host or "", port
