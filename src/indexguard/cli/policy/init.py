"""``indexguard init``: a policy for the indexes that pip is configured with.

Which names are internal only their owner knows. ``--claim`` says it; else it is asked on a terminal; else it is read from
the root pages of the indexes (PEP 503), in pip's own session; and where that tells nothing, nothing is written.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from ...errors import escape
from ...policy.hints import find_reason
from ...policy.identity import PYPI, Location
from ...policy.layers import interpreter_policy_path, machine_policy_path, survey_layers, user_policy_path
from ...policy.reader import read_policy
from ...policy.trust import VARIABLE
from ...survey.pip_facts import Listing, PipFacts, ask_pip
from ..console import GREEN, YELLOW, Console, columns
from ..files import write_file
from ..parsing import BadInputError, Command
from .beside import Beside, compare_indexes, read_arrangements
from .claims import (
    Claims,
    Configured,
    Silent,
    claim_listed,
    find_index,
    is_usable,
    note_listings,
    note_unclaimed,
    read_claims,
)
from .lints import lint_policy
from .policy_text import IndexTable, is_insecure, name_index, render

_AUDIT = (
    (
        "This file drops nothing, and has pip ask every index as it would without it. What it would refuse is in the audit"
        " log: `indexguard log`."
    ),
    (
        "A machine's or an interpreter's policy in audit turns the rule that is built in (a name that several indexes"
        " offer is refused) to audit too, unless another layer enforces; a user's does not."
    ),
    "When the log shows nothing any more that you need, remove this line.",
)


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument("--yes", action="store_true", help="ask nothing")
    group.add_argument(
        "--claim",
        metavar="[INDEX=]NAME",
        action="append",
        default=[],
        help="NAME and NAME-* belong to the internal index; with a `*` at its end, that prefix does",
    )
    group.add_argument("--rest", metavar="INDEX", help="the index of all other names (default: the public one)")
    group.add_argument(
        "--same",
        metavar="INDEX",
        action="append",
        default=[],
        help="it has the same content as the index of all other names",
    )
    group.add_argument(
        "--merge", metavar="INDEX", action="append", default=[], help="it has public names too: they come from both"
    )
    group.add_argument("--audit", action="store_true", help='write `mode = "audit"`: nothing is dropped, all is logged')
    group.add_argument("--output", metavar="PATH", help="where to write; - is standard output (default: see below)")
    group.add_argument("--force", action="store_true", help="overwrite a file that is there")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Write a policy.

    :raises BadInputError: nothing can be written: the file is there, no index is configured, no name is claimed.
    """
    path = _output(arguments)
    if not arguments.yes and not (sys.stdin is not None and sys.stdin.isatty()):
        raise BadInputError("there is no terminal to ask on; with --yes nothing is asked")
    facts = ask_pip()
    if facts.problem is not None:
        raise BadInputError(f"what pip is configured with is not known: {facts.problem}")
    indexes = _name_indexes(facts, console)
    if len(indexes) == 1 and (arguments.claim or arguments.rest is None):
        raise BadInputError(_explain_single(indexes[0], arguments))
    rest = _choose_rest(indexes, arguments, console)
    internal = [index for index in indexes if index != rest]
    claims = read_claims(arguments.claim, internal)
    arranged = read_arrangements(arguments.same, arguments.merge, internal, claims)
    # The public index lists every project that there is.
    listings = _list_names(internal, None if rest.place == PYPI else rest)
    own = [index for index in internal if index.name not in arranged]
    note_listings(own, rest, listings, console)
    beside = compare_indexes(own, rest, claims, listings)
    if not arguments.yes:
        arranged.update(_ask_arrangements(beside, console))
        own = [index for index in internal if index.name not in arranged]
        _ask_claims(own, claims, listings, console)
    silent = claim_listed(own, claims, listings)
    if silent:
        raise BadInputError(_explain_silence(silent, beside, arguments, several=len(internal) > 1))
    _note_beside(own, beside, console)
    note_unclaimed(own, claims, listings, console)
    _finish(_write(facts, internal, rest, claims, arranged, audit=arguments.audit), path, arguments, console)
    return 0


