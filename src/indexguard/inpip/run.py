"""All that the guard remembers of one pip run, and how it speaks to the user and to the audit log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from ..audit.kinds import EventKind
from ..audit.recorder import Recorder
from ..decision.authority import Authority
from ..decision.outcome import Settings
from ..decision.verdict import Finding, Verdict
from ..errors import GuardError
from ..patterns import Name
from ..policy.identity import PYPI, Location, find_location
from ..policy.model import Layer
from . import mark
from .gate.references import Reference
from .search.page import Page
from .search.search import Search
from .speech import pip_errors

logger = logging.getLogger("indexguard")

_SEARCHES = "_indexguard_searches"


class Run:
    """One pip run.

    pip <= 21.3 asks the finder from a thread pool (``pip list --outdated``): what threads share is behind a lock.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    :param layers: the policy layers, with the public index's own address replaced by the token ``pypi``.
    :param built_in: whether the rule that holds without a policy is in force.
    :param pypi: the public index as the running pip knows it.
    :param pypi_files: the host of its files, likewise.
    :param today: the date in UTC.
    :param takes_requests: whether the root requirements are the user's; a pip that another started for the build
        requirements of a distribution has none.
    """

    def __init__(
        self,
        root: str,
        layers: Sequence[Layer],
        *,
        built_in: bool,
        pypi: Location | None,
        pypi_files: str | None,
        today: date,
        recorder: Recorder,
        takes_requests: bool,
    ) -> None:
        self.root = root
        self.layers = tuple(layers)
        self.built_in = built_in
        self.settings = Settings.of(layers)
        self.recorder = recorder
        self.resolving = 0
        self.building: list[bool] = []
        """For each set of build requirements that is being installed in this process, the innermost last: whether it is
        that of a local project that was itself requested."""
        self.preparing: list[Any] = []
        """The requirements that are being prepared, the innermost last."""
        self.requested: set[str] = set()
        """URLs that the user gave: on the command line, in requirements and constraints files."""
        self.references: dict[str, Reference] = {}
        """References whose download is watched, by URL without fragment."""
        self.locked: set[str] = set()
        """URLs that a lock file names (pip >= 26.1)."""
        self.built_from: dict[str, Any] = {}
        """By the URL of a wheel in pip's cache, the link that it was built from."""
        self.refusals: list[GuardError] = []
        self.lock = threading.RLock()
        self.probing = threading.Lock()
        self._takes_requests = takes_requests
        self._today = today
        self._pypi = pypi
        self._pypi_files = pypi_files
        self._local = threading.local()
        self._searches: dict[Name, list[Search]] = {}
        self._warned: set[str] = set()

    def locate(self, url: str) -> Location | None:
        """Return the identity of a URL; at or under the running pip's own public index, that of the token ``pypi``."""
        location = find_location(url)
        if location is not None and self._pypi is not None and location.is_at_or_under(self._pypi):
            return Location(PYPI.scheme, PYPI.host, PYPI.port, location.segments[len(self._pypi.segments) :])
        return location

    def locate_locked(self, url: str) -> Location | None:
        """Return the identity of a URL that a lock file names: on the public index's file host, the token's too."""
        location = self.locate(url)
        if location is not None and location.scheme == "https" and location.host == self._pypi_files:
            return Location(PYPI.scheme, PYPI.host, PYPI.port, location.segments)
        return location

    @property
    def takes_requests(self) -> bool:
        """Whether what pip is asked to resolve now is the user's: build requirements are the distribution's."""
        return self.building[-1] if self.building else self._takes_requests

    def authority(self, name: Name) -> Authority:
        """Return what the layers say of a name."""
        return Authority(self.layers, name, self._today)

    def search(self, finder: Any, name: Name) -> Search:
        """Return the search of this finder for this name; pip's own caches live as long as the finder, so does this."""
        with self.lock:
            searches: dict[Name, Search] = vars(finder).setdefault(_SEARCHES, {})
            if name not in searches:
                searches[name] = Search(name, self.authority(name))
                self._searches.setdefault(name, []).append(searches[name])
            return searches[name]

    def searches(self, name: Name | None = None) -> list[Search]:
        """Return the searches for one name, or all of them, in the order in which they began."""
        with self.lock:
            if name is not None:
                return list(self._searches.get(name, ()))
            return [search for searches in self._searches.values() for search in searches]

    @property
    def page(self) -> Page | None:
        """The page that this thread is fetching."""
        return getattr(self._local, "page", None)

    @contextmanager
    def fetching(self, page: Page) -> Iterator[None]:
        """Mark a page as the one that this thread is fetching."""
        self._local.page = page
        try:
            yield
        finally:
            self._local.page = None

    @property
    def hashed(self) -> bool:
        """Whether the requirement that this thread is looking up carries hashes."""
        return getattr(self._local, "hashed", False)

    @contextmanager
    def looking_up(self, *, hashed: bool) -> Iterator[None]:
        """Mark what this thread is looking up: a requirement, with or without hashes."""
        before = self.hashed
        self._local.hashed = hashed
        try:
            yield
        finally:
            self._local.hashed = before

    def warn(self, text: str) -> None:
        """Print one warning line, once."""
        with self.lock:
            if text in self._warned:
                return
            self._warned.add(text)
        logger.warning("%s", text)

    def record(self, event: EventKind, code: str | None, **fields: Any) -> None:
        """Write one event to the audit log.

        :raises Exception: pip's own error, made from a ``GuardError`` (``log-failed``): a layer has ``on-failure = "block"``.
        """
        self._record(event, code, fields)
        blocking = [layer for layer in self.layers if layer.enforces and layer.policy.log_failure == "block"]
        if self.recorder.problem is not None and blocking:
            raise self.refuse(_explain_log(self.recorder.problem, blocking[0]))

    def _record(self, event: EventKind, code: str | None, fields: Mapping[str, Any]) -> None:
        """Write one event; the first failure to write becomes a warning."""
        self.recorder.record(event, code, **fields)
        if self.recorder.problem is not None:
            self.warn(f"indexguard: {self.recorder.problem}")

    def record_verdict(self, verdict: Verdict, event: EventKind, **fields: Any) -> None:
        """Write one event for each finding: ``event`` for the enforced ones, ``would-refuse`` for those in audit mode."""
        for finding in verdict.findings:
            self.record_finding(finding, event, **fields)

    def record_finding(self, finding: Finding, event: EventKind, **fields: Any) -> None:
        """Write the event of one finding."""
        self.record(event if finding.enforced else "would-refuse", finding.code, finding=finding, **fields)

    def refuse(self, error: GuardError, **fields: Any) -> Exception:
        """Note a refusal and return the exception, one of pip's own kind, that the caller raises."""
        with self.lock:
            known = any(str(error) == str(refusal) for refusal in self.refusals)
            if not known:
                self.refusals.append(error)
        if not known:
            self._record("refused", error.code, {"message": error.refused, **fields})
            mark.report_to_parent(error)
        return pip_errors.as_pip_error(self.root, error)


def _explain_log(problem: str, layer: Layer) -> GuardError:
    facts = [("rule", f'log.on-failure = "block"\n{layer.path}'), ("cause", problem)]
    return GuardError("log-failed", "pip may not go on without its audit log", facts)
