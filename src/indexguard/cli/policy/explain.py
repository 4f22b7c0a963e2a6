"""``indexguard explain``: which rule decides a name, in every layer, and what comes of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

from ...decision.authority import Authority
from ...decision.outcome import ask, find_watching
from ...decision.typosquat import NOTHING, Near, Suspicion, add_suspicion, judge_name
from ...decision.verdict import PASS, Finding, Verdict
from ...errors import CODES, UNKNOWN_INDEX, escape, join_key
from ...patterns import Name, normalise_name, parse_pattern
from ...policy.hints import find_nearest, find_reason
from ...policy.identity import Location, is_remote_page, redact
from ...policy.layers import find_layers
from ...policy.model import Known, Layer, Policy
from ...policy.rules import Rule
from ...survey.pip_facts import PipFacts, ask_pip
from ...typosquat.likeness import Likeness
from ...typosquat.watch import Watch
from ...versions import is_version
from ..console import BOLD, GREEN, RED, YELLOW, Console
from ..parsing import BadInputError, Command
from . import serving
from .codes import describe, table
from .refused import Refused, as_json

_BUILT_IN = "a name that more than one remote index offers is refused (ambiguous-name)"


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options and arguments of this command."""
    group.add_argument("--version", metavar="V", help="also say whether this version is allowed")
    group.add_argument(
        "--index", metavar="URL", action="append", help="an index, instead of those that pip is configured with"
    )
    serving.add_options(group)
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument("--code", metavar="CODE", choices=tuple(CODES), help="explain a code instead of a name")
    group.add_argument("--codes", action="store_true", help="print the table of all codes")
    group.add_argument("name", metavar="NAME", nargs="?", help="a project name, in any spelling")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Explain one name; 1 if no index is asked for it, or the version is not allowed; 2 if nobody knows the indexes.

    :raises BadInputError: NAME is no project name, or missing; an index that is no URL.
    :raises PolicyError: a layer cannot be read.
    """
    if arguments.codes:
        console.lines(table())
        return 0
    if arguments.code:
        return _explain_code(arguments.code, console)
    name = _read_name(arguments.name)
    if arguments.version is not None and not is_version(arguments.version):
        raise BadInputError(f"found {arguments.version!r} after --version, expected a version (PEP 440), such as 1.4")
    version, age = serving.read_file(arguments, name)
    facts = ask_pip()
    found = find_layers()
    layers = found.layers
    if facts.pypi is not None:
        layers = tuple(replace(layer, policy=layer.policy.resolve_pypi(facts.pypi)) for layer in layers)
    urls = find_places(facts) if arguments.index is None else tuple(map(_read_url, arguments.index))
    is_known = arguments.index is not None or facts.problem is None
    refused = Refused(layers, name, datetime.now(timezone.utc).date(), lambda text: console.note(text, YELLOW))
    explanation = Explanation.of(
        name,
        layers,
        facts,
        urls,
        version,
        built_in=found.builtin_rule_applies,
        built_in_audited=found.builtin_rule_audited,
        file=(arguments.file, age, arguments.sha256),
        refused=refused,
    )
    if facts.problem is not None:
        console.note(f"what pip is configured with is not known: {facts.problem}", YELLOW)
    if arguments.json:
        console.json(explanation.as_json(is_known=is_known))
    else:
        _print(explanation, console, is_known=is_known)
    if not explanation.is_allowed:
        return 1
    return 0 if is_known else 2


@dataclass(frozen=True)
class Asked:
    """What becomes of one index."""

    shown: str
    verdict: Verdict
    is_local: bool = False
    near: str | None = None
    """Why no policy knows it: what nobody can read in its URL, or what differs from an index that a policy names."""

    @property
    def is_asked(self) -> bool:
        """Whether the index is asked for files that may be installed."""
        return self.verdict.refusal is None

    def __str__(self) -> str:
        refusal = self.verdict.refusal
        if self.is_local:
            return "local: its files are judged one by one"
        if refusal is not None:
            probed = "; asked once, for squatters only" if self.verdict.probes else ""
            return f"not asked: {refusal.code}{probed}"
        observed = ", ".join(finding.code for finding in self.verdict.observed)
        return f"asked (a layer in audit mode would log: {observed})" if observed else "asked"


@dataclass(frozen=True)
class Explanation:
    """All that is said of one name."""

    name: Name
    layers: tuple[Layer, ...]
    built_in: bool
    asked: tuple[Asked, ...]
    missing: tuple[Finding, ...]
    """Layers of whose index none is configured."""
    version: str | None
    of_version: Verdict
    """What the layers say of that version."""
    same_file: Verdict
    """What they say of a file that the name's own index and a public one list alike."""
    served: tuple[serving.Served, ...]
    """What becomes of the file that was asked about, from each index that is asked; empty where none was."""
    today: date
    suspicion: Suspicion = NOTHING
    """What they say of the name itself, where it is nearly another one."""
    refused: Refused | None = None
    """What the layers deny, and what their records say."""
    denied: Verdict = PASS
    """By what of that the version is refused."""
    built_in_audited: bool = False
    """Whether the built-in rule is only logged."""

    @classmethod
    def of(
        cls,
        name: Name,
        layers: Sequence[Layer],
        facts: PipFacts,
        urls: Sequence[str],
        version: str | None,
        *,
        built_in: bool,
        built_in_audited: bool = False,
        refused: Refused | None = None,
        file: tuple[str | None, timedelta | None, str | None] = (None, None, None),
    ) -> Explanation:
        """Ask the heart.

        :param file: name, age and sha256 of a file; None where that is not told.
        """
        today = datetime.now(timezone.utc).date()
        authority = Authority(layers, name, today)
        places = [(url, facts.locate(url)) for url in urls]
        near = [Near(layer, it) for layer in find_watching(authority) if (it := _find_meant(layer, name)) is not None]
        suspicion = judge_name(authority, near, today)
        asked = tuple(_ask(authority, facts, url, place, suspicion) for url, place in places)
        configured = authority.configured([place for _, place in places if place is not None])
        missing = configured.findings if urls else ()
        of_version = PASS if version is None else authority.version(version)
        same_file = authority.same_file()
        pages = [(it.shown, it.verdict, place) for it, (_, place) in zip(asked, places)]
        served = serving.judge_file(authority, pages, version, file)
        asking = (place for one, (_, place) in zip(asked, places) if one.is_asked and not one.is_local)
        denied = PASS if refused is None else refused.judge(version, tuple(asking))
        told = (missing, version, of_version, same_file, served, today, suspicion, refused, denied, built_in_audited)
        return cls(name, tuple(layers), built_in, asked, *told)

    def known_in(self, layer: Layer) -> Known | None:
        """Return what a layer knows of a public project of this name, if it does."""
        return layer.policy.find_known(self.name, self.today)

    def meant_in(self, layer: Layer) -> Finding | None:
        """Return what a layer says of a name that is nearly another one."""
        suspicion = self.suspicion
        found = (*suspicion.verdict.findings, *suspicion.warned, *suspicion.logged, *suspicion.waived)
        return next((finding for finding in found if finding.layer is layer), None)

    @property
    def is_allowed(self) -> bool:
        """Whether some index is asked for the name, and the version allowed."""
        is_asked = not self.asked or any(place.is_asked for place in self.asked)
        may_come = not self.served or any(it.judged.verdict.refusal is None for it in self.served)
        return is_asked and may_come and self.of_version.refusal is None and self.denied.refusal is None

    def as_json(self, *, is_known: bool = True) -> dict[str, Any]:
        """Return the explanation for a machine.

        :param is_known: whether the indexes are; without them nothing is allowed for certain.
        """
        refused = [finding.layer for finding in self.of_version.findings]
        dropping = [finding.layer for finding in self.same_file.findings]
        return {
            "name": self.name,
            "version": self.version,
            "allowed": self.is_allowed if is_known or not self.is_allowed else None,
            "built_in_rule": self.built_in,
            "built_in_rule_audited": self.built_in_audited,
            "denied": as_json(self.denied),
            "layers": [
                {
                    "layer": layer.kind,
                    "file": layer.path,
                    "mode": layer.policy.mode,
                    "rules": [_rule_as_json(rule, self.today) for rule in matching_rules(layer.policy, self.name)],
                    "version_allowed": None if self.version is None else layer not in refused,
                    "same_file_dropped": layer in dropping,
                    "meant": finding.meant if (finding := self.meant_in(layer)) is not None else None,
                    "known": known.key if (known := self.known_in(layer)) is not None else None,
                }
                for layer in self.layers
            ],
            "indexes": [
                {
                    "url": place.shown,
                    "asked": place.is_asked,
                    "probed": place.verdict.probes,
                    "near": place.near,
                    "findings": [
                        {
                            "code": finding.code,
                            "enforced": finding.enforced,
                            "file": finding.layer and finding.layer.path,
                        }
                        for finding in place.verdict.findings
                    ],
                }
                for place in self.asked
            ],
            "served": [it.as_json() for it in self.served],
            "not_configured": [
                {"file": finding.layer and finding.layer.path, "indexes": finding.rule and list(finding.rule.indexes)}
                for finding in self.missing
            ],
        }


