"""What pip starts for a build: the pips for build requirements, and the build backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..audit.event import EventFields
from ..decision.outcome import find_reported
from ..errors import escape
from ..patterns import normalise_name
from .gate.distributions import parents_of
from .gate.requests import Requests
from .reports import Report, Reports
from .run import Run
from .speech.pip_errors import as_pip_error
from .speech.refusal import Refusal
from .speech.speaker import Speaker

if TYPE_CHECKING:
    from .objects import Call

_MOST = 20
"""How many reports of one build are repeated."""


def build_step(run: Run, requests: Requests, speaker: Speaker, call: Call) -> object:
    """Mark what is started for the build of the requirement that is being prepared, and repeat its refusals here.

    That is the pip that installs its build requirements, in this process or another, and its build backend, which may
    start a pip of its own.

    :raises Exception: pip's own error, for what was refused in this process or a child reported.
    """
    before = len(speaker.refusals)
    run_id = speaker.recorder.context.run
    with requests.building(), Reports(run_id, requested=requests.takes_requests) as reports:
        try:
            done = call()
        except Exception:
            own = speaker.refusals[before:]
            told = [report for report in _read(reports, speaker) if not report.observed]
            if not own and not told:
                raise
        else:
            _read(reports, speaker)
            return done
    # Only now, when the mark is that of this pip's own parent again: every pip above is to explain it.
    # Old pips would take the failed build for a reason to try an older version of the parent.
    if own:
        raise as_pip_error(run.root, own[0])
    refused = [speaker.refuse(_repeat(run, requests, report)) for report in told[:_MOST]]
    raise refused[0]


def _read(reports: Reports, speaker: Speaker) -> list[Report]:
    """Return what children have reported; what a layer in audit mode would have refused is noted here as if it were ours."""
    told = reports.read()
    for report in told:
        if report.observed:
            speaker.observed.setdefault(report.name or "", report.code)
    return told


def _repeat(run: Run, requests: Requests, report: Report) -> Refusal:
    """Return the refusal that a child has reported, in the words of this pip."""
    from .speech.words import find_hint  # only where there is something to say

    requirement = requests.innermost
    chain = [] if requirement is None else [*parents_of(requirement), str(requirement.name or "")]
    project = escape(chain[-1]) if chain and chain[-1] else "a project"
    finding = find_reported(run.authority(normalise_name(report.name or "")), report.code)
    note = f"told by what ran for the build of {project}; its own output, and the audit log, say more"
    fields = EventFields(name=report.name, requested_by=chain)
    return Refusal(finding, report.name or "", (), fields, find_hint(finding), note)
