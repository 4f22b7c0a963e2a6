"""What the pips that a pip starts for build requirements report to it: their refusals, so that it can explain them last."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile

from ..errors import GuardError, escape
from .mark import MARK, REQUESTED


class Reports:
    """Where the pips for build requirements report their refusals to this one.

    :param run: the id of this run.
    :param requested: whether the build requirements are those of a local project that was itself requested.
    """

    def __init__(self, run: str, *, requested: bool) -> None:
        self._run = run
        self._kind = REQUESTED if requested else "brought"
        self._path: str | None = None

    def __enter__(self) -> Reports:  # noqa: PYI034  # typing.Self needs Python 3.11
        descriptor, self._path = tempfile.mkstemp(prefix="indexguard-")
        os.close(descriptor)
        self._before = os.environ.get(MARK)
        os.environ[MARK] = f"{self._run}:{self._kind}:{self._path}"
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._before is None:
            del os.environ[MARK]
        else:
            os.environ[MARK] = self._before
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):  # a build backend of the run may have removed it
                os.unlink(self._path)

    def read(self) -> list[GuardError]:
        """Return the refusals that children have reported; a line that is none is left out."""
        if self._path is None or not os.path.isfile(self._path):
            return []
        found = []
        # Every build backend of the run could write here: nothing in it is taken on trust.
        with open(self._path, encoding="utf-8", errors="replace") as file:
            for line in file:
                error = _parse_report(line)
                if error is not None:
                    found.append(error)
        return found


def _parse_report(line: str) -> GuardError | None:
    try:
        report = json.loads(line)
        facts = [(escape(str(label)), _escape_lines(str(text))) for label, text in report["facts"]]
        return GuardError(report["code"], _escape_lines(str(report["refused"])), facts, escape(str(report["hint"])))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _escape_lines(text: str) -> str:
    return "\n".join(map(escape, text.splitlines()))


def report_to_parent(error: GuardError) -> None:
    """Tell the parent pip of a refusal, so that it can explain it last; does nothing without a parent."""
    path = os.environ.get(MARK, "").split(":", 2)[2:]
    if not path or not path[0]:
        return
    line = json.dumps({"code": error.code, "refused": error.refused, "facts": error.facts, "hint": error.hint})
    try:
        # Only the parent's own file: never made here, never a link, never somebody else's.
        descriptor = os.open(path[0], os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return
    try:
        status = os.fstat(descriptor)
        if (
            stat.S_ISREG(status.st_mode)
            and status.st_uid == os.geteuid()
            and os.path.basename(path[0]).startswith("indexguard-")
        ):
            os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)
