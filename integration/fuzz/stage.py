"""One name looked up by a real package finder behind the guard, in front of a web that lies in memory.

The guard's wrappers are those of every pip run, but they sit on subclasses: the pip of this process stays what it is.
A fault of the guard, which a user meets as ``guard-broken``, is kept in ``Played.faults``.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Callable
from unittest import mock

from indexguard.audit.line import encode, link
from indexguard.audit.output import Output
from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from indexguard.decision.outcome import Settings
from indexguard.errors import GuardError
from indexguard.inpip import failing, seams
from indexguard.inpip.activation import Guard, closed
from indexguard.inpip.mains import Main
from indexguard.inpip.run import Run
from indexguard.inpip.speech import words
from indexguard.policy.identity import parse_location
from indexguard.policy.log import LogSettings
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy
from integration.harness.cases import read_cases

CASES = read_cases(__file__)

CORP = "https://corp.example/simple/"
PUBLIC = "https://public.example/simple/"
CORP_FILES = ("https://files.corp.example/", "https://corp.example/files/")
TODAY = date(2026, 6, 15)
FILTERED = (seams.REQUEST, seams.PROCESS_PAGE, seams.EVALUATE_LINKS, seams.FIND_ALL, seams.FIND_BEST)

POLICY = CASES["policy"]
"""The token stands for ``PUBLIC`` here."""


@dataclass(frozen=True)
class Answer:
    """What one URL gives."""

    body: bytes
    headers: dict[str, str]
    status: int = 200


Web = Callable[[str], Answer]
"""Answers a URL as pip asks for it."""


@dataclass
class Played:
    """What became of one look-up."""

    candidates: list[Any] = field(default_factory=list)
    """What reached pip's selection."""
    error: Exception | None = None
    """What pip raised."""
    refusals: list[GuardError] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)
    """Exceptions of the guard's own code."""
    lines: list[bytes] = field(default_factory=list)
    """Of the audit log."""
    problem: str | None = None
    """Why an event is missing from the log."""
    warnings: list[str] = field(default_factory=list)
    explanations: list[GuardError] = field(default_factory=list)


class _MemoryOutput(Output):
    """A log that a million inputs may fill."""

    def __init__(self, lines: list[bytes]) -> None:
        super().__init__(LogSettings(), Path("/nowhere/audit.jsonl"), "")
        self.lines = lines

    def write(self, event: Mapping[str, Any]) -> None:
        self.lines.append(link(encode(event), None) + b"\n")


