"""What comes of a whole name: which indexes are asked for it, what is dropped, and the one cause when nothing is left.

The guard inside pip, ``explain``, ``log replay`` and the canary ask these functions; none of them decides for itself.
Pure, as the whole room: what pip met comes in as values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import join_key
from ..policy.identity import Location
from ..policy.model import Layer
from ..tuples import NamedTuple
from .authority import Authority, FileCheck
from .verdict import PASS, Finding, Verdict

if TYPE_CHECKING:
    from .sources import Kept, Source, SourceT

_CAUSES = (
    "index-failed",
    "entry-expired",
    "unverified-index",
    "typosquat",
    "index-not-configured",
    # The name's own index has it, and no file that may be used.
    "version-not-allowed",
    "file-elsewhere",
    # What may not be served, whoever serves it.
    *("denied", "advisory", "hash-changed", "hash-mismatch", "status"),
    *("hash-missing", "format-not-allowed", "too-young", "provenance-downgrade"),
    "redirected",
    "ambiguous-name",
    "local-path",
    "locked-link",
    "find-links",
    "shadowed-name",
    "unmatched-name",
    # An index that no policy names is the likelier cause than one that the name does not belong to.
    "unknown-index",
    "claimed-elsewhere",
)
"""The codes that may end a search: what stands first is the cause, in whatever order pip has its indexes."""
_OF_THE_NAME = ("entry-expired", "unverified-index", "typosquat")
"""The codes by which an index of the name's own is not asked."""
NOT_TO_BE_ASKED = ("unknown-index", "unverified-index")
"""The codes of an index that is asked for no name at all."""
_RANKS = {code: rank for rank, code in enumerate(_CAUSES)}


class Settings(NamedTuple):
    """The settings that hold for a whole run: of all enforcing layers, the strictest."""

    abort_on_shadow: bool
    backtrack: bool
    """Whether pip may go on to other versions of a parent when nothing of a name is left."""

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> Settings:
        """Combine the layers: abort over drop, refuse over backtrack."""
        enforcing = [layer.policy for layer in layers if layer.enforces]
        return cls(
            abort_on_shadow=any(policy.shadow_action == "abort" for policy in enforcing),
            backtrack=bool(enforcing) and all(policy.when_nothing_left == "backtrack" for policy in enforcing),
        )


class Met(NamedTuple):
    """What a search for one name has met."""

    authority: Authority
    sources: Sequence[Source]
    kept_away: Sequence[Kept]
    """What the guard kept from pip, and why."""
    not_configured: Verdict = PASS
    """What the layers say of the indexes that pip is configured with."""
    unseen: Sequence[Finding] = ()
    """Objections to redirects that were not followed: behind one there may be any version."""


# Before a page is there


def find_watching(authority: Authority) -> list[Layer]:
    """Return the layers in which only ``*`` matches the name, and that look whether it is nearly another one."""
    return [
        layer
        for layer, rule in authority.rules
        if rule is not None and rule.pattern.is_catch_all and layer.policy.typo_action != "off"
    ]


def ask(authority: Authority, asked: Location | None, *, unverified: bool) -> Verdict:
    """May the index that pip is configured with be asked for this name, and if not, is it asked for squatters?

    :param asked: its identity; None where that is unknown.
    :param unverified: whether pip was told to trust its host without TLS: then it is not the policy's https index.
    """
    verdict = authority.ask(asked)
    if not unverified or (verdict.refusal is not None and not verdict.probes):
        return verdict
    found = _unverified(authority, asked)
    # Not even for squatters: the name would travel unprotected, and anybody on the way could answer.
    return Verdict((*verdict.findings, *found) if verdict.probes else (*found, *verdict.findings))


def _unverified(authority: Authority, place: Location | None) -> tuple[Finding, ...]:
    if place is None or place.scheme not in ("https", "pypi"):
        return ()
    return tuple(Finding("unverified-index", layer, rule) for layer, rule in authority.rules)


def is_one_of_several(places: Iterable[Location | str | None]) -> bool:
    """Tell whether pip is configured with more than one remote index; two spellings of one identity are one.

    :param places: of each remote index, its identity or, where that has none, its URL.
    """
    return len(set(places)) > 1


def counts_failures(authority: Authority, *, built_in: bool, several: bool) -> bool:
    """Tell whether an index that fails refuses the name: to a layer that enforces, or without one beside another index."""
    return any(layer.enforces for layer, _ in authority.rules) or (built_in and several)


def find_uncertified(layer: Layer, index: str) -> Finding:
    """Return the objection to a connection that the certificates of an index (``ca``) do not verify."""
    return Finding("unverified-index", layer, key=f"{join_key('indexes', index)}.ca")


# The page, and its files


