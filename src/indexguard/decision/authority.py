"""The heart: what the policy layers say of a name, an index, a page, a file and a direct reference.

Pure: no I/O, no clock, no environment, no pip. Each layer is evaluated alone; a thing passes only if no layer that
enforces objects. A layer in audit mode makes the same findings, which are then logged and not enforced.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Callable, Optional

from ..patterns import Name
from ..policy.identity import Location
from ..policy.model import FilesFrom, Known, Layer, Policy
from ..policy.rules import Rule
from ..tuples import NamedTuple
from .verdict import PASS, Finding, Verdict

_LOCAL = Location("file", "", 0)


LayerCheck = Callable[[Layer, Optional[Rule]], Optional[Finding]]
"""What one layer, whose rule for the name is given, objects to."""
FileCheck = Callable[[str, Optional[Location]], Verdict]
"""Judges one file of a page by its version and the identity of its URL (None where that is unknown)."""


class Origin(NamedTuple):
    """Whether a file comes from the name's own index, and by which rule that is judged."""

    word: str
    """``own``: from an index that the rule names. ``other``: from another one. ``none``: no index lists the file, or no
    rule says whose the name is."""
    layer: Layer | None = None
    rule: Rule | None = None
    """None where no layer has a rule for the name."""


UNKNOWN = Origin("none")
"""No policy says whose the name is."""