def matching_rules(policy: Policy, name: Name) -> list[Rule]:
    """Return every rule that matches, the one that decides first."""
    matching = [rule for rule in policy.rules if rule.pattern.matches(name)]
    return sorted(matching, key=lambda rule: rule.pattern.rank, reverse=True)


def find_places(facts: PipFacts) -> tuple[str, ...]:
    """Return the URLs that pip asks for a name: its indexes, and the remote pages of --find-links, which a policy may name."""
    return tuple(dict.fromkeys((*facts.indexes, *filter(is_remote_page, facts.find_links))))


def _ask(authority: Authority, facts: PipFacts, url: str, place: Location | None, suspicion: Suspicion) -> Asked:
    if place is not None and place.is_local:
        return Asked(str(place), authority.local_file(), is_local=True)
    verdict = add_suspicion(ask(authority, place, unverified=facts.is_trusted(url)), suspicion)
    return Asked(facts.show(url), verdict, near=_find_near(url, place, verdict))


def _find_near(url: str, place: Location | None, verdict: Verdict) -> str | None:
    refusal = verdict.refusal
    if refusal is None or refusal.code != UNKNOWN_INDEX or refusal.layer is None:
        return None
    if place is None:
        return find_reason(url)
    found = find_nearest(place, refusal.layer.policy)
    return None if found is None else f"nearly {found[1]}, {join_key('indexes', found[0])}.url: {found[2]}"


