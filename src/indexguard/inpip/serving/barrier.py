"""What never comes in, wherever it comes from: files of pages, of this machine, of locks; URLs; repositories.

It stands around the filter and the gate, and is there only where a policy denies something or goes by advisories. A file
is judged where it is listed; before it is fetched, by its URL; before code of its build runs, by its content; and when
it has been prepared, by what its metadata says. Here is only found out whether anything is said of it: of most, nothing
is. What is said is judged in ``judging``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...advisories.opening import open_advisories
from ...patterns import Name, find_version, normalise_name
from ...policy.identity import Location, find_reference
from .. import seams
from ..gate.distributions import name_of, names_in
from ..gate.requests import Requests
from ..run import Run
from ..search.links import find_sha256
from ..search.page import Page
from ..search.search import Search
from ..search.searches import Searches
from ..speech.speaker import Speaker

if TYPE_CHECKING:
    from ..objects import Call, Candidate, Distribution, Evaluator, Finder, Link, Requirement
    from ..seams import Filter
    from .judging import Judging

_UNNAMED = Name("")
_LATE = "it was fetched, and code of its build may have run, before this was known"
_IN_TIME = "it was fetched, and nothing of it has run"


class Barrier:
    """Stands around what lists, prepares and builds.

    :raises PolicyError: the records that a layer goes by cannot be read.
    """

    def __init__(self, run: Run, searches: Searches, requests: Requests, speaker: Speaker) -> None:
        self._run = run
        self._searches = searches
        self._requests = requests
        self._speaker = speaker
        self._advisories = tuple(open_advisories(layer, self._tell) for layer in run.layers)
        self._digests: dict[str, str] = {}
        """Of files of this machine, by path."""
        self._checked: set[int] = set()
        """The identities of the requirements, which pip keeps, whose content was judged before a build."""
        self._made: Judging | None = None

    def surround(self, functions: dict[str, Filter]) -> None:
        """Stand around what stands for the methods of pip.

        :param functions: by the key of a seam.
        """
        around = {
            seams.EVALUATE_LINKS: self.around_links,
            seams.PREPARE_LINKED: self.around_prepare,
            seams.PREPARE_EDITABLE: self.around_prepare,
            seams.PREPARE_WHOLE: self.around_prepare,
            seams.ORDER: self.around_order,
            **dict.fromkeys((*seams.BUILD_SEAMS, seams.SUBPROCESS), self.around_build),
        }
        for seam, wrap in around.items():
            functions[seam.key] = wrap(functions[seam.key])

    # What lists

    def around_links(self, inner: Filter) -> Filter:
        """Sift what pip makes of the links of a page, and of those that no page lists."""

        def evaluate_links(
            call: Call, finder: Finder, link_evaluator: Evaluator, links: Iterable[Link]
        ) -> Sequence[Candidate]:
            def call_and_sift(**changed: object) -> Sequence[Candidate]:
                return self._sift(
                    self._searches.of(finder, normalise_name(link_evaluator.project_name)), call(**changed)
                )

            found: Sequence[Candidate] = inner(call_and_sift, finder, link_evaluator, links)
            return found

        return evaluate_links

    def _sift(self, search: Search, found: Sequence[Candidate]) -> Sequence[Candidate]:
        is_named = self._is_named(search.name)
        knows_files = self._knows_files
        if not found or not (is_named or knows_files):
            return found
        page = self._searches.page
        digests = self._digests_of(found, {} if page is None else page.digests)
        if not is_named and not any(it is not None and it.may_know(digests) for it in self._advisories):
            return found
        listing = None if page is None or page.is_local else page
        places = [self._place_of(it.link, listing) for it in found]
        return self._judging.sift(search, page, list(zip(found, digests, places)), is_listed=listing is not None)

    # What prepares, and builds

    def around_prepare(self, inner: Filter) -> Filter:
        """Judge a requirement before anything of it is fetched, and what arrived."""

        def prepare(call: Call, preparer: object, req: Requirement) -> Distribution:
            if req.link is not None and not self._requests.is_preparing(req):
                self._check_before(req, req.link)
            distribution: Distribution = inner(call, preparer, req)
            if req.link is not None and not self._requests.is_preparing(req):
                self._check_arrived(req, req.link, distribution)
            return distribution

        return prepare

    def around_build(self, inner: Filter) -> Filter:
        """Judge a file by its content before code of it runs."""

        def build(call: Call, instance: object, *given: object, **named: object) -> object:
            requirement = self._requests.innermost
            if requirement is not None and requirement.link is not None and id(requirement) not in self._checked:
                self._checked.add(id(requirement))
                self._check_content(requirement, requirement.link)
            return inner(call, instance, *given, **named)

        return build

    def around_order(self, inner: Filter) -> Filter:
        """Load what judges: pip 26.3 refuses every import from here on, and its self-check may meet something yet."""

        def order(call: Call, *given: object, **named: object) -> object:
            _ = self._judging
            return inner(call, *given, **named)

        return order

    def _check_before(self, requirement: Requirement, link: Link) -> None:
        name, source = name_of(requirement), self._requests.source_of(link)
        if self._page_of(name, source) is None:  # else it was judged where it is listed
            version = find_version(source.filename, name) if name is not None else None
            self._check(requirement, (name or _UNNAMED,), version, self._sha256_of(source), "")

    def _check_content(self, requirement: Requirement, link: Link) -> None:
        name, source = name_of(requirement), self._requests.source_of(link)
        version = None if name is None else find_version(source.filename, name)
        self._check(requirement, (name or _UNNAMED,), version, self._digest_of(requirement, source), _IN_TIME)

    def _check_arrived(self, requirement: Requirement, link: Link, distribution: Distribution) -> None:
        expected, source = name_of(requirement), self._requests.source_of(link)
        names = sorted({*names_in(distribution), *([] if expected is None else [expected])})
        note = "" if source.is_wheel else _LATE
        self._check(requirement, names, str(distribution.version), self._digest_of(requirement, source), note)

    def _check(
        self, requirement: Requirement, names: Sequence[Name], version: str | None, sha256: str, note: str
    ) -> None:
        """Refuse what may not come in.

        :param note: what has happened before this was known.
        :raises Exception: pip's own error, made from a ``Refusal``.
        """
        if requirement.link is None or not (any(map(self._is_named, names)) or self._is_known(sha256)):
            return
        source = self._requests.source_of(requirement.link)
        page = self._page_of(name_of(requirement), source)
        for name in names:
            place = self._place_of(source, page)
            self._judging.check(requirement, source, name, (version, sha256, place), page=page, note=note)

    # What is known of a file

    @property
    def _judging(self) -> Judging:
        if self._made is None:
            from .judging import Judging  # most runs meet nothing that is denied or named

            self._made = Judging(self._run, self._speaker, self._advisories)
        return self._made

    def _tell(self, text: str) -> None:
        self._speaker.warn(f"indexguard: {text}")

    def _is_named(self, name: Name) -> bool:
        """Tell whether a denial or a record names a project."""
        denials = [layer.policy.deny for layer in self._run.layers]
        return any(it is not None and it.find(name) for it in denials) or any(
            it is not None and it.knows(name) for it in self._advisories
        )

    @property
    def _knows_files(self) -> bool:
        return any(it is not None and it.knows_files for it in self._advisories)

    def _is_known(self, sha256: str) -> bool:
        """Tell whether a record names a file."""
        return bool(sha256) and any(it is not None and it.find_file(sha256) for it in self._advisories)

    def _page_of(self, name: Name | None, source: Link) -> Page | None:
        """Return the remote page that lists a file which the finder approved."""
        approval = None if name is None else self._searches.find_approval(name, source)
        page = None if approval is None else approval[1]
        return None if page is None or page.is_local else page

    def _place_of(self, link: Link, page: Page | None) -> Location | None:
        return self._run.locate_locked(link.url) if page is None else page.answered or page.asked

    def _digests_of(self, found: Sequence[Candidate], known: dict[str, str]) -> list[str]:
        """Return the digest of each file; those that most pages give are noted."""
        digests = []
        for candidate in found:
            link = candidate.link
            known[link.url] = digest = find_sha256(link)
            digests.append(digest or self._sha256_of(link))
        return digests

    def _sha256_of(self, link: Link) -> str:
        """Return the digest that is given of a file, or that of one of this machine."""
        told = getattr(link, "_hashes", None) or {}
        digest = told.get("sha256") if "sha256" in told or link.hash_name != "sha256" else link.hash
        if isinstance(digest, str):
            return digest.lower()
        place = find_reference(link.url)
        if place is None or not place.is_local:
            return ""
        try:
            return self._digest(link.file_path)
        except (OSError, ValueError):
            # pip cannot read it either, and may not have to: it chooses among files by their names.
            return ""

    def _digest_of(self, requirement: Requirement, source: Link) -> str:
        """Return the digest of what arrived: pip has checked the one that a page gives, if the requirement carries none.

        Of several it takes any: one of them may be another file's.

        :raises OSError: it cannot be read any more, which stops pip.
        """
        path: str | None = getattr(requirement, "local_file_path", None)
        is_alone = not requirement.hash_options and len(getattr(source, "_hashes", None) or ()) <= 1
        is_checked = is_alone and source.hash_name == "sha256" and isinstance(source.hash, str)
        if is_checked or path is None or requirement.link is not source:
            # What was built, now or before, is a file of its own, of which no record says anything.
            return self._sha256_of(source)
        return self._digest(path)

    def _digest(self, path: str) -> str:
        if not self._knows_files or not os.path.isfile(path):
            return ""
        found = self._digests.get(path)
        if found is None:
            whole = hashlib.sha256()
            with open(path, "rb") as file:
                while block := file.read(1024 * 1024):
                    whole.update(block)
            found = self._digests[path] = whole.hexdigest()
        return found
