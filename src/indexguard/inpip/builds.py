"""What pip starts for a build: the pips for build requirements, and the build backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .gate.requests import Requests
from .reports import Reports, report_to_parent
from .run import Run
from .speech.pip_errors import as_pip_error
from .speech.speaker import Speaker

if TYPE_CHECKING:
    from .objects import Call


def build_step(run: Run, requests: Requests, speaker: Speaker, call: Call) -> object:
    """Mark what is started for the build of the requirement that is being prepared, and repeat its refusals here.

    That is the pip that installs its build requirements, in this process or another, and its build backend, which may
    start a pip of its own.

    :raises Exception: pip's own error, made from what a child reported.
    """
    before = len(speaker.refusals)
    run_id = speaker.recorder.context.run
    with requests.building(), Reports(run_id, requested=requests.takes_requests) as reports:
        try:
            return call()
        except Exception:
            refusals = reports.read() or speaker.refusals[before:]
            if not refusals:
                raise
    speaker.add_refusals(refusals)
    # Only now, when the mark is that of this pip's own parent again: every pip above is to explain it.
    report_to_parent(refusals[0])
    # Old pips would take the failed build for a reason to try an older version of the parent.
    raise as_pip_error(run.root, refusals[0])
