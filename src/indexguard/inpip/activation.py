"""Activation: reads the policy and wraps pip, when pip makes its first package finder.

Everything is imported here and now: pip 26.3 refuses every import once installation has begun.
"""

from __future__ import annotations

import atexit
import codecs
import functools
import importlib
import sys
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ..audit.place import log_path
from ..audit.recorder import Recorder
from ..audit.run_context import RunContext
from ..errors import GuardError
from ..policy.identity import find_location
from ..policy.layers import find_layers
from ..policy.log import LogSettings
from . import children, mark, seams
from .builds import wrap_backends, wrap_build_step
from .failing import broken, pip_version, record_failure, wrap_method
from .filter import finder, pages
from .gate import gate
from .run import Run
from .speech import pip_errors, words

_runs: dict[str, Run] = {}
_failures: dict[str, GuardError] = {}


def activate(root: str) -> None:
    """Wrap the pip whose package is ``root``, once; later calls change nothing, or fail in the same way.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    :raises Exception: pip's own error: an invalid or unreadable policy, a pip that the guard does not understand.
    """
    if root in _runs:
        return
    if root not in _failures:
        try:
            _runs[root] = _prepare(root)
        except GuardError as error:
            refused = f"pip may not look for packages: {error.refused}"
            _failures[root] = GuardError(error.code, refused, error.facts, error.hint)
        except Exception as error:  # noqa: BLE001  # whatever it is, pip must not go on unguarded, and say so clearly
            _failures[root] = broken(error)
        else:
            return
        record_failure(root, _failures[root])
        mark.report_to_parent(_failures[root])
    raise pip_errors.as_pip_error(root, _failures[root])


def finish(status: int) -> None:
    """Seal the audit log, and explain last: after a refusal the guard's explanation is the last thing that pip prints."""
    for run in _runs.values():
        run.recorder.seal(status)
    if status == 0:
        return
    for run in _runs.values():
        pip_errors.explain_last(run.refusals or words.find_explanations(run))


def _prepare(root: str) -> Run:
    version = pip_version(root)
    seams.check_pip(root, version)
    found = find_layers()
    pypi = find_location(_public_index(root).simple_url)
    layers = found.layers
    if pypi is not None:
        layers = tuple(replace(layer, policy=layer.policy.resolve_pypi(pypi)) for layer in layers)
    context = RunContext.of_process(
        version, layers, argv=getattr(sys, "orig_argv", sys.argv), parent_run=mark.parent_run()
    )
    run = Run(
        root,
        layers,
        built_in=found.builtin_rule_applies,
        pypi=pypi,
        pypi_files=getattr(_public_index(root), "file_storage_domain", None),
        today=datetime.now(timezone.utc).date(),
        recorder=Recorder(context, log_path(), LogSettings.combine(layer.policy.log for layer in layers)),
        takes_requests=mark.takes_requests(),
    )
    _wrap(run)
    atexit.register(run.recorder.seal, None)  # where pip's own main is not what runs
    # A codec is a module too, loaded with its first use.
    for codec in ("idna", "unicode_escape", "ascii", "utf-8"):
        codecs.lookup(codec)
    return run


def _wrap(run: Run) -> None:
    resolve, prepare, order = gate.wrap_resolve(run), gate.wrap_prepare(run), gate.wrap_installation_order(run)
    wrappers = {
        seams.REQUEST: pages.wrap_request(run, functools.partial(gate.check_redirect, run)),
        seams.PROCESS_PAGE: pages.wrap_process_project_url(run),
        seams.EVALUATE_LINKS: pages.wrap_evaluate_links(run),
        seams.FIND_ALL: finder.wrap_find_all_candidates(run),
        seams.FIND_BEST: finder.wrap_find_best_candidate(run),
        seams.PREPARE_LINKED: prepare,
        seams.PREPARE_EDITABLE: prepare,
        seams.PREPARE_WHOLE: gate.wrap_prepare_whole(run),
        seams.CACHE_ENTRY: gate.wrap_get_cache_entry(run),
        seams.RESOLVE: resolve,
        seams.RESOLVE_LEGACY: resolve,
        seams.ORDER: order,
        seams.ORDER_LEGACY: order,
    }
    for seam, wrapper in wrappers.items():
        wrap_method(run.root, seams.find_class(run.root, seam), seam.method, wrapper)
    for seam in seams.BUILD_SEAMS:
        owner = seams.find_class(run.root, seam)
        if owner is not None and seam.method in vars(owner):
            wrap_method(run.root, owner, seam.method, wrap_build_step(run))
    plain, virtual, isolated = (seams.find_class(run.root, seam) for seam in seams.BUILD_SEAMS)
    # Where there is a VirtualBuildEnvironment, the plain one is abstract.
    wrap_method(run.root, virtual or plain, "__init__", children.wrap_virtual)
    if isolated is not None:
        wrap_method(run.root, isolated, "__init__", children.wrap_venv)
    wrap_backends(run)


def _public_index(root: str) -> Any:
    return importlib.import_module(f"{root}._internal.models.index").PyPI
