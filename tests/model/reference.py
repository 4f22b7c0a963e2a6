"""What the policy's description allows of references that go round every index, written down as in ``policy_model``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from model.one_policy import answering_index, comes_from, files_from, judge_direct, places_of, rule_for
from model.policy import Lookup, judge
from model.serving import FILE_KEYS, find_term
from model.web import PYPI_FILES, PYPI_URL, Download, Place, World, normal, place_of, travel


@dataclass(frozen=True)
class Reference:
    """A distribution that is asked for by URL."""

    name: str
    """In the requirement, or in the name of the file."""
    url: str
    told_name: str
    """The name in its metadata."""
    brings: tuple[Reference, ...] = ()
    """What its metadata asks for."""
    version: str = "1.0"

    @property
    def is_repository(self) -> bool:
        """Whether a version control system would fetch it."""
        return self.url.startswith("git+")

    @property
    def is_project(self) -> bool:
        """Whether it is a local folder with a project in it."""
        return self.url.startswith("file:") and not self.url.endswith(".whl")


@dataclass(frozen=True)
class Parent:
    """A distribution that an index offers, and that brings references."""

    name: str
    url: str
    """Of the one file that is offered."""
    brings: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Errand:
    """What the user asks of one run of pip."""

    world: World
    given: tuple[Reference, ...]
    """On the command line, in a requirements or in a constraints file."""
    parents: tuple[Parent, ...] = ()
    locked: bool = False
    """Whether what is given comes from a lock file."""


@dataclass
class Outcome:
    """What may become of an errand."""

    codes: set[str] = field(default_factory=set)
    """Codes, with one of which the run is refused."""
    must: bool = False
    """Whether it is to be refused, unless pip gives up before."""
    fails: bool = False
    """Whether pip itself gives up."""
    may_fail: bool = False
    """Whether it may, for what the guard dropped or pip thinks of it; then what arrives is pip's matter."""
    may_ask: set[Place | None] = field(default_factory=set)
    """Every place that may be asked; all others never."""
    arrives: set[str] = field(default_factory=set)
    """The names of the distributions that arrive, if all do."""

    def refuse(self, codes: Iterable[str]) -> None:
        """Note that the run is refused for one of some codes."""
        self.codes |= set(codes)
        self.must = True


