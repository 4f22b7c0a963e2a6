"""``indexguard log record``: a policy that allows what the log saw, and nothing more."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...audit.kinds import SELECTED
from ...errors import AMBIGUOUS_NAME, SHADOWED_NAME, UNCLAIMED_INTERNAL
from ...logs.query import Wanted
from ...logs.record import table, text, texts
from ...patterns import normalise_name, parse_pattern
from ...policy.identity import PYPI, Location
from ...policy.reader import read_policy
from ...survey.pip_facts import PipFacts, ask_pip
from ..console import GREEN, YELLOW, Console, count
from ..files import write_file
from ..parsing import BadInputError, Command
from ..policy.policy_text import IndexTable, is_insecure, name_index, render
from .source import add_files, add_times, read_events

_OFFERS = (AMBIGUOUS_NAME, UNCLAIMED_INTERNAL)
"""Codes that say of an index that it has a name which came from another one."""

_MOST_TOLD = 20


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument(
        "--public",
        metavar="URL",
        action="append",
        default=[],
        help="an index where anyone can register a name, beside pypi",
    )
    group.add_argument("--rest", metavar="URL", help="the index of all other names (default: the public one)")
    group.add_argument(
        "--mode", metavar="MODE", choices=("audit", "enforce"), default="enforce", help="audit or enforce (the default)"
    )
    group.add_argument("--output", metavar="PATH", help="where to write (default: standard output)")
    group.add_argument("--force", action="store_true", help="overwrite a file that is there")
    add_times(group)
    group.add_argument("--json", action="store_true", help="print one JSON object instead of the policy")
    add_files(group)


@dataclass
class Observed:
    """What pip chose from which index."""

    chosen: dict[str, Counter[Location]] = field(default_factory=dict)
    """For each name, how often it came from each index."""
    offered: dict[str, set[Location]] = field(default_factory=dict)
    """For each name, indexes that offered it although it did not come from there."""
    moved: dict[str, set[Location]] = field(default_factory=dict)
    """For each name, pages of other indexes that answered in the place of the one that was asked."""
    shadows: dict[str, set[Location]] = field(default_factory=dict)
    """For each name, public indexes that offered it although it belongs to another one: no name is theirs for that."""
    others: dict[str, set[Location]] = field(default_factory=dict)
    """For each name, indexes that it came from and that are not its own by the policy that was in force."""
    rules: dict[str, tuple[str, str, tuple[str, ...]]] = field(default_factory=dict)
    """For each name, the claim of the log's own policy that it falls under: pattern, where it stands, its indexes."""
    owners: dict[str, Location] = field(default_factory=dict)
    """For each pattern that a policy of the log claims, the index that its names came from as their own."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Choices that no policy is made from, by reason."""

    @classmethod
    def of(cls, events: Iterable[dict[str, Any]], facts: PipFacts) -> Observed:
        """Read events."""
        found = cls()
        for event in events:
            found._note_rule(event)
            if event["event"] == SELECTED:
                found._choose(event, facts)
            elif event.get("code") in _OFFERS or event.get("code") == SHADOWED_NAME:
                place = facts.locate(text(event, "index_asked"))
                if place is not None and not place.is_local:
                    known = found.shadows if event["code"] == SHADOWED_NAME else found.offered
                    known.setdefault(text(event, "name"), set()).add(place)
        return found

    def _note_rule(self, event: dict[str, Any]) -> None:
        """Note the claim that a name falls under by the policy that was in force."""
        rule = table(event, "rule")
        pattern, name = text(rule, "pattern"), text(event, "name")
        if not pattern or pattern == "*" or not name:
            return
        try:
            parse_pattern(pattern)
        except ValueError:
            return
        where = f"{text(rule, 'file')} {text(rule, 'key')}"
        self.rules[name] = (pattern, where, tuple(texts(rule, "indexes")))

    def _choose(self, event: dict[str, Any], facts: PipFacts) -> None:
        name = text(event, "name")
        asked = facts.locate(text(event, "index_asked"))
        reason = _find_obstacle(name, asked, event)
        if reason is not None or asked is None:
            self.left_out[reason or ""] += 1
            return
        self.chosen.setdefault(name, Counter())[asked] += 1
        origin = text(table(event, "chosen"), "origin")
        if origin == "other":
            self.others.setdefault(name, set()).add(asked)
        if name in self.rules and origin == "own":
            self.owners.setdefault(self.rules[name][0], asked)
        answered = facts.locate(text(event, "index_answered"))
        if answered is None or not answered.is_at_or_under(asked):
            self.moved.setdefault(name, set()).add(asked if answered is None else answered)

    def is_foreign(self, name: str, place: Location) -> bool:
        """Tell whether the log's own policy gives a name to another index than one that it came from."""
        is_other = name in self.rules and place in self.others.get(name, set())
        return is_other or place in self.shadows.get(name, set())

    @property
    def indexes(self) -> list[Location]:
        """Every index that something came from, the most used first."""
        uses: Counter[Location] = Counter()
        for places in self.chosen.values():
            uses.update(places.keys())
        return [place for place, _ in sorted(uses.items(), key=lambda item: (-item[1], str(item[0])))]