def _write(
    facts: PipFacts,
    internal: Sequence[Configured],
    rest: Configured,
    claims: Mapping[str, Claims],
    arranged: Mapping[str, str],
    *,
    audit: bool,
) -> str:
    """Return the text of the policy."""
    header = [
        f"Written by `indexguard init` from the indexes that pip {facts.pip} is configured with.",
        "The most specific entry decides which index a name belongs to; no other index may serve it.",
    ]
    mirrors = [index for index in internal if arranged.get(index.name) == "same"]
    others = [index for index in internal if index not in mirrors]
    merged = [index.name for index in others if index.name in arranged]
    tables = [_table(index, claims.get(index.name, Claims())) for index in others]
    tables.append(_rest_table(rest, mirrors, is_merged=bool(merged)))
    mode = "audit" if audit else "enforce"
    return render(header, tables, mode, mode_comment=_AUDIT, merged=[rest.name, *merged] if merged else [])


# The indexes


def _name_indexes(facts: PipFacts, console: Console) -> list[Configured]:
    """Give a name to each remote index; the same place counts once."""
    places: dict[Location, int] = {}
    for number, url in enumerate(facts.indexes):
        place = facts.locate(url)
        if place is None:
            reason = find_reason(url) or "it has no single meaning"
            raise BadInputError(
                f"pip is configured with an index whose URL cannot be read: {facts.show(url)}: {reason}"
            )
        if place.is_local:
            console.note(f"left out, because local files need no entry: {facts.show(url)}")
        else:
            places.setdefault(place, number)
    for url in facts.find_links:
        place = facts.locate(url)
        if place is not None and not place.is_local and "://" in url:
            console.note(
                f"left out: the --find-links page {facts.show(url)}; its files are refused until it is an index of the policy",
                YELLOW,
            )
    if not places:
        raise BadInputError("pip is configured with no remote index: there is nothing to decide")
    names: dict[str, Location] = {}
    found = []
    for place, number in places.items():
        name = name_index(place, names)
        names[name] = place
        found.append(Configured(name, place, number))
    return found


def _choose_rest(indexes: Sequence[Configured], arguments: argparse.Namespace, console: Console) -> Configured:
    """Return the index of the names that nobody claims."""
    if arguments.rest is not None:
        return find_index(indexes, arguments.rest)
    for index in indexes:
        if index.place == PYPI:
            return index
    table = columns([(index.name, str(index.place)) for index in indexes], "    ")
    if arguments.yes:
        # No name is filled in: whoever ran the line as it stands would get everything from that index.
        raise BadInputError(
            "\n".join(
                [
                    "pip is configured with several indexes, and the public one is not among them:",
                    *table,
                    "    say which of them has all names that are not claimed, such as a mirror of the public one:",
                    f"        {_command(arguments, '--rest', 'INDEX')}",
                ]
            )
        )
    console.note("\n".join(table))
    while True:
        answer = _ask("Which index has all names that you do not claim?", console)
        try:
            return find_index(indexes, answer)
        except BadInputError as error:
            console.note(str(error))


def _explain_single(index: Configured, arguments: argparse.Namespace) -> str:
    """Say why one index makes no policy: it would refuse every other one, and nobody asked for that."""
    what = "nothing to claim names for" if arguments.claim else "nothing to decide"
    return "\n".join(
        [
            f"pip is configured with one index, {index.place}, so there is {what}; nothing was written",
            "    if you have an internal index: configure pip with both (index-url and extra-index-url), then run this again",
            f"    to refuse every other index from now on, run this again with `--rest INDEX`; INDEX is {index.name}",
        ]
    )


