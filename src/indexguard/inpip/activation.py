"""Activation: reads the policy and wraps pip, when pip makes its first package finder.

What every run needs is imported here and now; all the rest of the guard before anything is installed.
"""

from __future__ import annotations

import atexit
import codecs
import os
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ..audit.place import log_path
from ..audit.recorder import Recorder
from ..audit.run_context import RunContext, command_line
from ..audit.worker import new_lock
from ..decision.outcome import Settings
from ..errors import GUARD_BROKEN, GuardError, hiders
from ..policy.identity import find_location
from ..policy.layers import find_layers
from ..policy.log import LogSettings
from ..tuples import NamedTuple
from . import mains, mark, seams
from .filter.finder import NameFilter
from .filter.pages import PageFilter
from .gate.gate import Gate
from .gate.requests import Requests
from .mains import Main
from .run import Run
from .search.searches import Searches
from .speech.speaker import Speaker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .objects import Call, Requirement, Resolved, VenvEnvironment, VirtualEnvironment
    from .serving.files import FileSifter
    from .serving.memory import Memory


class Guard(NamedTuple):
    """What guards one run of a pip."""

    run: Run
    searches: Searches
    requests: Requests
    speaker: Speaker
    memory: Memory | None = None
    """What the layers remember, if one has a ledger."""

    @classmethod
    def of(cls, run: Run, recorder: Recorder, *, takes_requests: bool) -> Guard:
        """Return the guard of a run that begins.

        :param takes_requests: whether the root requirements are the user's.
        """
        speaker, memory = Speaker(run, recorder), None
        if any(layer.policy.ledger is not None for layer in run.layers):
            from .serving.memory import Memory  # few policies have one

            memory = Memory(run, speaker)
        return cls(run, Searches(run), Requests(run, takes_requests=takes_requests), speaker, memory)

    def filters(self) -> Iterator[tuple[seams.Seam, seams.Filter]]:
        """Yield each seam, with what stands for it; the legacy resolver's are those of the new one."""
        gate = Gate(*self[:4])
        certs = None
        if any(layer.certificates for layer in self.run.layers):
            from .certificates import Certificates  # few policies have some

            certs = Certificates(self.run, self.speaker)
        asks = self.memory is not None or any(layer.policy.serving is not None for layer in self.run.layers)
        sifter = self.make_sifter() if asks else None
        typos = None
        if any("" in it.policy.rules.stems()[1] and it.policy.typo_action != "off" for it in self.run.layers):
            from .filter.typos import TypoFilter  # only `*` leaves names to everybody

            typos = TypoFilter(self.run, self.searches, self.speaker)
        facts = (self.run, self.searches, self.requests, gate.check_redirect)
        pages = PageFilter(*facts, self.make_sifter, certs, sifter, typos)
        names = NameFilter(self.run, self.searches, self.speaker, sifter, typos)
        yield seams.REQUEST, pages.request
        yield seams.PROCESS_PAGE, pages.process_project_url
        yield seams.EVALUATE_LINKS, pages.evaluate_links
        yield seams.FIND_ALL, names.find_all_candidates
        yield seams.FIND_BEST, names.find_best_candidate
        yield seams.PREPARE_LINKED, gate.prepare
        yield seams.PREPARE_EDITABLE, gate.prepare
        yield seams.PREPARE_WHOLE, gate.prepare_whole
        yield seams.FETCH_LAZY, gate.fetch_lazily
        yield seams.CACHE_ENTRY, gate.get_cache_entry
        yield seams.GET_REQUIREMENTS, gate.get_requirements
        yield seams.RESOLVE, gate.resolve if self.memory is None else self.memory.resolving(gate.resolve)
        yield seams.ORDER, self.load_rest(gate.get_installation_order)
        yield from ((seam, self.build_step) for seam in (*seams.BUILD_SEAMS, seams.SUBPROCESS))
        yield seams.BUILD_ONE, self.build_one
        yield seams.INSTALL, gate.install
        yield from ((it._replace(method="__init__"), enter_virtual) for it in (seams.VIRTUAL_BUILD, seams.PLAIN_BUILD))
        yield seams.VENV_BUILD._replace(method="__init__"), enter_venv

    def make_sifter(self) -> FileSifter:
        """Return what judges files: for a policy that asks something of them, or the page of a project that is not active."""
        from .serving.files import FileSifter

        return FileSifter(self.speaker, self.requests, datetime.now(timezone.utc), self.memory)

    def build_step(self, call: Call, _instance: object) -> object:
        """Mark what is started for a build, and repeat the refusals of what was started."""
        from .builds import build_step  # most runs build nothing

        return build_step(self.run, self.requests, self.speaker, call)

    def load_rest(self, order: seams.Filter) -> seams.Filter:
        """Load what only a refusal or a fault needs: pip's self-check, after the installation, may still meet one.

        pip 26.3 refuses every import from here on; and what is installed may be another release of the guard.

        :param order: stands for the method beside.
        """

        def load_and_order(call: Call, resolver: object, req_set: Resolved) -> object:
            from ..ranges import load_comparison
            from . import builds, children, failing  # noqa: F401
            from .filter import ambiguous, local_files, mirrors, odd_pages, redirects, same_files  # noqa: F401
            from .gate import hops, refusals, setup_py  # noqa: F401
            from .gate import redirects as _  # noqa: F401
            from .search import absence, asking, failures, simple_page  # noqa: F401
            from .speech import audit_mode, details, words  # noqa: F401

            serving = [it.policy.serving for it in self.run.layers]
            if any(it is not None for it in serving):
                from .serving import notes  # noqa: F401
            load_comparison(is_needed=any(it is not None and it.downgrade != "off" for it in serving))
            # Not where the build requirements of one of several names are installed in this process (pip >= 26.0).
            self.searches.settled = not self.searches.resolving
            return order(call, resolver, req_set)

        return load_and_order

    def build_one(self, call: Call, _instance: object, req: Requirement) -> object:
        """Note whose wheel is being built: that comes after all preparing."""
        with self.requests.preparing(req):
            return call()

    def finish(self, status: int | None) -> None:
        """Seal the audit log, and explain last: after a refusal the explanation is the last thing that pip prints.

        :param status: pip's exit code; None where it is not known.
        """
        if self.memory is not None:
            self.memory.finish()
        self.speaker.recorder.seal(status)
        try:
            self._say_last(status)
        except Exception as error:  # noqa: BLE001  # pip is done already: never a traceback on top
            with suppress(Exception):  # standard error may be closed, or missing
                sys.stderr.write(f"ERROR: {_explain_broken(error)}\n")

    def _say_last(self, status: int | None) -> None:
        if status == 0 and self.run.built_in and self.searches.absences:
            from .speech import words

            words.warn_of_absence(self.speaker, self.searches.all())
        self.speaker.tell_observed()
        searches = [it for it in self.searches.all() if not it.is_self_check] if status else []
        # Once installation has begun, pip had all that it looked for; what its self-check met is no cause.
        wanting = not self.searches.settled and any(not search.kept for search in searches)
        if status and (self.speaker.refusals or wanting):
            from .speech import pip_errors, words

            pip_errors.explain_last(self.speaker.refusals or words.find_explanations(searches))