def _find_obstacle(name: str, asked: Location | None, event: dict[str, Any]) -> str | None:
    """Return why a choice says nothing of an index; None if it does."""
    try:
        is_name = parse_pattern(name).exact and normalise_name(name) == name
    except ValueError:
        is_name = False
    if not is_name:
        return "its name is not a project name"
    if asked is None:
        return "its index has no single meaning"
    if asked.is_local:
        return "it was a local file"
    return None if text(event, "index_answered") else "it came by a URL and from no index"


@dataclass(frozen=True)
class Proposal:
    """Which names each index gets."""

    names: Mapping[Location, str]
    """Of the indexes, in the policy."""
    claims: Mapping[Location, tuple[str, ...]]
    public: frozenset[Location]
    rest: Location | None
    undecided: Mapping[str, tuple[str, ...]]
    """What is to be decided of a name, by name."""
    by_rest: int
    """How many names are left to the index of all other names."""

    @classmethod
    def of(cls, observed: Observed, public: frozenset[Location], rest: Location | None) -> Proposal:
        """Give each name to the one index that it came from.

        :param rest: the index of all other names.
        """
        names: dict[Location, str] = {}
        for place in [*observed.indexes, *([rest] if rest is not None else [])]:
            if place not in names:
                names[place] = name_index(place, names.values())
        claims: dict[Location, list[str]] = {place: [] for place in names}
        undecided: dict[str, tuple[str, ...]] = {}
        by_rest = 0
        for name, places in sorted(observed.chosen.items()):
            if _is_claimed(name, observed):
                pattern, where, _ = observed.rules[name]
                claims[observed.owners[pattern]] += _written(pattern, where)
                continue
            undecided.update(_explain(name, observed, names))
            # What a public index offers under a name of another one is the attack: it must not become the rule.
            fine = [place for place in places if not observed.is_foreign(name, place)]
            if len(fine) != 1 or name in observed.moved:
                continue
            (place,) = fine
            if place == rest:
                by_rest += 1
            else:
                claims[place].append(name)
        return cls(
            names, {place: tuple(dict.fromkeys(own)) for place, own in claims.items()}, public, rest, undecided, by_rest
        )

    def tables(self) -> list[IndexTable]:
        """Return the tables of the policy, that of the other names last."""
        places = sorted(self.names, key=lambda place: (place == self.rest, self.names[place]))
        return [self._table(place) for place in places if self.claims[place] or place == self.rest]

    def _table(self, place: Location) -> IndexTable:
        comment = (
            "Every name that nothing above claims."
            if place == self.rest
            else "Names that the policy of the log gives to this index, or that only it served."
            if any(name.endswith("*") for name in self.claims[place])
            else "Names that only this index served."
        )
        return IndexTable(
            self.names[place],
            str(place),
            packages=("*",) if place == self.rest else self.claims[place],
            insecure=is_insecure(place),
            public=place in self.public and place != PYPI,
            comments=(comment,),
        )


def _is_claimed(name: str, observed: Observed) -> bool:
    """Tell whether the log's own policy claims a name for one index, and the log tells which that is."""
    rule = observed.rules.get(name)
    return rule is not None and len(rule[2]) == 1 and rule[0] in observed.owners


def _written(pattern: str, where: str) -> list[str]:
    """Return the entries for a pattern: a namespace is two of them."""
    stem = pattern.removesuffix("-*")
    return [stem, f"{stem}-*"] if ".namespaces" in where and not stem.endswith("*") else [pattern]


