"""What the policy's description allows, written down a second time: slowly, from its text alone, to compare the guard with.

Nothing of the guard is imported. A policy is the plain dictionary that its TOML says; a sentence in quotation marks is
the description's. Every function looks at everything anew: no index of rules, no cache, no early return for speed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from packaging.specifiers import SpecifierSet  # noqa: TID251, TID253  # not the guard's: the model stands alone

from model.one_policy import (
    answering_index,
    asked_index,
    comes_from,
    files_from,
    is_claimed,
    is_public,
    judge_direct,
    places_of,
    rule_for,
    rules_of,
)
from model.refused import find_refused, place_of_file
from model.serving import find_latest, find_mismatched, find_objections
from model.spelling import tier_of
from model.web import Answer, Failure, File, Page, Place, World, normal, place_of, travel

# What is asked, and what may come of it


@dataclass(frozen=True)
class Lookup:
    """One requirement that pip looks up."""

    name: str
    """In any spelling."""
    specifier: str = ""
    hashes: tuple[str, ...] = ()
    resolves: bool = True
    """Whether pip resolves; otherwise the command only looks."""
    locked: bool = False
    """Whether the project's own lock has the name: then it is nobody's typing error."""


class Passing(NamedTuple):
    """A file that reaches pip's selection."""

    page: Place | None
    """The final URL of the page that lists it; None for a file that no page lists."""
    file: Place | None
    version: str


@dataclass(frozen=True)
class Expected:
    """What may become of one lookup."""

    passing: Counter[Passing]
    dropped: Counter[str]
    """For each code, how many files it keeps from pip."""
    asked: Counter[Place]
    """Every URL that is requested, redirects included."""
    refused: frozenset[str]
    """Codes, with one of which the run is refused; none: it goes on."""
    may_go_on: bool = False
    """Whether going on is as good: what was dropped would have satisfied the requirement on another machine."""
    reasons: frozenset[str] = frozenset()
    """Every code that may be said of this lookup."""


# One lookup


@dataclass
class Source:
    """A remote index or find-links page, for one name."""

    url: str
    page_url: str
    is_index: bool
    objections: list[str] = field(default_factory=list)
    """Codes for which it is not to be used."""
    probed: bool = False
    way: list[Place] = field(default_factory=list)
    answer: Answer | None = None
    """None where it is not asked."""
    failed: bool = False
    stopped: set[str] = field(default_factory=set)
    """Codes for which a redirect was not followed."""

    @property
    def asked(self) -> Place | None:
        """The identity of the index."""
        return place_of(self.url)

    def offers(self, name: str) -> list[File]:
        """The text: "any file of that name on the page, compatible with this platform or not, yanked or not"."""
        files = self.answer.files if isinstance(self.answer, Page) else ()
        return [file for file in files if file.project == name]


def _are_one(policy: Mapping[str, Any], one: Place | None, two: Place | None) -> bool:
    """The text: "the URLs in one `url` list"."""
    return any({one, two} <= set(places_of(index)) for index in policy["indexes"].values())


@dataclass
class Judged:
    """A file, and the codes that keep it from pip."""

    page: Place | None
    file: File
    codes: set[str]
    is_remote: bool
    """Whether a remote source brings it: a page, which may list a local file, or a remote URL."""


