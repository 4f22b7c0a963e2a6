"""What is allowed in a policy file and that its writer may not have meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from ...errors import HASH_CHANGED, TOKEN, cut, join_key
from ...patterns import Name, Pattern
from ...policy.hints import is_secret
from ...policy.model import Policy
from ...policy.rules import Rule
from ...policy.serving.terms import USUAL_STATUS, StatusActions

_BACKENDS = ("setuptools", "wheel", "hatchling", "flit-core", "poetry-core", "pdm-backend")
_OPEN_TO_ALL = ("http", "git+http", "git+git", "hg+http", "svn+http", "svn+svn", "bzr+http")
_SOON = timedelta(days=30)


NOTE, WARNING = "note", "warning"


@dataclass(frozen=True)
class Lint:
    """Something that is allowed and that its writer may not have meant."""

    key: str
    """Where it stands in the file; empty for the file as a whole."""
    message: str
    level: str = WARNING
    """``WARNING``, or ``NOTE`` for what is right in many policies."""

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


def lint_policy(policy: Policy, today: date | None = None) -> list[Lint]:
    """Return what a careful reader would ask about a policy that has no faults.

    :param today: the day, UTC, that entries are compared with; by default the current one.
    """
    if not policy.indexes:
        return [*_lint_mode(policy), *_lint_direct_urls(policy), *_lint_refused(policy), *_lint_idle(policy)]
    rules = list(policy.rules)
    return [
        *_lint_mode(policy),
        *_lint_unmatched(policy),
        *_lint_prefixes(rules),
        *_lint_indexes(policy, rules),
        *_lint_direct_urls(policy),
        *_lint_refused(policy),
        *_lint_typosquat(policy),
        *_lint_expiry(rules, today or datetime.now(timezone.utc).date()),
        *_lint_serving(policy, today or datetime.now(timezone.utc).date()),
    ]


def _lint_mode(policy: Policy) -> list[Lint]:
    told = "what it would refuse is logged, and installed all the same"
    return [] if policy.mode == "enforce" else [Lint("mode", told, NOTE)]


def _lint_refused(policy: Policy) -> list[Lint]:
    entries = () if policy.deny is None else policy.deny.entries
    lints = [
        Lint(entry.key, "denies every name: nothing can be installed")
        for entry in entries
        if entry.pattern.is_catch_all and entry.versions is None
    ]
    if policy.advisories is not None and not policy.indexes:
        told = (
            "without [indexes] a record's project and version count for files of `pypi`, and for direct and local files; "
            "one's sha256 for every file"
        )
        lints.append(Lint("advisories", told, NOTE))
    return lints


def _lint_idle(policy: Policy) -> list[Lint]:
    """Return what asks something of the files or names of indexes, in a file without any."""
    keys = []
    if policy.serving is not None:
        keys += [terms.key for terms in policy.serving.defaults if terms is not None]
        actions = zip(StatusActions._fields, policy.serving.status, USUAL_STATUS)
        keys += [f"status.{name}" for name, action, usual in actions if action != usual]
        keys += ["provenance.downgrade"] if policy.serving.downgrade != "off" else []
    keys += ["typosquat.action"] if policy.typo_action != "warn" else []
    keys += ["typosquat.protect"] if policy.typosquat is not None and policy.typosquat.protect else []
    keys += ["typosquat.names-file"] if policy.typosquat is not None and policy.typosquat.names_file else []
    keys += ["ledger"] if policy.ledger is not None else []
    return [
        Lint(key, "has no effect without [indexes]: it is about files and names of the indexes of its own file")
        for key in keys
    ]


def _lint_unmatched(policy: Policy) -> list[Lint]:
    if policy.rules.with_pattern(Pattern("", exact=False)):
        return []
    lints = [
        Lint("", "no entry is `*`: every name that no entry matches is refused, build requirements included", NOTE)
    ]
    backends = [name for name in _BACKENDS if policy.rules.find(Name(name)) is None]
    if backends:
        told = f"no entry matches {', '.join(backends)}: what needs them to build cannot be installed"
        lints.append(Lint("", told, NOTE))
    return lints


def _lint_prefixes(rules: list[Rule]) -> list[Lint]:
    return [
        Lint(rule.key, f"`{rule.pattern}` also matches `{rule.pattern.stem}x`; `{rule.pattern.stem}-*` does not")
        for rule in rules
        if not rule.pattern.exact and rule.pattern.stem and not rule.pattern.stem.endswith("-")
    ]


def _lint_indexes(policy: Policy, rules: list[Rule]) -> list[Lint]:
    claiming = {name for rule in rules if not rule.pattern.is_catch_all for name in rule.indexes}
    lints = []
    for index in policy.indexes:
        key = join_key("indexes", index.name)
        if index.has_credentials:
            lints.append(
                Lint(f"{key}.url", "holds credentials, which do not count here; keep them where pip keeps them")
            )
        for segment in [segment for url in index.urls for segment in url.segments if is_secret(segment)]:
            message = f"`{cut(segment, 3)}` looks like a secret: write `{TOKEN}` in its place, whoever has another one"
            lints.append(Lint(f"{key}.url", message))
        remote = not all(url.is_local for url in index.urls)
        if index.name in claiming and remote and not index.public and index.files_from is None:
            message = (
                "has claims and no `files-from`: if it is a proxy that mixes public files into its pages, they pass"
            )
            lints.append(Lint(key, message, NOTE))
    if not any(index.public for index in policy.indexes):
        told = 'no index is `url = "pypi"` or `public`: a pip that is given no index is refused'
        lints.append(Lint("indexes", told, NOTE))
    return lints


def _lint_direct_urls(policy: Policy) -> list[Lint]:
    lints = []
    if policy.direct_urls.transitive == "allow":
        lints.append(
            Lint("direct-urls.transitive", "whatever a distribution requires by URL passes if nothing claims it")
        )
    if policy.direct_urls.redirects and not policy.direct_urls.allow:
        lints.append(
            Lint("direct-urls.redirects", "has no effect without `direct-urls.allow`: it covers nothing by itself")
        )
    for place, prefix in enumerate(policy.direct_urls.allow):
        key = f"direct-urls.allow[{place}]"
        if not prefix.segments:
            lints.append(Lint(key, f"`{prefix}` is a whole host: whoever may put a file there may give it any name"))
        if prefix.scheme in _OPEN_TO_ALL and not prefix.is_loopback:
            lints.append(Lint(key, f"anyone on the way can change what {prefix.scheme} brings"))
    return lints


def _lint_typosquat(policy: Policy) -> list[Lint]:
    lints = []
    if policy.typo_action == "block" and policy.rules.with_pattern(Pattern("", exact=False)) is None:
        told = "has no effect without an entry `*`: what no entry matches is refused, near-misses too"
        lints.append(Lint("typosquat.action", told, NOTE))
    protected = () if policy.typosquat is None else sorted(policy.typosquat.protect)
    if policy.typo_action == "off" and policy.typosquat is not None:
        lints.append(Lint("typosquat", 'says more than `action = "off"`, with which nothing is looked for'))
    claimed = [name for name in protected if (rule := policy.rules.find(name)) and not rule.pattern.is_catch_all]
    if claimed:
        shown = ", ".join(f"`{name}`" for name in claimed)
        lints.append(Lint("typosquat.protect", f"need not list {shown}: what an entry claims is protected", NOTE))
    return lints


def _lint_expiry(rules: list[Rule], today: date) -> list[Lint]:
    lints = []
    for rule in rules:
        if rule.expires is None or rule.expires - today > _SOON:
            continue
        if rule.is_expired(today):
            lints.append(Lint(rule.key, f"expired after {rule.expires}: `{rule.pattern}` is refused"))
        else:
            told = f"expires after {rule.expires}: from then on `{rule.pattern}` is refused"
            lints.append(Lint(rule.key, told, NOTE))
    return lints


def _lint_serving(policy: Policy, today: date) -> list[Lint]:
    if policy.serving is None:
        return []
    lints = []
    for waiver in policy.serving.waivers:
        if waiver.is_expired(today):
            lints.append(Lint(waiver.key, f"ended after {waiver.expires}: it lifts nothing any more"))
        elif waiver.expires - today <= _SOON:
            told = f"ends after {waiver.expires}, in {waiver.days_left(today)} days: from then on `{waiver.code}` holds again"
            lints.append(Lint(waiver.key, told, NOTE))
        if waiver.code == HASH_CHANGED and policy.ledger is None:
            lints.append(Lint(waiver.key, f"lifts `{HASH_CHANGED}`, which only a policy with [ledger] finds"))
    for index in policy.indexes:
        wanted = policy.serving.find_terms(index.name, public=index.public, entry=None).min_age
        if wanted is not None and wanted.span and wanted.unknown == "drop" and not index.public:
            told = 'drops every file of which the index tells no upload time, as most private servers do: say `unknown = "allow"` or "first-seen"'
            lints.append(Lint(wanted.key, told, NOTE))
    return lints
