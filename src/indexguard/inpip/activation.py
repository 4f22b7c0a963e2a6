"""Activation: reads the policy and wraps pip, when pip makes its first package finder.

What every run needs is imported here and now; all the rest of the guard before anything is installed.
"""

from __future__ import annotations

import atexit
import codecs
import os
import sys
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from ..audit.place import log_path
from ..audit.recorder import Recorder
from ..audit.run_context import RunContext
from ..decision.outcome import Settings
from ..errors import GUARD_BROKEN, GuardError
from ..policy.identity import find_location
from ..policy.layers import find_layers
from ..policy.log import LogSettings
from . import mark, seams
from .filter.finder import NameFilter
from .filter.pages import PageFilter
from .gate.gate import Gate
from .gate.requests import Requests
from .run import Run
from .search.searches import Searches
from .speech.speaker import Speaker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .objects import Call, Requirement, VenvEnvironment, VirtualEnvironment


class Guard(NamedTuple):
    """A guarded pip."""

    run: Run
    searches: Searches
    requests: Requests
    speaker: Speaker

    @classmethod
    def of(cls, run: Run, recorder: Recorder, *, takes_requests: bool) -> Guard:
        """Return the guard of a run that begins.

        :param takes_requests: whether the root requirements are the user's.
        """
        requests = Requests(run, takes_requests=takes_requests)
        return cls(run, Searches(run), requests, Speaker(run, recorder))

    def filters(self) -> Iterator[tuple[seams.Seam, seams.Filter]]:
        """Yield each seam that every pip has, with what stands for it."""
        gate = Gate(*self)
        pages = PageFilter(self.run, self.searches, self.requests, gate.check_redirect)
        names = NameFilter(self.run, self.searches, self.speaker)
        yield seams.REQUEST, pages.request
        yield seams.PROCESS_PAGE, pages.process_project_url
        yield seams.EVALUATE_LINKS, pages.evaluate_links
        yield seams.FIND_ALL, names.find_all_candidates
        yield seams.FIND_BEST, names.find_best_candidate
        yield seams.PREPARE_LINKED, gate.prepare
        yield seams.PREPARE_EDITABLE, gate.prepare
        yield seams.PREPARE_WHOLE, gate.prepare_whole
        yield seams.CACHE_ENTRY, gate.get_cache_entry
        yield from ((seam, gate.resolve) for seam in (seams.RESOLVE, seams.RESOLVE_LEGACY))
        yield from ((seam, gate.get_installation_order) for seam in (seams.ORDER, seams.ORDER_LEGACY))

    def build_step(self, call: Call, _instance: object) -> object:
        """Mark what is started for a build, and repeat the refusals of what was started."""
        from .builds import build_step  # most runs build nothing

        return build_step(self.run, self.requests, self.speaker, call)

    def enter_virtual(self, call: Call, environment: VirtualEnvironment) -> None:
        """Hand the bootstrap to what is started in a build environment of folders."""
        from .children import enter_virtual  # as above

        enter_virtual(call, environment)

    def enter_venv(self, call: Call, environment: VenvEnvironment) -> None:
        """Hand the bootstrap to what is started in a build environment in a venv."""
        from .children import enter_venv  # as above

        enter_venv(call, environment)

    def load_rest(self, call: Call, _resolver: object, _req_set: object) -> object:
        """Load what only a refusal or a fault needs: pip's self-check, after the installation, may still meet one.

        pip 26.3 refuses every import from here on; and what is installed may be another release of the guard.
        """
        from . import builds, children, failing  # noqa: F401
        from .filter import ambiguous  # noqa: F401
        from .search import simple_page  # noqa: F401
        from .speech import words  # noqa: F401

        # Not where the build requirements of one of several names are installed in this process (pip >= 26.0).
        self.searches.settled = not self.searches.resolving
        return call()

    def build_one(self, call: Call, _instance: object, req: Requirement) -> object:
        """Note whose wheel is being built: that comes after all preparing."""
        with self.requests.preparing(req):
            return call()

    def wrap(self) -> None:
        """Bind every filter to its seam."""
        root, filters = self.run.root, [*self.filters()]
        filters += [(seam, self.build_step) for seam in (*seams.BUILD_SEAMS, seams.SUBPROCESS) if seam.is_in(root)]
        filters += [(seams.BUILD_ONE, self.build_one)] if seams.BUILD_ONE.is_in(root) else []
        virtual = seams.VIRTUAL_BUILD if seams.VIRTUAL_BUILD.find_class(root) is not None else seams.PLAIN_BUILD
        filters.append((virtual._replace(method="__init__"), self.enter_virtual))
        if seams.VENV_BUILD.find_class(root) is not None:
            filters.append((seams.VENV_BUILD._replace(method="__init__"), self.enter_venv))
        filters += [(seam, self.load_rest) for seam in (seams.ORDER, seams.ORDER_LEGACY)]
        for seam, function in filters:
            seam.bind(root, closed(root, function))


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