class _Listener(logging.Handler):
    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class Stage:
    """What all look-ups share, made once: sessions, classes, the policy read in both modes.

    :raises ImportError: there is no pip here.
    """

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an old pip on a new Python
            self.pip_error: type[Exception] = _load("exceptions").PipError
            finder_class, session_class = (
                _load("index.package_finder").PackageFinder,
                _load("network.session").PipSession,
            )
            self._collector = _load("index.collector").LinkCollector
            scope_class = _load("models.search_scope").SearchScope
            self._response = importlib.import_module("pip._vendor.urllib3.response").HTTPResponse
            self._preferences = _load("models.selection_prefs").SelectionPreferences(allow_yanked=True)
            self._target = _load("models.target_python").TargetPython()
            self._specifiers = importlib.import_module("pip._vendor.packaging.specifiers").SpecifierSet
        self._wrappers: dict[seams.Seam, Any] = {}
        self._web: Web = lambda url: Answer(url.encode(), {}, 404)
        # Where the guard is installed it waits in this method for the first finder: not for these.
        own = {"__init__": inspect.unwrap(finder_class.__init__)}
        filtered = FILTERED[1:]
        self._finders = {
            False: type("PackageFinder", (finder_class,), own),
            True: type("PackageFinder", (finder_class,), {**own, **self._methods(finder_class, filtered)}),
        }
        guarded_session = type("PipSession", (session_class,), self._methods(session_class, (seams.REQUEST,)))
        # To say what the machine is like, a session starts programs.
        with mock.patch.object(_load("network.session"), "user_agent", return_value="pip"):
            self._sessions = {False: self._open(session_class), True: self._open(guarded_session)}
        options = {"no_index": False} if "no_index" in inspect.signature(scope_class.create).parameters else {}
        self._scope = functools.partial(scope_class.create, [], **options)
        self._layers = {mode: (_layer(mode),) for mode in ("enforce", "audit")}
        self._context = RunContext(run="0" * 16, pip="fuzz", policy=(), command=("pip",))

    def play(self, web: Web, policy: str, name: str, specifier: str = "") -> Played:
        """Look up a name behind the guard, as the resolver does.

        :param policy: ``enforce``, ``audit``, or ``none`` for the rule that holds without a policy.
        """
        played = Played()
        guard = self._new_guard(policy, played.lines)
        filters = dict(guard.filters())
        self._wrappers = {seam: seam.wrapper(closed("pip", filters[seam])) for seam in FILTERED}
        with _listening(played):
            self._look_up(played, web, name, specifier, (CORP, PUBLIC), guarded=True)
            played.explanations = guard.speaker.refusals or words.find_explanations(guard.searches.all())
        played.refusals, played.problem = guard.speaker.refusals, guard.speaker.recorder.problem
        return played

    def play_unguarded(
        self, web: Web, name: str, specifier: str = "", indexes: tuple[str, ...] = (CORP, PUBLIC)
    ) -> Played:
        """Look up a name without the guard."""
        played = Played()
        with _quiet():
            self._look_up(played, web, name, specifier, indexes, guarded=False)
        return played

    def _look_up(
        self, played: Played, web: Web, name: str, specifier: str, indexes: tuple[str, ...], *, guarded: bool
    ) -> None:
        self._web = web
        collector = self._collector(session=self._sessions[guarded], search_scope=self._scope(list(indexes)))
        made: Any = self._finders[guarded].create(  # type: ignore[attr-defined]  # pip's own
            link_collector=collector, selection_prefs=self._preferences, target_python=self._target
        )
        try:
            result = made.find_best_candidate(name, self._specifiers(specifier))
        except Exception as error:  # noqa: BLE001  # the caller judges it
            played.error = error
        else:
            played.candidates = list(result.iter_all() if hasattr(result, "iter_all") else result.all_candidates)

    def _methods(self, owner: Any, filtered: tuple[seams.Seam, ...]) -> dict[str, Any]:
        return {seam.method: self._method(vars(owner)[seam.method], seam) for seam in filtered}

    def _method(self, original: Any, seam: seams.Seam) -> Callable[..., Any]:
        if "Wrapper" in type(original).__name__:
            raise RuntimeError("the pip of this process is guarded already: its finder has been used")

        def method(instance: Any, *args: Any, **kwargs: Any) -> Any:
            return self._wrappers[seam](functools.partial(original, instance), instance, args, kwargs)

        return method

    def _open(self, session_class: Any) -> Any:
        """Make a session whose every connection ends in this process."""
        session = session_class()
        session.trust_env = False  # no ~/.netrc, no proxies
        session.auth = _NoCredentials()
        adapter = session.get_adapter("https://corp.example/")
        adapter.send = functools.partial(self._send, adapter)
        session.adapters.clear()
        for scheme in ("https://", "http://", "file://"):
            session.mount(scheme, adapter)
        return session

    def _send(self, adapter: Any, request: Any, **_kwargs: Any) -> Any:
        answer = self._web(request.url)
        raw = self._response(
            body=io.BytesIO(answer.body), headers=answer.headers, status=answer.status, preload_content=False
        )
        return adapter.build_response(request, raw)

    def _new_guard(self, policy: str, lines: list[bytes]) -> Guard:
        layers = self._layers.get(policy, ())
        recorder = Recorder(self._context._replace(policy=layers), Path("/nowhere/audit.jsonl"))
        recorder._output = _MemoryOutput(lines)  # noqa: SLF001  # the one part that meets a disk
        pypi = parse_location(PUBLIC)
        run = Run("pip", layers, Settings.of(layers), not layers, pypi, "files.public.example", TODAY)
        guard = Guard.of(run, recorder, takes_requests=True)
        guard.searches.resolving = 1  # a command that only looks is never refused
        return guard


class _NoCredentials:
    """Stands for pip's own, which looks into files and asks programs."""

    prompting = False

    def __call__(self, request: Any) -> Any:
        return request


def _load(module: str) -> Any:
    return importlib.import_module(f"pip._internal.{module}")


def _layer(mode: str) -> Layer:
    path = f"/etc/indexguard/{mode}.toml"
    policy = read_policy(POLICY.replace("MODE", mode).encode(), path).resolve_pypi(parse_location(PUBLIC))
    return Layer("machine", path, "0" * 64, policy)


@contextmanager
def _listening(played: Played) -> Iterator[None]:
    """Keep the guard's warnings and faults, and leave nothing of this look-up in the process."""
    logger = logging.getLogger("indexguard")
    listener, propagates = _Listener(played.warnings), logger.propagate
    logger.addHandler(listener)
    logger.propagate = False

    def note_fault(*_: object) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            played.faults.append(error)

    try:
        with (
            _quiet(),
            Main() as main,
            mock.patch.object(failing, "record_failure", note_fault),
        ):
            yield
            main.end()
    finally:
        logger.propagate = propagates
        logger.removeHandler(listener)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep pip from talking: of odd pages it has much to say."""
    logger = logging.getLogger("pip")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