def _command(arguments: argparse.Namespace, *more: str) -> str:
    """Return the same command with something added."""
    command = ["indexguard", "init", *(["--yes"] if arguments.yes else [])]
    for option, value in (("--rest", arguments.rest), ("--output", arguments.output)):
        command += [option, value] if value is not None and option not in more else []
    if "--claim" not in more:
        command += [text for claim in arguments.claim for text in ("--claim", claim)]
    command += [text for name in arguments.same for text in ("--same", name)]
    command += [text for name in arguments.merge for text in ("--merge", name)]
    command += ["--audit"] if arguments.audit else []
    command += ["--force"] if arguments.force else []
    return " ".join(map(shlex.quote, [*command, *more]))


# What they list


def _list_names(internal: Sequence[Configured], rest: Configured | None) -> Mapping[int, Listing]:
    """Read what indexes list, in a second child: the first told which there are."""
    if not internal:
        return {}
    believed = [] if rest is None else [rest.number]
    numbers = [index.number for index in internal]
    facts = ask_pip(numbers, believed=believed)
    nothing = Listing(problem=facts.problem or "it was not asked")
    return {number: facts.listings.get(number, nothing) for number in (*numbers, *believed)}


def _ask_claims(
    internal: Sequence[Configured], claims: dict[str, Claims], listings: Mapping[int, Listing], console: Console
) -> None:
    for index in internal:
        while index.name not in claims:
            listing = listings[index.number]
            offer = f"; empty: the {len(listing.names)} that it lists now" if is_usable(listing) else ""
            answer = _ask(
                f"Names or prefixes (acme, billing-models) of {index.place}, separated by spaces{offer}:", console
            )
            if not answer and offer:
                break
            try:
                wanted = Claims()
                for text in answer.replace(",", " ").split():
                    wanted.add(text)
            except BadInputError as error:
                console.note(str(error))
                continue
            if wanted.patterns:
                claims[index.name] = wanted


def _ask_arrangements(beside: Mapping[str, Beside], console: Console) -> dict[str, str]:
    """Ask what the indexes are that have public names."""
    arranged = {}
    for name, found in beside.items():
        console.note("\n".join(found.describe()))
        for number, words in enumerate(("it has names of your own", "it is a mirror", "it is public too"), 1):
            console.note(f"  {number}  {words}")
        answer = ""
        while answer not in ("1", "2", "3"):
            answer = _ask(f"Which is {found.index.place}, beside {found.rest.place}? [1]", console) or "1"
        if answer != "1":
            arranged[name] = "same" if answer == "2" else "merge"
    return arranged


def _note_beside(own: Sequence[Configured], beside: Mapping[str, Beside], console: Console) -> None:
    """Say what else would fit an index that has public names, where its list was believed."""
    for index in own:
        if index.name in beside:
            found = beside[index.name]
            console.note("\n".join([*found.describe(), *found.advise()]), YELLOW)


def _explain_silence(
    silent: Sequence[Silent], beside: Mapping[str, Beside], arguments: argparse.Namespace, *, several: bool
) -> str:
    """Say why nothing is written, and the command that would write it: the same one with what is missing."""
    claims = [f"{one.index.name}=YOUR-PREFIX" if several else "YOUR-PREFIX" for one in silent]
    options = [text for claim in (*arguments.claim, *claims) for text in ("--claim", claim)]
    found = [beside[one.index.name] for one in silent if one.index.name in beside]
    return "\n".join(
        [
            "which names are internal cannot be told from the indexes, and a policy that guesses would be wrong:",
            *(f"    {one.index.place}: {one.reason}" for one in silent),
            *(f"    {line}" for one in found for line in (*one.describe(), *one.advise())),
            "    say it, once for each name or prefix (acme stands for acme and acme-*):",
            f"        {_command(arguments, *options)}",
        ]
    )


# The tables


def _table(index: Configured, claims: Claims) -> IndexTable:
    comments = []
    if claims.namespaces:
        comments.append(f"`{claims.namespaces[0]}` stands for {claims.namespaces[0]} and {claims.namespaces[0]}-*.")
    if claims.listed:
        today = datetime.now(timezone.utc).date().isoformat()
        comments.append(
            f"The names that this index listed on {today}. A name that is published there later is not claimed until it"
            " is added here: until then it is taken from the index with `*`. A common prefix under `namespaces` is safer."
        )
    elif claims.patterns:
        comments.append("Names of this index that are not claimed here are taken from the index with `*`.")
    return IndexTable(
        index.name,
        str(index.place),
        tuple(claims.namespaces),
        tuple(claims.packages),
        insecure=is_insecure(index.place),
        comments=tuple(comments) + _insecure_comment(index),
    )