def _explain(name: str, observed: Observed, names: Mapping[Location, str]) -> dict[str, tuple[str, ...]]:
    """Return what is to be decided of a name; nothing where one index, and no other, has it."""
    places = observed.chosen[name]
    uses = sorted((-number, names[place]) for place, number in places.items())
    told = [f"chosen from {index} ({count(-number, 'time')})" for number, index in uses]
    others = sorted(observed.offered.get(name, set()) - set(places), key=str)
    told += [f"offered by {names.get(place, place)}" for place in others]
    told += [f"answered by {place}" for place in sorted(observed.moved.get(name, set()), key=str)]
    squatters = sorted(observed.shadows.get(name, set()), key=str)
    told += [f"a squatter on {names.get(place, place)}" for place in squatters if place in places]
    if name in observed.rules and any(observed.is_foreign(name, place) for place in places):
        _, where, indexes = observed.rules[name]
        told.append(f"belongs to {' or '.join(indexes) or 'no index'} by {where}")
    return {name: tuple(told)} if len(told) > 1 else {}


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Write a policy.

    :raises BadInputError: the log tells nothing, or the file cannot be written.
    """
    facts = ask_pip()
    if facts.pypi is None:
        console.note(f"the address of the public index is not known: {facts.problem or 'pip names none'}", YELLOW)
    chosen = Wanted.of({**vars(arguments), "drills": False})
    observed = Observed.of(filter(chosen.matches, read_events(arguments, console)), facts)
    public = frozenset([PYPI, *(_read_url(url, facts) for url in arguments.public)])
    proposal = Proposal.of(observed, public, _find_rest(observed, public, arguments.rest, facts))
    tables = proposal.tables()
    _check_worth(observed, proposal, tables, arguments)
    policy = render(_header(proposal, observed), tables, arguments.mode)
    read_policy(policy.encode(), arguments.output or "<record>")  # a fault would be a mistake of ours
    if arguments.output is not None:
        write_file(Path(arguments.output), policy.encode(), force=arguments.force)
        console.note(f"wrote {arguments.output}", GREEN)
    if arguments.json:
        console.json(_as_json(proposal, observed, policy))
    elif arguments.output is None:
        console.lines(policy.rstrip("\n"))
    for reason, number in observed.left_out.most_common():
        console.note(f"left out: {count(number, 'choice')}, because {reason}")
    if proposal.undecided:
        console.note(f"to be decided: {count(len(proposal.undecided), 'name')}, named at the top of the policy", YELLOW)
    return 0


def _find_rest(observed: Observed, public: frozenset[Location], wanted: str | None, facts: PipFacts) -> Location | None:
    """Return the index of all other names: the one that was asked for, or the public one if it is the only one."""
    if wanted is not None:
        return _read_url(wanted, facts)
    found = [place for place in observed.indexes if place in public]
    return PYPI if PYPI in found else found[0] if len(found) == 1 else None


def _read_url(url: str, facts: PipFacts) -> Location:
    place = facts.locate(url)
    if place is None or place.is_local:
        raise BadInputError(f"found {facts.show(url)!r}, expected the URL of an index, or pypi")
    return place


def _check_worth(
    observed: Observed, proposal: Proposal, tables: list[IndexTable], arguments: argparse.Namespace
) -> None:
    if not observed.chosen and arguments.rest is None:
        raise BadInputError("the log tells of no file that pip chose from an index; nothing was written")
    if tables and (arguments.rest is not None or any(proposal.claims.values())):
        return
    if proposal.undecided:
        lines = _tell(proposal.undecided)
        more = [f"and {len(lines) - _MOST_TOLD} more names"] if len(lines) > _MOST_TOLD else []
        raise BadInputError(
            "more than one index has each of the names that are not public, so whose they are is yours to say; nothing was"
            " written\n" + "\n".join(f"    {line}" for line in [*lines[:_MOST_TOLD], *more])
        )
    places = ", ".join(str(place) for place in observed.indexes)
    raise BadInputError(
        f"no name came from an index that is not public, so there is nothing to claim; nothing was written\n"
        f"    what pip chose came from {places}\n"
        f"    to refuse every other index from now on: --rest {places.partition(', ')[0]}"
    )


def _tell(undecided: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [f"{name}: {', '.join(told)}" for name, told in undecided.items()]


def _header(proposal: Proposal, observed: Observed) -> list[str]:
    choices = sum(sum(places.values()) for places in observed.chosen.values())
    header = [
        f"Proposed by `indexguard log record` from {count(choices, 'choice')} of pip.",
        "Read it before it counts, and judge the log by it: `indexguard log replay`.",
        "The most specific entry decides which index a name belongs to; no other index may serve it.",
    ]
    if proposal.rest is None:
        header.append(
            "A name that is not listed here is refused: no index has `*`. With --rest, one gets all other names."
        )
    if proposal.undecided:
        after = "is refused" if proposal.rest is None else f"belongs to {proposal.names[proposal.rest]}, by `*`"
        header.append(
            "TO BE DECIDED: more than one index has these names. Add each to the `packages` of the index that it "
            f"belongs to; one that stands nowhere below {after}."
        )
        header += [f"  {line}" for line in _tell(proposal.undecided)]
    return header


def _as_json(proposal: Proposal, observed: Observed, policy: str) -> dict[str, Any]:
    return {
        "policy": policy,
        "indexes": [
            {"name": table.name, "url": table.url, "packages": list(table.packages)} for table in proposal.tables()
        ],
        "undecided": [{"name": name, "found": list(told)} for name, told in proposal.undecided.items()],
        "by_rest": proposal.by_rest,
        "left_out": [{"reason": reason, "events": number} for reason, number in observed.left_out.most_common()],
    }


COMMAND = Command.of("log record", add_options, run)