def answer(authority: Authority, asked: Verdict, answered: Location | None, *, unverified: bool) -> Verdict:
    """May the page that came back be used for this name?

    :param asked: what ``ask`` said of the index; a layer that objected there objects here no more.
    :param answered: the identity of the page's final URL; None where that is unknown.
    :param unverified: whether pip was told to trust the host of that URL without TLS.
    """
    verdict = authority.page(answered)
    if unverified:
        verdict = Verdict((*verdict.findings, *_unverified(authority, answered)))
    return verdict.without(asked)


def find_squatters(asked: Verdict) -> tuple[Finding, ...]:
    """Return the findings by which all files of the name are dropped that an index offers, asked for squatters only."""
    return tuple(_shadowed(finding) for finding in asked.findings if finding.probe)


def find_probed(asked: Verdict, *, unfinished: bool) -> tuple[Finding, ...]:
    """Return what is to be logged of an index that was asked for squatters only, and offers none.

    :param unfinished: whether it did not answer in time.
    """
    probes = (finding for finding in asked.findings if finding.probe and finding.enforced)
    return tuple(finding._replace(code="probe-unfinished") if unfinished else finding for finding in probes)


def find_observed(asked: Verdict, *, offers: bool) -> tuple[Finding, ...]:
    """Return what layers in audit mode, which have every index asked, would have kept from pip of a page that is used.

    :param offers: whether the page lists files of the name.
    """
    return tuple(_shadowed(finding) if finding.probe and offers else finding for finding in asked.observed)


def _shadowed(finding: Finding) -> Finding:
    return Finding("shadowed-name", finding.layer, finding.rule, is_known=finding.is_known)


def find_same_files(own: Iterable[str], squatted: Collection[str]) -> list[str]:
    """Return which files an index of the name and one that squats it list alike, each by its sha256.

    Then the own index passes public files on, or somebody has published what is the house's own.
    """
    return [digest for digest in own if digest in squatted]


def file_check(authority: Authority, asked: Verdict, answered: Location | None) -> FileCheck | None:
    """Return what judges the files of a page one by one; None where every file passes that is no repository.

    :param answered: the identity of the page, which has passed ``answer``; None where that is unknown.
    """
    check = None if answered is None else authority.file_check(answered)
    if check is None or not asked.findings:
        return check
    return lambda version, place: check(version, place).without(asked)


def sift_ambiguous(offers: Mapping[Location, Mapping[str, str | None]]) -> dict[str, str] | None:
    """Apply the rule that holds without any policy: a name that more than one remote index offers is refused.

    It is PEP 708's rule (rejected April 2026), which needs no configuration.

    :param offers: for each *answered* identity, the files that it offers under the name, each with its sha256 or None.
    :return: None where the name is not ambiguous; otherwise the files that every index offers with the same sha256,
        which may be used all the same: names and digests.
    """
    offering = [files for files in offers.values() if files]
    if len(offering) <= 1:
        return None
    alike = {filename: digest for filename, digest in offering[0].items() if digest is not None}
    for files in offering[1:]:
        alike = {filename: digest for filename, digest in alike.items() if files.get(filename) == digest}
    return None if all(len(files) == len(alike) for files in offering) else alike


def find_ambiguous(*, audited: bool) -> Finding:
    """Return the objection to a name that several indexes offer, by the rule that holds without any policy.

    :param audited: whether a layer in audit mode has that rule only logged.
    """
    return Finding("ambiguous-name", None, audited=audited)


# The whole name


def find_failed(sources: Iterable[SourceT]) -> list[SourceT]:
    """Return the sources that failed: where failures count, no other remote source may stand in for them."""
    return [source for source in sources if source.failure is not None and not source.probing]


def are_mirrors(authority: Authority, place: Location, other: Location) -> bool:
    """Tell whether two places are one index to every layer that enforces: of URLs with the same content, one may fail."""
    pairs = [
        (layer.policy.find_index(place), layer.policy.find_index(other))
        for layer, _ in authority.rules
        if layer.enforces
    ]
    return bool(pairs) and all(one is not None and one is two for one, two in pairs)


def find_failures(authority: Authority, *, built_in: bool, audited: bool = False) -> list[Finding]:
    """Return the objections to an index that failed, where failures count.

    :param built_in: whether the rule that holds without a policy objects too.
    :param audited: as in ``find_ambiguous``.
    """
    own = [Finding("index-failed", None, audited=audited)] if built_in else []
    return own + [Finding("index-failed", layer, rule) for layer, rule in authority.rules]