class Authority:
    """What the policy layers say of one project name.

    :param layers: every layer found; one without ``[indexes]`` has no opinion on names.
    :param name: the normalised project name.
    :param today: the date in UTC, for entries that expire.
    """

    def __init__(self, layers: Sequence[Layer], name: Name, today: date) -> None:
        self.name = name
        self._layers = tuple(layers)
        self._today = today
        self._views = tuple([(layer, layer.policy.rules.find(name)) for layer in layers if layer.policy.indexes])

    @property
    def is_claimed(self) -> bool:
        """Whether the rule of an enforcing layer is anything but ``*``."""
        return any(layer.enforces and claims(rule) for layer, rule in self._views)

    @property
    def rules(self) -> tuple[tuple[Layer, Rule | None], ...]:
        """For each layer with ``[indexes]``, the rule that decides the name."""
        return self._views

    def ask(self, asked: Location | None) -> Verdict:
        """May the index that pip is configured with be asked for this name?

        :param asked: the identity of the configured index; None where its URL is unknown.
        """
        # The one check that runs for every name on every index; no closure, no generator.
        found = []
        for layer, rule in self._views:
            finding = self._ask(layer, rule, asked)
            if finding is not None:
                found.append(finding)
        return Verdict(tuple(found)) if found else PASS

    def configured(self, indexes: Collection[Location]) -> Verdict:
        """Is an index that may serve this name among those that pip is configured with?"""

        def check(layer: Layer, rule: Rule | None) -> Finding | None:
            if rule is None or any(_is_served(layer.policy, rule, asked) for asked in indexes):
                return None
            return Finding("index-not-configured", layer, rule)

        return self._collect(check)

    def page(self, answered: Location | None) -> Verdict:
        """May the page that came back be used for this name? The *asked* index has passed ``ask``.

        :param answered: the identity of the page's final URL, after redirects; None where it is unknown.
        """

        def check(layer: Layer, rule: Rule | None) -> Finding | None:
            owner = None if answered is None else layer.policy.find_owner(answered)
            if rule is None or (owner is not None and owner.name in rule.indexes):
                return None
            return Finding("redirected", layer, rule)

        return self._collect(check)

    def looks_at_files(self, answered: Location) -> bool:
        """Tell whether a layer has a ``files-from`` for the files of a page: only then do their URLs matter."""
        owners = [layer.policy.find_owner(answered) for layer, rule in self._views if rule is not None]
        return any(owner is not None and owner.files_from is not None for owner in owners)

    def file_check(self, answered: Location) -> FileCheck | None:
        """Return the check for the files of one page, a function of version and URL; None where every file passes.

        :param answered: the identity of the page that lists the files, which has passed ``page``.
        """
        narrowed = []
        placed = []
        for layer, rule in self._views:
            owner = None if rule is None else layer.policy.find_owner(answered)
            if rule is None or owner is None:
                continue
            if rule.versions is not None:
                narrowed.append((layer, rule))
            if owner.files_from is not None:
                placed.append((layer, rule, owner.files_from))
        if not narrowed and not placed:
            return None
        by_version: dict[str, list[Finding]] = {}  # a page lists many files of one version

        def check(version: str, location: Location | None) -> Verdict:
            found = by_version.get(version)
            if found is None:
                checked = [_check_version(layer, rule, version) for layer, rule in narrowed]
                found = by_version[version] = [finding for finding in checked if finding is not None]
            if placed:
                objecting = [finding.layer for finding in found]
                found = found + [
                    Finding("file-elsewhere", layer, rule)
                    for layer, rule, places in placed
                    if layer not in objecting and not _is_covered(location, places)
                ]
            return Verdict(tuple(found)) if found else PASS

        return check

    def direct(self, place: Location | None, *, requested: bool) -> Verdict:
        """May a reference that goes round every index be used for this name?

        :param place: the identity of its URL, as ``parse_reference`` gives it; None where it is unknown.
        :param requested: whether the user gave it; otherwise a distribution brought it.
        """
        return self._collect_all(lambda layer, rule: _check_direct(layer, rule, place, requested=requested))

    def local_file(self) -> Verdict:
        """May a local file that pip's finder met (``--find-links``, a ``file:`` index) be used?"""
        return self.direct(_LOCAL, requested=True)

    def find_links(self, place: Location | None) -> Verdict:
        """May a remote file that a ``--find-links`` option or a local page names be used? It is a requested direct URL."""
        found = self.direct(place, requested=True).findings
        return Verdict(tuple(finding._replace(code="find-links") for finding in found))

    def locked(self, link: Location | None, version: str, place: Location | None = None) -> Verdict:
        """May a file that a lock file names by URL be used?

        It passes if it lies within the ``files-from`` of an index that may serve the name, or at or under the ``url`` of
        one that has none; otherwise it is a requested direct URL, unless a page of such an index lists the very file.

        :param link: the identity of the URL, the public index's file host taken for the public index; None where it is
            unknown.
        :param version: of the file.
        :param place: the identity of the URL itself, which ``files-from`` and ``[direct-urls]`` are about; by default
            ``link``.
        """
        place = link if place is None else place
        if link is not None and link.is_local:
            return self.local_file()

        def check(layer: Layer, rule: Rule | None) -> Finding | None:
            if (
                rule is not None
                and link is not None
                and place is not None
                and may_hold(layer.policy, rule, link, place)
            ):
                if rule.is_expired(self._today):
                    return Finding("entry-expired", layer, rule)
                return _check_version(layer, rule, version)
            refusal = _check_direct(layer, rule, place, requested=True)
            return None if refusal is None else refusal._replace(code="locked-link")

        return self._collect_all(check)

    def origin(self, page: Location | None, link: Location | None = None, place: Location | None = None) -> Origin:
        """Say whether a file that pip chose comes from the name's own index: to all layers that enforce, if any do.

        The rule that is told is that of the first layer to which it does not; else that of the first.

        :param page: the identity of the page that lists it; None where no index does.
        :param link: of a file that a lock names, as for ``locked``.
        :param place: as for ``locked``.
        """
        views = [(layer, rule) for layer, rule in self._views if layer.enforces] or self._views

        def say(layer: Layer, rule: Rule | None) -> Origin:
            if rule is None:
                return Origin("none", layer)
            owner = None if page is None else layer.policy.find_owner(page)
            if page is not None:
                return Origin("own" if owner is not None and owner.name in rule.indexes else "other", layer, rule)
            is_held = link is not None and place is not None and may_hold(layer.policy, rule, link, place)
            return Origin("own" if is_held else "none", layer, rule)

        return min((say(*view) for view in views), key=lambda origin: origin.word == "own", default=UNKNOWN)

    def version(self, version: str) -> Verdict:
        """May this version, as the distribution's own metadata tells it, be used?"""
        return self._collect(lambda layer, rule: None if rule is None else _check_version(layer, rule, version))

    def find_known(self, layer: Layer) -> Known | None:
        """Return what a layer knows of a public project of this name, if it does."""
        return layer.policy.find_known(self.name, self._today)

    def same_file(self) -> Verdict:
        """May a file be used that the name's own index and a public one list with one sha256?"""

        def check(layer: Layer, rule: Rule | None) -> Finding | None:
            if not claims(rule) or layer.policy.same_file != "drop":
                return None
            return Finding("shadowed-name", layer, rule, key="shadow.same-file")

        return self._collect(check)

    def unclaimed(self, asked: Location) -> Verdict:
        """Is this perhaps a forgotten internal name: only ``*`` matches it, and an index that is not public offers it?"""

        def check(layer: Layer, rule: Rule | None) -> Finding | None:
            index = layer.policy.find_index(asked)
            if layer.enforces or index is None or index.public or rule is None or claims(rule):
                return None
            return None if index.name in rule.indexes else Finding("unclaimed-internal", layer, rule)

        return self._collect(check)

    def _ask(self, layer: Layer, rule: Rule | None, asked: Location | None) -> Finding | None:
        index = None if asked is None else layer.policy.find_index(asked)
        if index is None:
            return Finding("unknown-index", layer, rule)
        if rule is None:
            return Finding("unmatched-name", layer)
        if index.name not in rule.indexes:
            probe = index.public and claims(rule) and layer.policy.probe == "always"
            is_known = probe and self.find_known(layer) is not None
            return Finding("claimed-elsewhere", layer, rule, probe, is_known=is_known)
        if rule.is_expired(self._today):
            return Finding("entry-expired", layer, rule)
        return None

    def _collect(self, check: LayerCheck) -> Verdict:
        found = tuple(finding for layer, rule in self._views if (finding := check(layer, rule)) is not None)
        return Verdict(found) if found else PASS

    def _collect_all(self, check: LayerCheck) -> Verdict:
        """As ``_collect``, for what a layer without ``[indexes]`` decides too."""
        rules = dict(self._views)
        found = tuple(finding for layer in self._layers if (finding := check(layer, rules.get(layer))) is not None)
        return Verdict(found) if found else PASS


