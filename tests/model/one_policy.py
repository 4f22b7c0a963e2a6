"""What one policy of a world says, written down a second time; what comes of it all stands in ``policy``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from packaging.specifiers import SpecifierSet  # noqa: TID251, TID253  # not the guard's: the model stands alone

from model.web import PYPI_URL, Place, normal, place_of

TODAY = date(2026, 6, 15)


@dataclass(frozen=True)
class Rule:
    """A pattern, and what it says."""

    stem: str
    exact: bool
    indexes: frozenset[str]
    versions: str = ""
    expires: date | None = None
    table: Mapping[str, Any] = field(default_factory=dict)
    """The entry, where it is a table."""

    def matches(self, name: str) -> bool:
        """Tell whether a normalised name matches."""
        return name == self.stem if self.exact else name.startswith(self.stem)

    @property
    def claims(self) -> bool:
        """The text: "A name is **claimed** when its rule is anything but `*`."."""
        return self.exact or self.stem != ""

    @property
    def has_expired(self) -> bool:
        """The text: "An entry is valid to the end of its `expires` day"."""
        return self.expires is not None and self.expires < TODAY

    def allows(self, version: str) -> bool:
        """The text: "PEP 440; tested with `prereleases=True`"."""
        return SpecifierSet(self.versions).contains(version, prereleases=True)


def rules_of(policy: Mapping[str, Any]) -> list[Rule]:
    """Return every rule of a policy."""
    found = []
    for name, index in policy.get("indexes", {}).items():
        found += [_rule(entry, frozenset([name])) for entry in index.get("packages", ())]
        for namespace in index.get("namespaces", ()):
            found += [_rule(pattern, frozenset([name])) for pattern in (namespace, f"{namespace}-*")]
    for merge in policy.get("merge", ()):
        found += [_rule(entry, frozenset(merge["indexes"])) for entry in merge["packages"]]
    return found


def _rule(entry: str | Mapping[str, Any], indexes: frozenset[str]) -> Rule:
    table: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {}
    text = table["name"] if table else str(entry)
    pattern = re.split("[<>=!~]", text, maxsplit=1)[0]
    versions = table.get("version", text[len(pattern) :])
    exact = not pattern.endswith("*")
    return Rule(normal(pattern.rstrip("*")), exact, indexes, versions, table.get("expires"), table)


def rule_for(policy: Mapping[str, Any], name: str) -> Rule | None:
    """The text: "exact beats prefix, a longer prefix beats a shorter one, `*` is last"."""
    matching = [rule for rule in rules_of(policy) if rule.matches(name)]
    matching.sort(key=lambda rule: (rule.exact, len(rule.stem)))
    return matching[-1] if matching else None


def places_of(index: Mapping[str, Any]) -> list[Place]:
    """Return the places of one ``[indexes.N]``."""
    urls = [index["url"]] if isinstance(index["url"], str) else index["url"]
    places = [place_of(PYPI_URL if url == "pypi" else url) for url in urls]
    return [place for place in places if place is not None]


def is_public(index: Mapping[str, Any]) -> bool:
    """The text: "anyone can register a name there": `false`; `true` for `pypi`."""
    return bool(index.get("public", place_of(PYPI_URL) in places_of(index)))


def asked_index(policy: Mapping[str, Any], place: Place | None) -> str | None:
    """The text: "the index URL that pip is configured with must *equal* one of an index's URLs"."""
    for name, index in policy["indexes"].items():
        if place is not None and place in places_of(index):
            return str(name)
    return None


def answering_index(policy: Mapping[str, Any], place: Place) -> str | None:
    """The text: "the index with the longest URL that is a segment prefix of it"."""
    holding = [
        (len(own.segments), name)
        for name, index in policy["indexes"].items()
        for own in places_of(index)
        if own.holds(place)
    ]
    return str(max(holding)[1]) if holding else None


def files_from(policy: Mapping[str, Any], name: str) -> Sequence[str] | None:
    """The text: "precedence entry > index > defaults"."""
    found: Sequence[str] | None = policy["indexes"][name].get(
        "files-from", policy.get("defaults", {}).get("files-from")
    )
    return found


def comes_from(place: Place | None, wheres: Iterable[str]) -> bool:
    """The text: "hosts, or URL prefixes by segment"."""
    for where in wheres:
        prefix = place_of(where) if "://" in where else None
        if place is not None and (prefix.holds(place) if prefix else place.host == where.lower()):
            return True
    return False


def is_claimed(policy: Mapping[str, Any], name: str) -> bool:
    """The text: "A name is **claimed** when its rule is anything but `*`"."""
    rule = rule_for(policy, name)
    return rule is not None and rule.claims


def judge_direct(policies: Iterable[Mapping[str, Any]], name: str, url: str, *, requested: bool) -> set[str]:
    """Return the codes for which a URL that no index gave is not to be used for a name."""
    codes = {_judge_direct(policy, name, place_of(url), requested=requested) for policy in policies}
    return {code for code in codes if code is not None}


def _judge_direct(policy: Mapping[str, Any], name: str, place: Place | None, *, requested: bool) -> str | None:
    says = policy.get("direct-urls", {})
    is_local = place is not None and place.is_local
    if is_local and policy.get("local", "allow") == "block":
        return "local-path"
    prefixes = [prefix for text in says.get("allow", ()) if (prefix := place_of(text)) is not None]
    if place is not None and any(prefix.holds(place) for prefix in prefixes):
        return None
    # The text: "every direct reference that a distribution brings … whatever its scheme"
    if not requested and says.get("transitive", "block") == "block":
        return "direct-url"
    # The text: "A claimed name needs a prefix in `allow` (by segment) or must be local."
    if not is_local and (is_claimed(policy, name) or (requested and says.get("requested", "allow") == "block")):
        return "direct-url"
    return None