class _Clerk:
    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        self.world = errand.world
        self.policies = [layer.policy for layer in errand.world.layers if layer.enforces]
        self.given = {reference.url for reference in errand.given}
        self.outcome = Outcome()

    def run(self) -> Outcome:
        backtracks = [policy.get("when-nothing-left") == "backtrack" for policy in self.policies]
        # What a lock file names reaches pip's own selection from 26.2 on: then "pip's own behaviour" is to find nothing.
        self.outcome.may_fail = self.errand.locked and bool(backtracks) and all(backtracks)
        for parent in self.errand.parents:
            self._take_parent(parent)
        for reference in self.errand.given:
            self._take(reference, requested=True)
        return self.outcome

    def _take_parent(self, parent: Parent) -> None:
        expected = judge(self.world, Lookup(parent.name))
        self.outcome.may_ask |= set(expected.asked)
        if expected.refused:
            self.outcome.codes |= expected.refused
            self.outcome.must |= not expected.may_go_on
        if not expected.passing:
            self.outcome.fails = True
            return
        # Where an index keeps its files is its own matter.
        way, answer = travel(self.world, parent.url)
        opinions = [layer.policy for layer in self.world.layers if layer.enforces and layer.has_opinion]
        for left, url in zip([None, *way], way):
            codes = {code for policy in opinions for code in [_judge_file_hop(policy, parent.name, left, url)] if code}
            if codes:
                self.outcome.refuse(codes)
                return
            self.outcome.may_ask.add(place_of(url))
        if not isinstance(answer, Download):
            self._give_up(parent)
            return
        self._arrive(parent, answer, requested=False)

    def _take(self, reference: Reference, *, requested: bool) -> None:
        asks = self._asks_of_files(reference)
        held = self.errand.locked and not asks and self._is_held(reference)
        if asks:
            # The text: "The page is asked only … where a FILE key is set for the index; then the page's entry, not the
            # lock's, is judged by PAGE and FILE". None lists it here.
            expected = judge(self.world, Lookup(reference.name, locked=self.errand.locked))
            self.outcome.may_ask |= set(expected.asked)
            self.outcome.codes |= expected.refused
        if self.errand.locked and not all(layer.enforces for layer in self.world.layers):
            # To log "same decisions, same log lines" the page is looked at for a layer in audit mode, too; its
            # `direct-urls` alone can be what the lock is at odds with.
            self.outcome.may_ask |= set(judge(self.world, Lookup(reference.name, locked=self.errand.locked)).asked)
        codes = self._judge(reference, reference.url, requested=requested, held=held)
        if codes:
            if self.errand.locked and "locked-link" in codes:
                # The text: "or if the page of an index of the rule that pip is configured with lists it". None does here.
                expected = judge(self.world, Lookup(reference.name, locked=self.errand.locked))
                self.outcome.may_ask |= set(expected.asked)
                codes = codes | expected.refused
            self.outcome.refuse(codes)
            return
        if reference.is_repository or place_of(reference.url) is None:
            # No server of repositories is to be had, nor one under an unknown URL.
            self.outcome.may_ask.add(place_of(reference.url))
            self._give_up(reference)
            return
        # The text: "Redirects of the download count too."
        way, answer = travel(self.world, reference.url) if reference.url.startswith("http") else ([], None)
        for left, url in zip([None, *way], way):
            codes = self._judge(reference, url, requested=requested, held=held) | self._judge_hop(reference, left, url)
            if codes:
                self.outcome.refuse(codes)
                return
            self.outcome.may_ask.add(place_of(url))
        if way and not isinstance(answer, Download):
            self._give_up(reference)
            return
        if normal(reference.told_name) != reference.name:
            self._mismatch(reference, requested=requested and reference.is_project)
            return
        brings_requested = requested and reference.is_project
        self._arrive(reference, answer, requested=brings_requested)

    def _arrive(self, dist: Reference | Parent, answer: object, *, requested: bool) -> None:
        if isinstance(answer, Download) and normal(answer.told_name) != dist.name:
            self._mismatch(dist, requested=requested)
            return
        self.outcome.arrives.add(dist.name)
        self._bring(dist, requested=requested)

    def _bring(self, dist: Reference | Parent, *, requested: bool) -> None:
        if _is_at_odds(dist):
            self.outcome.fails = True
        for brought in dist.brings:
            self._take(brought, requested=requested or brought.url in self.given)

    def _judge(self, reference: Reference, url: str, *, requested: bool, held: bool) -> set[str]:
        if held:
            return {code for policy in self.policies for code in [_judge_held(policy, reference)] if code}
        if not self.errand.locked:
            return judge_direct(self.policies, reference.name, url, requested=requested)
        # The text: "else it is a requested direct URL"; each layer is evaluated alone.
        asks = self._asks_of_files(reference)
        free = [policy for policy in self.policies if asks or not _holds(policy, reference)]
        codes = judge_direct(free, reference.name, url, requested=True)
        if url != reference.url:
            return codes
        if asks:
            return {"locked-link" if code == "direct-url" else code for code in codes}
        codes |= {code for policy in self.policies for code in [_judge_held(policy, reference)] if code}
        return {"locked-link" if code == "direct-url" else code for code in codes}

    def _judge_hop(self, reference: Reference, left: str | None, url: str) -> set[str]:
        """Judge what the download of a lock's link is led to where it passes as a file of an index."""
        if self._asks_of_files(reference):
            return set()  # it passes as a direct URL only
        found: set[str] = set()
        for policy in self.policies if self.errand.locked else ():
            if not _holds(policy, reference):
                continue
            code = _judge_file_hop(policy, reference.name, left, url)
            if code is not None and not judge_direct([policy], reference.name, reference.url, requested=True):
                # To this layer it is an allowed reference, too, which may be led where those may.
                found |= judge_direct([policy], reference.name, url, requested=True)
            elif code is not None:
                found.add(code)
        return found

    def _asks_of_files(self, reference: Reference) -> bool:
        """Tell whether the page, not the lock, is asked about a file that a lock names."""
        place = place_of(reference.url)
        if not self.errand.locked or (place is not None and place.is_local):
            return False
        policies = [layer.policy for layer in self.world.layers if layer.has_opinion]
        return any(_asks_of_files(policy, reference.name) for policy in policies)

    def _is_held(self, reference: Reference) -> bool:
        """Tell whether the link of a lock file lies in an index of the name, in every layer."""
        return bool(self.policies) and all(_holds(policy, reference) for policy in self.policies)

    def _mismatch(self, dist: Reference | Parent, *, requested: bool) -> None:
        """The text: "the distribution's own metadata names another project than was authorised -> refused"."""
        enforced = any(layer.enforces and layer.has_opinion for layer in self.world.layers)
        # The text: "A machine or interpreter layer in `audit`, with or without `[indexes]`, turns it to audited".
        audited = any(layer.kind in ("machine", "interpreter") and not layer.enforces for layer in self.world.layers)
        if audited and not enforced:
            # An audit logs it. The new resolver has a check of its own, and may look elsewhere; the legacy one goes on.
            self.outcome.may_fail = True
            self._look_elsewhere(dist)
            self._bring(dist, requested=requested)
            return
        self.outcome.refuse({"name-mismatch"})
        self.outcome.fails |= _is_at_odds(dist)  # some pips see that before the name

    def _give_up(self, dist: Reference | Parent) -> None:
        """Note that pip cannot use it."""
        self.outcome.fails = True
        self._look_elsewhere(dist)

    def _look_elsewhere(self, dist: Reference | Parent) -> None:
        """Note that pip may look for the name in the indexes."""
        expected = judge(self.world, Lookup(dist.name, locked=self.errand.locked))
        self.outcome.codes |= expected.refused
        self.outcome.may_ask |= set(expected.asked)


