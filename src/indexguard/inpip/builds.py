"""What pip starts for a build: the pips for build requirements, and the build backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import mark
from .gate.requests import Requests
from .run import Run
from .speech.speaker import Speaker

if TYPE_CHECKING:
    from .objects import Call, Requirement


class Builds:
    """Stands for what starts the pips and backends of a build."""

    def __init__(self, run: Run, requests: Requests, speaker: Speaker) -> None:
        self._run = run
        self._requests = requests
        self._speaker = speaker

    def build_step(self, call: Call, _instance: object) -> object:
        """Mark what is started for the build of the requirement that is being prepared, and repeat its refusals here.

        That is the pip that installs its build requirements, in this process or another, and its build backend, which may
        start a pip of its own.

        :raises Exception: pip's own error, made from what a child reported.
        """
        speaker = self._speaker
        before = len(speaker.refusals)
        with self._requests.building():
            requested = self._requests.takes_requests
            with mark.Reports(speaker.recorder.context.run, requested=requested) as reports:
                try:
                    return call()
                except Exception:
                    refusals = reports.read() or speaker.refusals[before:]
                    if not refusals:
                        raise
        speaker.add_refusals(refusals)
        # Only now, when the mark is that of this pip's own parent again: every pip above is to explain it.
        mark.report_to_parent(refusals[0])
        from .speech.pip_errors import as_pip_error

        # Old pips would take the failed build for a reason to try an older version of the parent.
        raise as_pip_error(self._run.root, refusals[0])

    def build_one(self, call: Call, _instance: object, req: Requirement) -> object:
        """Note whose wheel is being built: that comes after all preparing."""
        with self._requests.preparing(req):
            return call()