class Judge:
    """Judges one lookup in one world."""

    def __init__(self, world: World, lookup: Lookup, *, reads_json: bool = True) -> None:
        self.world = world
        self.reads_json = reads_json
        self.lookup = lookup
        self.name = normal(lookup.name)
        # The text: "a layer in `audit` only logs"; what only logs changes nothing of what is asked here.
        self.enforcing = [layer.policy for layer in world.layers if layer.enforces]
        self.opinions = [layer.policy for layer in world.layers if layer.enforces and layer.has_opinion]
        # The text: "enforced unless a layer with `[indexes]` enforces. A machine or interpreter layer in `audit` … turns it
        # to audited, never off; no user or environment layer in `audit` touches it."
        self.built_in = not self.opinions and not any(
            layer.kind in ("machine", "interpreter") and not layer.enforces for layer in world.layers
        )
        self.sources = self._sources()
        self.several = len({source.asked for source in self.sources}) > 1
        for source in self.sources:
            self._ask(source)
        if not self.opinions:
            self._ignore_idle()
        self.failed = any(source.failed and not self._has_mirror(source) for source in self.sources)
        self.files = [*self._page_files(), *self._other_files()]
        if self.failed:
            # The text: "no other remote source may stand in for it; local files may"
            for judged in self.files:
                judged.codes |= {"index-failed"} if judged.is_remote else set()
        elif self.built_in and self.several and not lookup.hashes:
            self._refuse_ambiguous()
        elif self.opinions:
            self._refuse_mismatched()

    def expect(self) -> Expected:
        """Say what becomes of it."""
        passing = Counter(
            Passing(judged.page, place_of(judged.file.url), judged.file.version)
            for judged in self.files
            if not judged.codes and judged.file.fits
        )
        dropped = Counter(code for judged in self.files for code in judged.codes)
        asked = Counter(place for source in self.sources for place in source.way)
        # The text: "Commands that only look … never raise for a decision".
        must, may = self._refusal() if self.lookup.resolves else (set[str](), set[str]())
        reasons = must | may | dropped.keys() | ({"index-failed"} if self.failed else set())
        for source in self.sources:
            if any(self._spelling(layer.policy) for layer in self.world.layers if layer.has_opinion):
                reasons |= {"typosquat"}
            reasons |= set(source.objections) | (self._page_codes(source) if source.way else set()) | source.stopped
        return Expected(passing, dropped, asked, frozenset(must | may), not must, frozenset(reasons))

    # What pip would ask

    def _sources(self) -> list[Source]:
        found = {}
        for url in self.world.indexes:
            page = f"{url}{'' if url.endswith('/') else '/'}{self.name}/"
            found[page] = Source(url, page, is_index=True)
        for url in self.world.links:
            if url not in [file.url for file in self.world.link_files]:
                found[url] = Source(url, url, is_index=False)
        return list(found.values())

    def _ask(self, source: Source) -> None:
        probes = []
        for policy in self.opinions:
            code = self._objection(policy, source)
            if code is not None:
                source.objections.append(code)
                index = policy["indexes"].get(asked_index(policy, source.asked), {})
                always = policy.get("shadow", {}).get("probe", "always") == "always"
                probes.append(
                    code == "claimed-elsewhere" and is_claimed(policy, self.name) and is_public(index) and always
                )
        # The text: "A host that pip was told to trust without TLS is not the policy's `https` index: not asked."
        if self.opinions and self._is_unverified(source.asked):
            source.objections.append("unverified-index")
            probes.append(False)
        source.probed = bool(source.objections) and all(probes)
        if source.objections and not source.probed:
            return
        if not self._is_secure(source.asked):
            source.failed = self._counts_failures and not source.objections
            return
        self._visit(source)
        source.failed = (
            not source.stopped and self._counts_failures and not source.objections and self._is_failure(source.answer)
        )

    def _visit(self, source: Source) -> None:
        """The text: "A redirect is judged before it is followed."."""
        urls, source.answer = travel(self.world, source.page_url)
        for url in urls:
            place = place_of(url)
            assert place is not None
            source.stopped = self._hop_codes(source, source.way[-1], place) if source.way else set()
            if source.stopped:
                source.answer = None
                return
            source.way.append(place)

    def _hop_codes(self, source: Source, left: Place, place: Place) -> set[str]:
        # The text: "A hop that leaves https or hits a `--trusted-host` is `unverified-index`."
        if self.opinions and (self._is_unverified(place) or (left.scheme == "https" and place.scheme != "https")):
            return {"unverified-index"}
        codes = set()
        for policy in self.opinions:
            rule, answering = rule_for(policy, self.name), answering_index(policy, place)
            # The text: "*Probe*: followed only within the probed index."
            own = {asked_index(policy, source.asked)} if source.probed else rule.indexes if rule else set()
            if answering is None or answering not in own:
                codes.add("redirected")
        return codes

    def _ignore_idle(self) -> None:
        """The text: "A `--find-links` page that fails or lists nothing does not count"."""
        idle = [
            source
            for source in self.sources
            if not source.is_index and source.way and not (isinstance(source.answer, Page) and source.answer.files)
        ]
        self.several = len({source.asked for source in self.sources if source not in idle}) > 1
        for source in self.sources:
            source.failed &= self.several and source not in idle

    def _objection(self, policy: Mapping[str, Any], source: Source) -> str | None:
        """Say what one layer has against asking an index."""
        index, rule = asked_index(policy, source.asked), rule_for(policy, self.name)
        if index is None:
            return "unknown-index"
        if rule is None:
            return "unmatched-name"
        if index not in rule.indexes:
            return "claimed-elsewhere"
        if rule.has_expired:
            return "entry-expired"
        # The text: "only `*` matches n, n is confusable -> typosquat (warn or block)"
        refuses = policy.get("typosquat", {}).get("action") == "block" and self._spelling(policy) == "A"
        return "typosquat" if refuses else None

    def _spelling(self, policy: Mapping[str, Any]) -> str | None:
        """Say how surely another name was meant: "only `*` matches n, n is confusable"."""
        rule = rule_for(policy, self.name)
        is_watched = rule is not None and not rule.claims and not self.lookup.locked
        return tier_of(self.name, rules_of(policy), policy.get("typosquat", {})) if is_watched else None

    def _is_unverified(self, place: Place | None) -> bool:
        return place is not None and place.scheme == "https" and self._is_trusted(place)

    def _is_trusted(self, place: Place) -> bool:
        """The text: "with or without a port: pip's trust is per port, and so is this"."""
        return any(place.host == host and port in ("", str(place.port)) for host, _, port in self._trusted)

    @property
    def _trusted(self) -> list[tuple[str, str, str]]:
        return [text.partition(":") for text in self.world.trusted]

    def _is_secure(self, place: Place | None) -> bool:
        """Tell whether pip itself asks it: `https`, this machine, or a trusted host."""
        return place is None or place.scheme == "https" or place.host == "localhost" or self._is_trusted(place)

    @property
    def _counts_failures(self) -> bool:
        return bool(self.opinions) or (self.built_in and self.several)

    def _is_failure(self, answer: Answer | None) -> bool:
        """The text: "no parsable page and not 404/410 -> index-failed, whatever the cause"."""
        # No index of these worlds answers 403 for what nobody has: there it is a failure, as 401 is.
        return isinstance(answer, Failure) and not answer.says_not_here

    def _has_mirror(self, failed: Source) -> bool:
        """The text: "one that fails does not count if another answered with a page that lists a file of the name"."""
        return (
            bool(self.opinions)
            and not failed.stopped
            and any(
                all(_are_one(policy, failed.asked, other.asked) for policy in self.opinions)
                for other in self.sources
                if not (other.failed or other.probed or other.objections or other.stopped)
                and other.offers(self.name)
                and not self._page_codes(other)
            )
        )

    # What becomes of the files

    def _page_files(self) -> list[Judged]:
        found = []
        for source in self.sources:
            for file in source.offers(self.name):
                codes = (
                    {"shadowed-name"} if source.probed else self._page_codes(source) | self._file_codes(source, file)
                ) | self._refused(file, source.way[-1], is_listed=True)
                found.append(Judged(source.way[-1], file, codes | self._local_codes(file), is_remote=True))
        return found

    def _page_codes(self, source: Source) -> set[str]:
        """The text: "A page passes if the asked and the answered index may both serve the name."."""
        codes = set()
        for policy in self.opinions:
            rule = rule_for(policy, self.name)
            if rule is None or answering_index(policy, source.way[-1]) not in rule.indexes:
                codes.add("redirected")
            if self._is_unverified(source.way[-1]):
                codes.add("unverified-index")
        return codes

    def _file_codes(self, source: Source, file: File) -> set[str]:
        codes = set()
        for policy in self.opinions:
            rule, index = rule_for(policy, self.name), answering_index(policy, source.way[-1])
            if rule is not None and not rule.allows(file.version):
                codes.add("version-not-allowed")
            places = None if index is None else files_from(policy, index)
            if places is not None and not comes_from(place_of(file.url), places):
                codes.add("file-elsewhere")
            if rule is not None and index is not None:
                is_json = isinstance(source.answer, Page) and source.answer.form == "json" and self.reads_json
                pinned = bool(self.lookup.hashes) or not self.lookup.resolves
                alike = [other.uploaded for other in source.offers(self.name) if other.filename == file.filename]
                told = replace(file, uploaded=find_latest(alike) if is_json else None)
                codes |= find_objections(policy, rule.table, index, told, pinned=pinned, seen=self.world.seen)
        return codes

    def _refuse_mismatched(self) -> None:
        used = [it for it in self.sources if not it.probed and not it.objections and isinstance(it.answer, Page)]
        pages = {source.way[-1]: source.offers(self.name) for source in used if not self._page_codes(source)}
        mismatched = find_mismatched(pages.values())
        for judged in self.files:
            if judged.page in pages and judged.file.filename in mismatched:
                judged.codes.add("hash-mismatch")

    def _other_files(self) -> list[Judged]:
        """Judge what no remote page lists."""
        root = Place("file", "", 0, ("FOLDER",))
        page, index = (*root.segments, "links.html"), (*root.segments, "simple", self.name, "index.html")
        # A bare URL says nothing of its file's hash; what the files of a folder hold is nothing.
        bare = (*(self.world.folder or ()), *self.world.link_files)
        listed: list[tuple[Place | None, File]] = [(None, replace(file, sha256=None)) for file in bare]
        listed += [(root._replace(segments=page), file) for file in (self.world.local_page or ())]
        listed += [(root._replace(segments=index), file) for file in (self.world.local_index or ())]
        return [
            Judged(there, file, self._unlisted_codes(file), is_remote=not _is_local(file))
            for there, file in listed
            if file.project == self.name
        ]

    def _unlisted_codes(self, file: File) -> set[str]:
        refused = self._refused(file, place_of_file(file.url), is_listed=False)
        return self._local_codes(file) | self._direct_codes(file) | refused

    def _refused(self, file: File, place: Place | None, *, is_listed: bool) -> set[str]:
        """Say what never comes in; the place is that of the page that lists it, else of its URL."""
        views = [
            (
                policy,
                answering_index(policy, place) if place and "indexes" in policy else None,
                is_claimed(policy, self.name),
            )
            for policy in self.enforcing
        ]
        return find_refused(views, self.world.records, file, place, is_listed=is_listed)

    def _local_codes(self, file: File) -> set[str]:
        """The text: "Local is a property of the **file**"; block is stricter than allow."""
        blocked = any(policy.get("local", "allow") == "block" for policy in self.enforcing)
        return {"local-path"} if blocked and _is_local(file) else set()

    def _direct_codes(self, file: File) -> set[str]:
        """The text: "A remote file listed by a local page, and a remote find-links file, are requested direct URLs"."""
        codes = judge_direct(self.enforcing, self.name, file.url, requested=True)
        return {"find-links"} if codes and not _is_local(file) else set()

    def _refuse_ambiguous(self) -> None:
        """The text: "a name that more than one remote index offers"; "offers are counted by *answered* identity"."""
        offers: dict[Place, list[File]] = {}
        for source in self.sources:
            files = source.offers(self.name)
            if files:
                offers.setdefault(self._answered_identity(source), []).extend(files)
        if len(offers) < 2 or all(_is_alike(file, offers) for files in offers.values() for file in files):
            return
        for judged in self.files:
            if judged.is_remote and not _is_alike(judged.file, offers):
                judged.codes.add("ambiguous-name")

    def _answered_identity(self, source: Source) -> Place:
        answered = source.way[-1]
        configured = [place for each in self.sources if (place := each.asked) is not None and place.holds(answered)]
        if configured:
            return max(configured, key=lambda place: len(place.segments))
        return answered._replace(segments=answered.segments[:-1]) if source.is_index else answered

    # Whether the run goes on

    def _refusal(self) -> tuple[set[str], set[str]]:
        """Return the codes for which the run must be refused, and those for which it may be."""
        shadowed = any("shadowed-name" in judged.codes for judged in self.files)
        if shadowed and any(policy.get("shadow", {}).get("action") == "abort" for policy in self.enforcing):
            return {"shadowed-name"}, set()
        # The text: "when nothing that satisfies the requirement remains"
        satisfying = [judged for judged in self.files if self._satisfies(judged.file)]
        remaining = [judged.file for judged in satisfying if not judged.codes and judged.file.fits]
        if any(self._satisfies(file, prereleases=False) for file in remaining):
            return set(), set()
        must, may = self._refusal_of_nothing(satisfying)
        # Whether a version range takes a pre-release, if there is nothing else, is the pip's own matter.
        return (set(), must | may) if remaining else (must, may)

    def _refusal_of_nothing(self, satisfying: Sequence[Judged]) -> tuple[set[str], set[str]]:
        """Return the same two where nothing that satisfies the requirement remains."""
        if self.failed:
            return {"index-failed"}, set()
        backtracks = [policy.get("when-nothing-left") == "backtrack" for policy in self.enforcing]
        if backtracks and all(backtracks):
            return set(), set()
        # The text: "the guard dropped a file that would have satisfied it"; of one that fits another machine only, both is true.
        must = {code for judged in satisfying if judged.file.fits for code in judged.codes}
        may = {code for judged in satisfying for code in judged.codes}
        # Behind a redirect that was not followed there may be anything.
        must |= {code for source in self.sources if not source.probed for code in source.stopped}
        # The text: "or no permitted index is configured"
        if self.opinions and all(source.objections for source in self.sources):
            must |= {"index-not-configured", *(code for source in self.sources for code in source.objections)}
            must |= {"unmatched-name" for policy in self.opinions if rule_for(policy, self.name) is None}
        # An index of the name that is not asked is much like one that fails, but the text does not say so.
        may |= {"unverified-index" for source in self.sources if source.objections == ["unverified-index"]}
        return must, may

    def _satisfies(self, file: File, *, prereleases: bool = True) -> bool:
        return SpecifierSet(self.lookup.specifier).contains(file.version, prereleases=prereleases)


def _is_local(file: File) -> bool:
    place = place_of(file.url)
    return place is not None and place.is_local


def _is_alike(file: File, offers: Mapping[Place, Sequence[File]]) -> bool:
    """The text: "files whose sha256 every offering index gives alike"."""
    for offered in offers.values():
        same = [other.sha256 for other in offered if other.filename == file.filename]
        if file.sha256 is None or not same or any(digest != file.sha256 for digest in same):
            return False
    return True


def judge(world: World, lookup: Lookup, *, reads_json: bool = True) -> Expected:
    """Say what may become of one lookup.

    :param reads_json: whether this pip asks for JSON pages.
    """
    return Judge(world, lookup, reads_json=reads_json).expect()
