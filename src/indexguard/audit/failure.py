"""The event of what keeps a pip from running guarded at all: it has no policy, and no run of its own."""

from __future__ import annotations

from collections.abc import Sequence

from .event import EventFields
from .kinds import GUARD_FAILED
from .place import log_path
from .recorder import Recorder
from .run_context import RunContext, command_line


def record_failure(
    pip: str, code: str, message: str, parent_run: str | None = None, command: Sequence[str] | None = None
) -> None:
    """Write the event, and seal its run. Never raises: what reports a failure must not be one more.

    :param pip: the version of pip.
    :param code: one of ``errors.CODES``.
    :param parent_run: the ``run`` of the pip that started this one.
    :param command: by default this process's own.
    """
    try:
        argv = command_line() if command is None else command
        recorder = Recorder(RunContext.of_process(pip, (), argv=argv, parent_run=parent_run), log_path())
        recorder.record(GUARD_FAILED, code, EventFields(message=message))
        recorder.seal(None)
    except Exception:  # noqa: BLE001, S110  # the user is told in any case
        pass