def find_cause(  # the one cause of a refusal
    met: Met,
    settings: Settings,
    specifier: str = "",
    *,
    nothing_left: bool,
    failures_count: bool,
    hashed: bool = False,
) -> Finding | None:
    """Return why the run is refused; None where pip may go on, or nothing that would have done was kept from it.

    :param specifier: the versions that the requirement asks for; empty for any.
    :param nothing_left: whether pip has nothing that satisfies it.
    :param failures_count: what ``counts_failures`` says.
    :param hashed: whether the requirement carries hashes: then the name is not ambiguous.
    """
    enforced = [kept for kept in met.kept_away if kept.finding.enforced]
    # What the name's own index lists says more than what a squatter does.
    enforced.sort(key=lambda kept: not kept.finding.key)
    squatters = [it.finding for it in enforced if it.finding.code == "shadowed-name" and not it.finding.is_known]
    if squatters and settings.abort_on_shadow:
        return squatters[0]
    if not nothing_left:
        return None
    failed = find_failed(met.sources) if failures_count else []
    if failed:
        unverified = [it for source in failed if (it := source.verdict.refusal) is not None]
        if unverified:  # it was asked, and somebody else answered
            return unverified[0]
        failures = find_failures(met.authority, built_in=True)
        return next((failure for failure in failures[1:] if failure.enforced), failures[0])
    refusals = [source.verdict.refusal for source in met.sources]
    causes = [it for it in refusals if it is not None and it.code in _OF_THE_NAME]
    causes += [kept.finding for kept in enforced if any(satisfies(specifier, version) for version in kept.versions)]
    causes += [finding for finding in met.unseen if finding.enforced]
    if hashed:
        causes = [cause for cause in causes if cause.code != "ambiguous-name"]
    if met.not_configured.refusal is not None:
        causes.append(met.not_configured.refusal)
    causes += [
        Finding("unmatched-name", layer) for layer, rule in met.authority.rules if layer.enforces and rule is None
    ]
    if not may_come(met.sources):  # no permitted index is configured
        causes += [it for source, it in zip(met.sources, refusals) if it is not None and not source.is_local]
    return None if settings.backtrack else first_cause(causes)


def first_cause(causes: Iterable[Finding]) -> Finding | None:
    """Return the likeliest of several causes, in whatever order pip has met them; None for none."""
    return min(causes, key=lambda cause: _RANKS.get(cause.code, len(_RANKS)), default=None)


def may_come(sources: Iterable[Source]) -> bool:
    """Tell whether a remote index is asked for files that may be used; a local one is judged file by file."""
    return any(source.verdict.refusal is None for source in sources if not source.is_local)


def find_untold(met: Met, *, offered: bool) -> Finding | None:
    """Return what is to be said last of a name of which pip found nothing and which we did not refuse; None for nothing.

    That is what was kept from pip, or else an index that was not asked for a name that its own index does not have.

    :param offered: whether an index that may serve the name lists files of it, which pip cannot use: then only an index
        that is asked for no name at all is worth a word.
    """
    dropped = [kept.finding for kept in met.kept_away if kept.finding.enforced]
    if dropped:
        return first_cause(dropped)
    unasked = [it.verdict.refusal for it in met.sources if not it.probing and it.verdict.refusal is not None]
    return first_cause(it for it in unasked if not offered or it.code in NOT_TO_BE_ASKED)


def satisfies(specifier: str, version: str) -> bool:
    """Tell whether a version is one that a requirement asks for.

    :param specifier: as pip writes it; empty for any version.
    """
    if not specifier:
        return True
    from ..ranges import parse_range  # noqa: PLC0415  # most runs refuse nothing

    try:
        # pip's specifier is of pip's own copy of packaging: read again, so that all pips compare alike.
        return parse_range(specifier).contains(version)
    except ValueError:  # a legacy specifier of pip < 24.1: whether the file fits is not known, so it counts
        return True


# What a distribution turns out to be


def find_mismatch(authority: Authority, *, built_in: bool, audited: bool, several: bool = True) -> Finding | None:
    """Return the objection to a distribution that names another project than was authorised; an enforced one first.

    :param built_in: whether the rule that holds without a policy is enforced, also beside a layer in audit mode.
    :param audited: whether a layer in audit mode has that rule only logged.
    :param several: whether pip is configured with more than one remote index: with one that rule changes nothing.
    """
    found = [Finding("name-mismatch", layer, rule) for layer, rule in authority.rules]
    if several and (built_in or audited or not found):
        found.append(Finding("name-mismatch", None, audited=audited))
    return min(found, key=lambda finding: not finding.enforced, default=None)


def find_guard_file(places: Collection[str], *, audited: bool) -> Finding | None:
    """Return the objection to a distribution that would write what the guard lives from; it is the built-in rule's.

    :param places: what of that it would write, and may not.
    :param audited: as in ``find_mismatch``.
    """
    return Finding("guard-file", None, audited=audited) if places else None


# What another pip has decided


def find_reported(authority: Authority, code: str) -> Finding:
    """Return the finding that a pip which was started for a build reports of a name: its code, and the rule here.

    :param code: one of ``errors.CODES``.
    """
    rules = [(layer, rule) for layer, rule in authority.rules if authority.name and layer.enforces and rule]
    return Finding(code, *rules[0]) if rules else Finding(code, None)