def enter_virtual(call: Call, environment: VirtualEnvironment) -> None:
    """Hand the bootstrap to what is started in a build environment of folders."""
    from . import children  # most runs build nothing

    children.enter_virtual(call, environment)


def enter_venv(call: Call, environment: VenvEnvironment) -> None:
    """Hand the bootstrap to what is started in a build environment in a venv."""
    from . import children  # as above

    children.enter_venv(call, environment)


_MAIN = "_indexguard_main"
"""The attribute of a package finder that says which call of ``main()`` it belongs to."""
_WITH_FINDER = frozenset(("PackageFinder", "RequirementPreparer", "Resolver"))


def closed(root: str, function: seams.Filter) -> seams.Filter:
    """Have a fault of the guard itself stop pip with a clear message; what pip raises passes unchanged.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    exceptions = seams.pip_module(root, "_internal.exceptions")

    def attempt(call: Call, *arguments: object, **named: object) -> object:
        theirs: list[BaseException] = []

        def call_pip(**changed: object) -> object:
            try:
                return call(**changed)
            except BaseException as error:
                theirs.append(error)
                raise

        try:
            return function(call_pip, *arguments, **named)
        except exceptions.PipError:
            raise
        except Exception as error:
            if any(error is other for other in theirs):
                raise
            try:
                from .failing import fail

                failure = fail(root, error)
            except Exception as other:  # noqa: BLE001  # of the guard's own words something is broken, too
                failure = exceptions.InstallationError(_explain_broken(other))
            raise failure from error

    return attempt


def standing_for(root: str, seam: seams.Seam) -> seams.Filter:
    """Return what stands for a method for good: it calls what guards the run that the method is called in.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    key, needs_guard = seam.key, seam.class_name in _WITH_FINDER

    def call_guard(call: Call, instance: object, *arguments: object, **named: object) -> object:
        main = find_main(instance) if needs_guard else mains.current()
        function = None if main is None else main.functions.get(root, {}).get(key)
        if main is None or function is None:
            if not needs_guard:
                return call()  # a run that has made no finder
            main = activate(root, None, None)
            function = main.functions[root][key]
        with mains.within(main):
            return function(call, instance, *arguments, **named)

    return call_guard


def find_main(instance: object) -> Main | None:
    """Return the call of ``main()`` that one of pip's objects belongs to: that in which its finder was made."""
    main: Main | None = getattr(seams.finder_of(instance), "__dict__", {}).get(_MAIN)
    return main or mains.current()


def _explain_broken(error: Exception) -> str:
    return str(sys.modules["_indexguard_hook"].explain_broken(error))