def _check_direct(layer: Layer, rule: Rule | None, place: Location | None, *, requested: bool) -> Finding | None:
    policy = layer.policy
    is_local = place is not None and place.is_local
    if is_local and policy.local == "block":
        return Finding("local-path", layer, rule, key="local")
    if place is not None and policy.direct_urls.covers(place):
        return None
    if not requested and policy.direct_urls.transitive == "block":
        return Finding("direct-url", layer, rule, key="direct-urls.transitive")
    if is_local:
        return None
    if requested and policy.direct_urls.requested == "block":
        return Finding("direct-url", layer, rule, key="direct-urls.requested")
    return Finding("direct-url", layer, rule) if claims(rule) else None


def claims(rule: Rule | None) -> bool:
    """Tell whether a rule claims its names: it is anything but ``*``."""
    return rule is not None and not rule.pattern.is_catch_all


def _is_served(policy: Policy, rule: Rule, asked: Location) -> bool:
    index = policy.find_index(asked)
    return index is not None and index.name in rule.indexes


def may_hold(policy: Policy, rule: Rule, link: Location, place: Location) -> bool:
    """Tell whether a file that a lock names lies in an index that may serve the name (``Authority.locked``)."""
    return any(
        any(link.is_at_or_under(url) for url in index.urls)
        if index.files_from is None
        else any(files.covers(place) for files in index.files_from)
        for index in map(policy.index, rule.indexes)
    )


def _check_version(layer: Layer, rule: Rule, version: str) -> Finding | None:
    if rule.versions is None or rule.versions.contains(version):
        return None
    return Finding("version-not-allowed", layer, rule)


def _is_covered(location: Location | None, places: Collection[FilesFrom]) -> bool:
    return location is not None and any(place.covers(location) for place in places)
