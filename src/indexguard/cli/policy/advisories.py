"""``indexguard advisories``: what sources of advisory records hold, and the index that is made of them."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from ...advisories.building import Counts, build
from ...advisories.checking import make_check
from ...advisories.sources import SourceError, take_state
from ...advisories.store import Store
from ...errors import escape
from ...policy.layers import survey_layers
from ...policy.serving.advisories import USUAL_KINDS
from ...tuples import NamedTuple
from ..console import GREEN, RED, YELLOW, Console
from ..parsing import BadInputError, Command


class _Result(NamedTuple):
    """What became of one source."""

    path: str
    kinds: Sequence[str]
    counts: Counts
    kept: str | None = None
    """The file of its index, where one was made to be kept."""
    problem: str = ""
    """Why it was not kept."""

    @property
    def is_fine(self) -> bool:
        """Whether nothing is to be said of it."""
        return bool(self.counts.records) and not self.counts.unreadable and not self.problem


def add_own(group: argparse._ArgumentGroup) -> None:
    """Add the options of ``advisories``."""
    group.add_argument("--json", action="store_true", help="print one JSON object")


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options and arguments of ``advisories check``."""
    _add(group, "+")


def add_build(group: argparse._ArgumentGroup) -> None:
    """Add the options and arguments of ``advisories build``."""
    _add(group, "*")


def _add(group: argparse._ArgumentGroup, number: str) -> None:
    shown = "the records that count, by the beginning of their identifiers (default: MAL-); may be given again"
    group.add_argument("--kind", action="append", metavar="KIND", help=shown)
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument("paths", metavar="PATH", nargs=number, help="a file, folder or zip of OSV records")


def check(arguments: argparse.Namespace, console: Console) -> int:
    """Count the records of sources: those that are given, or those of the policies.

    :raises BadInputError: one cannot be read.
    """
    return _report([_count(path, kinds) for path, kinds, _ in _sources(arguments)], arguments, console)


def make(arguments: argparse.Namespace, console: Console) -> int:
    """Make the index of sources: of those that are given, or those of the policies.

    :raises BadInputError: one cannot be read.
    """
    return _report([_make(*source) for source in _sources(arguments)], arguments, console)


def _sources(arguments: argparse.Namespace) -> Iterator[tuple[str, Sequence[str], str | None]]:
    """Yield path, kinds and the kind of the layer, None where no layer names it."""
    if paths := getattr(arguments, "paths", None):
        yield from ((path, tuple(arguments.kind or USUAL_KINDS), None) for path in paths)
        return
    if getattr(arguments, "kind", None):
        raise BadInputError("--kind needs a PATH: a policy says itself which records count")
    found = survey_layers()
    if found.faults:
        raise found.faults[0]
    for layer in found.layers:
        settings = layer.policy.advisories
        if settings is not None:
            yield from ((path, settings.kinds, layer.kind) for path in settings.places)


def _count(path: str, kinds: Sequence[str]) -> _Result:
    try:
        with tempfile.TemporaryFile() as scratch:
            return _Result(path, kinds, build(path, take_state(path), kinds, scratch))
    except SourceError as error:
        raise BadInputError(f"cannot read {error}") from None


def _make(path: str, kinds: Sequence[str], layer: str | None) -> _Result:
    told: list[str] = []
    check = make_check(path, layer or "user", own=layer is not None)
    try:
        index = Store(told.append, check=check).open(path, kinds, rebuild=True)
    except SourceError as error:
        raise BadInputError(f"cannot read {error}") from None
    counts = Counts(**index.header["counts"])
    index.close()
    return _Result(path, kinds, counts, index.place, "; ".join(told))


def _report(results: Sequence[_Result], arguments: argparse.Namespace, console: Console) -> int:
    if arguments.json:
        console.json({"sources": [_describe(result) for result in results]})
    else:
        for result in results:
            _print(result, console)
        if not results:
            console.line("no policy goes by advisories; `indexguard advisories check PATH` looks at records")
    return 0 if all(result.is_fine for result in results) else 1


def _describe(result: _Result) -> dict[str, Any]:
    return {
        "path": result.path,
        "kinds": list(result.kinds),
        **vars(result.counts),
        "index": result.kept,
        "problem": result.problem or None,
    }


def _print(result: _Result, console: Console) -> None:
    counts, kinds = result.counts, ", ".join(result.kinds)
    what = "1 record counts" if counts.records == 1 else f"{counts.records:,} records count"
    console.line(f"{escape(result.path)}: {what} ({kinds})", GREEN if result.is_fine else YELLOW)
    parts = [
        (counts.withdrawn, "withdrawn"),
        (counts.other_kinds, "of other kinds"),
        (counts.other_ecosystems, "of other ecosystems"),
        (counts.without_versions, "that name no version and no file"),
    ]
    told = [f"{number:,} {words}" for number, words in parts if number]
    console.line(
        f"  names {counts.names:,}, files by their sha256 {counts.files:,}; {', '.join(told) or 'nothing else'}"
    )
    if counts.unreadable:
        console.line(f"  no record: {counts.unreadable:,}", RED)
        for problem in counts.problems:
            console.wrapped(escape(problem), None, indent="    ")
        if counts.unreadable > len(counts.problems):
            console.line(f"    and {counts.unreadable - len(counts.problems):,} more")
    if result.problem:
        console.wrapped(escape(result.problem), YELLOW, indent="  ")
    if result.kept is not None:
        console.line(f"  index {escape(result.kept)}")


COMMANDS = (
    Command.of("advisories", add_own, check),
    Command.of("advisories check", add_options, check),
    Command.of("advisories build", add_build, make),
)