def _explain_broken(error: Exception) -> str:
    return str(sys.modules["_indexguard_hook"].explain_broken(error))


_COLD = (
    *("../codes.json", "../codes.py", "builds.py", "children.py", "failing.py", "python_option.py", "reports.py"),
    *("filter/ambiguous.py", "search/listing.py", "search/simple_page.py"),
    *("speech/pip_errors.py", "speech/refusal.py", "speech/words.py"),
)
"""What is loaded only where it is needed: that it is there is seen at once."""
_guards: dict[str, Guard] = {}
_failures: dict[str, GuardError] = {}


def activate(root: str) -> None:
    """Wrap the pip whose package is ``root``, once; later calls change nothing, or fail in the same way.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    :raises Exception: pip's own error: an invalid or unreadable policy, a pip that the guard does not understand.
    """
    if root in _guards:
        return
    if root not in _failures:
        try:
            _guards[root] = _prepare(root)
        except Exception as error:  # noqa: BLE001  # whatever it is, pip must not go on unguarded, and say so clearly
            from .failing import explain_failure

            _failures[root] = explain_failure(root, error)
        else:
            return
    from .speech.pip_errors import as_pip_error

    raise as_pip_error(root, _failures[root])


def finish(status: int) -> None:
    """Seal the audit log, and explain last: after a refusal the guard's explanation is the last thing that pip prints."""
    for guard in _guards.values():
        guard.speaker.recorder.seal(status)
    for guard in _guards.values() if status != 0 else ():
        searches = guard.searches.all()
        # Once installation has begun, pip had all that it looked for; what its self-check met is no cause.
        wanting = not guard.searches.settled and any(not search.kept for search in searches)
        if guard.speaker.refusals or wanting:
            try:
                from .speech import pip_errors, words

                pip_errors.explain_last(guard.speaker.refusals or words.find_explanations(searches))
            except Exception as error:  # noqa: BLE001  # pip has failed already: never a traceback on top
                sys.stderr.write(f"ERROR: {_explain_broken(error)}\n")


def _prepare(root: str) -> Guard:
    folder = os.path.dirname(__file__)
    missing = [name for name in _COLD if not os.path.isfile(os.path.join(folder, name))]
    if missing:
        raise GuardError(GUARD_BROKEN, f"a part of it is missing: {missing[0]}")
    version = seams.pip_version(root)
    seams.check_pip(root, version)
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
    )
    argv = getattr(sys, "orig_argv", sys.argv)
    context = RunContext.of_process(version, layers, argv=argv, parent_run=mark.parent_run())
    recorder = Recorder(context, log_path(), LogSettings.combine(layer.policy.log for layer in layers))
    guard = Guard.of(run, recorder, takes_requests=mark.takes_requests())
    guard.wrap()
    atexit.register(recorder.seal, None)  # where pip's own main is not what runs
    # A codec is a module too, loaded with its first use.
    for codec in ("idna", "unicode_escape", "ascii", "utf-8"):
        codecs.lookup(codec)
    return guard