_COLD = (
    *("../decision/absence.py", "../decision/redirects.py", "../decision/repositories.py", "../decision/serving.py"),
    *("../decision/denied.py", "../advisories/advisories.py", "../advisories/building.py", "../advisories/opening.py"),
    *("../decision/typosquat.py", "../typosquat/likeness.py", "../typosquat/locks.py", "../typosquat/nearest.py"),
    *("../typosquat/popular-names.txt", "../typosquat/preparation.py"),
    *("../codes.json", "../codes.py", "builds.py", "certificates.py", "children.py", "failing.py"),
    *("../hiding.py", "python_option.py", "reports.py", "tokens.py"),
    *("serving/barrier.py", "serving/judging.py", "serving/body.py", "serving/files.py", "serving/notes.py"),
    "serving/hashes.py",
    *("filter/mismatches.py", "gate/rivals.py"),
    *("serving/memory.py", "speech/details.py", "speech/files.py"),
    *(
        "filter/ambiguous.py",
        "filter/local_files.py",
        "filter/odd_pages.py",
        "filter/redirects.py",
        "gate/hops.py",
        "gate/redirects.py",
        "gate/refusals.py",
        "filter/mirrors.py",
        "filter/same_files.py",
        "gate/destinations.py",
        "gate/setup_py.py",
        "search/absence.py",
        "search/asking.py",
        "search/failures.py",
        "search/listing.py",
        "search/locks.py",
        "search/simple_page.py",
        "serving/suspicions.py",
        "speech/audit_mode.py",
        "speech/near.py",
        "speech/pip_errors.py",
        "speech/refusal.py",
        "speech/words.py",
    ),
)
"""What is loaded only where it is needed: that it is there is seen at once."""
_ACTIVATING = new_lock()
_LONGEST = 60.0
"""Seconds that one thread waits for another one that activates."""
_asked_to_seal: list[bool] = []


def activate(root: str, finder: object, session: object) -> Main:
    """Guard the run that a new package finder begins, or belongs to; later calls fail in the same way.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    :param finder: None if the finder is not known.
    :param session: pip's, which the finder asks with.
    :return: the run.
    :raises Exception: pip's own error: an invalid or unreadable policy, a pip that the guard does not understand.
    """
    main = mains.begin(session)
    if finder is not None:
        vars(finder)[_MAIN] = main
    if not _ACTIVATING.acquire(True, _LONGEST):
        raise GuardError(GUARD_BROKEN, "another thread of this process does not finish to activate it")
    try:
        if root not in main.failures:
            try:
                unbound = find_unbound(root)
                if root not in main.functions:
                    guard = _prepare(root)
                    if hiders:
                        from .tokens import learn_secrets  # few policies have a token

                        learn_secrets(finder)
                    main.functions[root] = {seam.key: function for seam, function in guard.filters()}
                    if any(it.policy.deny or it.policy.advisories for it in guard.run.layers):
                        from .serving.barrier import Barrier  # few policies deny something

                        Barrier(*guard[:4]).surround(main.functions[root])
                    main.at_end.append(guard.finish)
                for seam in unbound:
                    seam.bind(root, closed(root, standing_for(root, seam)))
            except Exception as error:  # noqa: BLE001  # whatever it is, pip must not go on unguarded, and say so clearly
                from .failing import explain_failure

                main.failures[root] = explain_failure(root, error)
            else:
                return main
    finally:
        _ACTIVATING.release()
    from .speech.pip_errors import as_pip_error

    raise as_pip_error(root, main.failures[root])


def find_unbound(root: str) -> list[seams.Seam]:
    """Return the methods of this pip that the guard has yet to stand for: all, or those of classes that are new.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    :raises GuardError: the guard does not understand this pip.
    """
    unbound = [seam for seam in seams.seams_of(root) if not (seam.is_in(root) and seam.is_bound(root))]
    if unbound:
        seams.check_pip(root, seams.pip_version(root))
    return unbound


def _prepare(root: str) -> Guard:
    folder = os.path.dirname(__file__)
    missing = [name for name in _COLD if not os.path.isfile(os.path.join(folder, name))]
    if missing:
        raise GuardError(GUARD_BROKEN, f"a part of it is missing: {missing[0]}")
    version = seams.pip_version(root)
    found = find_layers()
    public = seams.pip_module(root, "_internal.models.index").PyPI
    pypi = find_location(public.simple_url)
    layers = found.layers
    if pypi is not None:
        layers = tuple(replace(layer, policy=layer.policy.resolve_pypi(pypi)) for layer in layers)
    run = Run(
        root,
        layers,
        Settings.of(layers),
        found.builtin_rule_applies,
        pypi,
        getattr(public, "file_storage_domain", None),
        datetime.now(timezone.utc).date(),
        found.vital_places,
        found.builtin_rule_audited,
    )
    context = RunContext.of_process(version, layers, argv=command_line(), parent_run=mark.parent_run())
    recorder = Recorder(context, log_path(), LogSettings.combine(layer.policy.log for layer in layers))
    if not _asked_to_seal:
        _asked_to_seal.append(True)
        atexit.register(mains.end_all)  # where pip's own main is not what runs
    # A codec is a module too, loaded with its first use.
    for codec in ("idna", "unicode_escape", "ascii", "utf-8"):
        codecs.lookup(codec)
    return Guard.of(run, recorder, takes_requests=mark.takes_requests())