def _is_at_odds(dist: Reference | Parent) -> bool:
    """Tell whether pip takes no reference from a distribution: it lies where the public index keeps its files."""
    return bool(dist.brings) and urlsplit(dist.url).netloc == PYPI_FILES


def _asks_of_files(policy: Mapping[str, Any], name: str) -> bool:
    """Tell whether "a FILE key is set for the index" of a name."""
    rule = rule_for(policy, name)
    places = () if rule is None else [(rule.table, index) for index in rule.indexes]
    return any(find_term(policy, entry, index, key) is not None for entry, index in places for key in FILE_KEYS)


def _holds(policy: Mapping[str, Any], reference: Reference) -> bool:
    """The text: "at or under the `url`, or within `files-from`, of an index that may serve the name"."""
    rule, place = rule_for(policy, reference.name), place_of(reference.url)
    if rule is None or place is None or place.is_local:
        return False
    for name in rule.indexes:
        places = places_of(policy["indexes"][name])
        # The text: "or where a FILE key is set for the index; then the page's entry, not the lock's, is judged".
        if files_from(policy, name) is None and any(own.holds(place) for own in places):
            return True
        if comes_from(place, files_from(policy, name) or ()):
            return True
        # The text: "`pypi`: its built-in file host"; `files-from` says otherwise, for files of pages and of locks alike.
        is_public = files_from(policy, name) is None and place_of(PYPI_URL) in places
        if is_public and (place.scheme, place.host) == ("https", PYPI_FILES):
            return True
    return False


def _judge_file_hop(policy: Mapping[str, Any], name: str, left: str | None, url: str) -> str | None:
    """The text: "a hop to an index, or to `pypi`'s file host, that may not serve the name is not followed"."""
    rule, place = rule_for(policy, name), place_of(url)
    if left is None or rule is None:
        return None
    if left.startswith("https:") and not url.startswith("https:"):
        return "unverified-index"
    assert place is not None
    answering = answering_index(policy, place)
    owners = {answering} - {None}
    public = place_of(PYPI_URL)
    assert public is not None
    is_public = place[:3] == public[:3] or (place.scheme, place.host) == ("https", PYPI_FILES)
    if not owners and is_public:
        owners = {index for index, table in policy["indexes"].items() if public in places_of(table)} or {"pypi itself"}
    if not owners:
        # The text: "hosts that no index owns (storage) are"
        owners = {
            index
            for index, table in policy["indexes"].items()
            if any(own[1:3] == place[1:3] for own in places_of(table))
            or comes_from(place, files_from(policy, index) or ())
        }
    return "redirected" if owners and not owners & rule.indexes else None


def _judge_held(policy: Mapping[str, Any], reference: Reference) -> str | None:
    """The text: "Same answers for every way in": as a file of its index."""
    rule = rule_for(policy, reference.name)
    if rule is None or not _holds(policy, reference):
        return None
    if rule.has_expired:
        return "entry-expired"
    return None if rule.allows(reference.version) else "version-not-allowed"


def judge_errand(errand: Errand) -> Outcome:
    """Say what may become of an errand."""
    return _Clerk(errand).run()