def _rest_table(index: Configured, mirrors: Sequence[Configured], *, is_merged: bool) -> IndexTable:
    all_of_it = [index, *mirrors]
    comments = [] if is_merged else ["Every name that nothing above claims."]
    if mirrors:
        comments.insert(0, "These serve the same content: a name may come from each of them.")
    return IndexTable(
        index.name,
        str(index.place),
        mirrors=tuple(str(mirror.place) for mirror in mirrors),
        packages=() if is_merged else ("*",),
        insecure=any(is_insecure(one.place) for one in all_of_it),
        comments=(*comments, *dict.fromkeys(comment for one in all_of_it for comment in _insecure_comment(one))),
    )


def _insecure_comment(index: Configured) -> tuple[str, ...]:
    if not is_insecure(index.place):
        return ()
    return ("pip is configured with http here: anyone on the way can change what it brings.",)


# The file


def _output(arguments: argparse.Namespace) -> Path | None:
    """Return where to write; None is standard output.

    :raises BadInputError: the file is there, or there is no place.
    """
    if arguments.output == "-":
        return None
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    text = arguments.output or (machine_policy_path() if is_root else user_policy_path())
    if not text:
        raise BadInputError("this user has no home folder: say where to write with --output")
    path = Path(text)
    if os.path.lexists(path) and not arguments.force:
        raise BadInputError(f"{path} is there already; with --force it is overwritten")
    return path


def _finish(text: str, path: Path | None, arguments: argparse.Namespace, console: Console) -> None:
    content = text.encode("utf-8")
    policy = read_policy(content, "<init>" if path is None else str(path))  # a fault would be a mistake of ours
    if path is None:
        console.lines(text.rstrip("\n"))
        return
    if not arguments.yes:
        console.note(text)
        if _ask(f"Write {path}? {_reach(path)} [Y/n]", console).lower() not in ("", "y", "yes"):
            raise BadInputError("nothing was written")
    write_file(path, content, force=arguments.force)
    console.line(f"wrote {path}", GREEN)
    console.note(f"  {_reach(path)}")
    if policy.mode == "audit" and str(path.absolute()) not in (machine_policy_path(), interpreter_policy_path()):
        console.note(
            "  The built-in rule stays in force beside it: a name that several indexes offer is refused.", YELLOW
        )
    for lint in lint_policy(policy):
        console.note(f"  lint   {lint}")
    _note_distrust(path, console)


def _reach(path: Path) -> str:
    """Say for which pips the file counts."""
    places = {
        machine_policy_path(): "every guarded pip of this machine",
        interpreter_policy_path(): f"every guarded pip of {sys.base_prefix} and its virtual environments",
        user_policy_path(): "every guarded pip of this user",
    }
    if str(path.absolute()) in places:
        return f"It counts for {places[str(path.absolute())]}."
    return f"It counts where INDEXGUARD_POLICY={shlex.quote(str(path.absolute()))} is set."


def _note_distrust(path: Path, console: Console) -> None:
    """Warn of a place in which pip would refuse the file: others may write there."""
    faults = survey_layers({VARIABLE: str(path.absolute())}).faults
    for error in faults:
        if error.path == str(path.absolute()):
            for fault in error.faults:
                console.note(f"  pip will stop at it: {fault}", YELLOW)
            return


def _ask(question: str, console: Console) -> str:
    """Ask on the terminal.

    :raises BadInputError: the terminal is closed.
    """
    console.err.write(f"{escape(question)} ")
    console.err.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise BadInputError("no answer; with --yes nothing is asked")
    return answer.strip()


COMMAND = Command.of("init", add_options, run)