def _read_url(text: str) -> str:
    if text != "pypi" and "://" not in text and not text.startswith("file:"):
        raise BadInputError(f"--index {redact(text)!r} is not a URL")
    return text


def _read_name(text: str | None) -> Name:
    if text is None:
        raise BadInputError("give a project name, or --code or --codes")
    try:
        pattern = parse_pattern(text)
    except ValueError:
        pattern = None
    if pattern is None or not pattern.exact:
        raise BadInputError(f"{text!r} is not a project name; a version goes into --version")
    return normalise_name(text)


def _explain_code(name: str, console: Console) -> int:
    title, *lines = describe(name)
    console.line(title, BOLD)
    for line in lines:
        console.line(line)
    return 0


def _print(explanation: Explanation, console: Console, *, is_known: bool) -> None:
    console.line(explanation.name, BOLD)
    if explanation.built_in:
        console.line(f"no policy decides names here, so the built-in rule holds: {_BUILT_IN}")
    elif explanation.built_in_audited:
        console.line(f"a policy in audit mode has the built-in rule only logged, and nothing is dropped: {_BUILT_IN}")
    for layer in explanation.layers:
        _print_layer(explanation, layer, console)
    _print_indexes(explanation.asked, console)
    for line in [line for it in explanation.served for line in it.lines()]:
        console.line(line, YELLOW)
    for finding in explanation.missing:
        if finding.rule is not None and finding.layer is not None:
            console.line(f"index-not-configured: pip has no index {_urls(finding.layer.policy, finding.rule)}", YELLOW)
    version = "" if explanation.version is None else f" {explanation.version}"
    shown = [place.shown for place in explanation.asked if place.is_asked]
    if explanation.is_allowed and not is_known:
        console.line(
            f"whether {explanation.name}{version} may be installed depends on the indexes: give them with --index",
            YELLOW,
        )
    elif explanation.is_allowed and not explanation.asked:
        console.line(
            f"pip is configured with no index, so {explanation.name}{version} can only come from local files or a URL",
            YELLOW,
        )
    elif explanation.is_allowed:
        source = " or ".join(shown)
        remote = [place for place in explanation.asked if place.is_asked and not place.is_local]
        only_one = ", if only one of them offers it" if explanation.built_in and len(remote) > 1 else ""
        console.line(f"{explanation.name}{version} may come from {source}{only_one}", GREEN)
    else:
        codes = ", ".join(dict.fromkeys(it.code for it in explanation.denied.findings if it.enforced))
        console.line(f"{explanation.name}{version} is refused{f' ({codes})' if codes else ''}", RED)


def _print_indexes(asked: Sequence[Asked], console: Console) -> None:
    if asked:
        console.line("indexes:")
        console.table([(place.shown, str(place)) for place in asked])
    for place in asked:
        if place.near is not None:
            console.line(f"{place.shown} is unknown: {place.near}", YELLOW)


def _print_layer(explanation: Explanation, layer: Layer, console: Console) -> None:
    console.line(f"{layer.kind} policy {layer.path} ({layer.policy.mode})")
    if explanation.refused is not None:
        for label, text in explanation.refused.details(layer, explanation.version):
            console.line(f"  {label:<10}  {escape(text)}")
    if not layer.policy.indexes:
        console.line("  it has no [indexes], so it has no opinion on names")
        return
    rules = matching_rules(layer.policy, explanation.name)
    if not rules:
        console.line("  no rule matches the name: no index is asked (unmatched-name)")
        return
    first, *others = rules
    console.line(f"  decided by  {first.key}: `{first.pattern}` belongs to {_urls(layer.policy, first)}")
    for label, text in _details(explanation, layer, first):
        console.line(f"  {label:<10}  {text}")
    for rule in others:
        console.line(f"  not by      {rule.key}: `{rule.pattern}` of {', '.join(rule.indexes)} is less specific")


def _shadow_details(explanation: Explanation, layer: Layer, rule: Rule) -> list[tuple[str, str]]:
    """Say what becomes of public files of a claimed name, where that is not the usual."""
    details = []
    known = explanation.known_in(layer)
    if known is not None and not rule.pattern.is_catch_all:
        until = "" if known.expires is None else f" until {known.expires.isoformat()}"
        reason = "" if known.reason is None else f": {known.reason}"
        details.append(("known", f"public files are dropped without a warning{until} ({known.key}{reason})"))
    if layer in [finding.layer for finding in explanation.same_file.findings]:
        details.append(("same file", "a file that a public index lists with one sha256 is dropped (shadow.same-file)"))
    return details


def _details(explanation: Explanation, layer: Layer, rule: Rule) -> list[tuple[str, str]]:
    kind = (
        "not claimed: only `*` matches" if rule.pattern.is_catch_all else "claimed: no other index may serve the name"
    )
    details = [("", kind)]
    if rule.versions is not None:
        answer = ""
        if explanation.version is not None:
            allowed = rule.versions.contains(explanation.version)
            answer = f": {explanation.version} is {'allowed' if allowed else 'refused (version-not-allowed)'}"
        details.append(("versions", f"{rule.versions}{answer}"))
    own = map(layer.policy.index, rule.indexes)
    details += [("verified", f"{it.name}: by the certificates of {it.ca} alone") for it in own if it.ca is not None]
    details += serving.details_of(layer, rule, explanation.name, explanation.today)
    if rule.reason is not None:
        details.append(("reason", rule.reason))
    meant = explanation.meant_in(layer)
    if meant is not None:
        details.append(("perhaps", f"did you mean {meant.meant}? {_what_of(meant, explanation)}"))
    details += _shadow_details(explanation, layer, rule)
    if rule.expires is not None:
        ended = " (expired: still claimed, nothing allowed)" if rule.is_expired(explanation.today) else ""
        details.append(("expires", f"{rule.expires.isoformat()}{ended}"))
    return details


def _find_meant(layer: Layer, name: Name) -> Likeness | None:
    return Watch(*layer.policy.rules.stems(), layer.policy.typosquat).find_meant(name)


def _what_of(meant: Finding, explanation: Explanation) -> str:
    """Say what becomes of a name that is nearly another one; unless it is installed, or the project's lock has it."""
    suspicion = explanation.suspicion
    if meant in suspicion.waived:
        return f"waived ({meant.key})"
    if meant in suspicion.verdict.findings:
        return 'no index is asked for it (typosquat.action = "block"), unless it is installed or in a lock'
    later = "; a project of one release, or a young one, is a worse sign"
    return ("only logged" if meant in suspicion.logged else "the user is told") + later


def _urls(policy: Policy, rule: Rule) -> str:
    urls = {name: ", ".join(map(str, policy.index(name).urls)) for name in rule.indexes}
    return " or ".join(name if name == url else f"{name} ({url})" for name, url in urls.items())


def _rule_as_json(rule: Rule, today: date) -> dict[str, Any]:
    return {
        "key": rule.key,
        "pattern": str(rule.pattern),
        "indexes": list(rule.indexes),
        "versions": None if rule.versions is None else str(rule.versions),
        "reason": rule.reason,
        "expires": None if rule.expires is None else rule.expires.isoformat(),
        "expired": rule.is_expired(today),
    }


COMMAND = Command.of("explain", add_options, run)
