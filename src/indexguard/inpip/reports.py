"""What the pips that a pip starts for build requirements report to it: their refusals, so that it can explain them last.

A report is a code and a name, never words: whatever runs in a build can write one, and may say that something was
refused, but not what the guard says of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import tempfile

from ..errors import CODES, GuardError
from ..tuples import NamedTuple
from .mark import MARK, REQUESTED

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_NAME = 100
_READ = 65_536
"""How many bytes of reports are read."""


_marks: list[str | None] = []
"""While something is built: what the mark was before, and those of all builds that go on, the latest last."""


class Report(NamedTuple):
    """What stopped a child, or would have stopped it if a layer in audit mode enforced."""

    code: str
    """One of ``errors.CODES``."""
    name: str | None
    """A project name, normalised (PEP 503); None where it was about none, or says something else."""
    observed: bool = False
    """Whether a layer in audit mode would have refused or dropped it."""


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
        if not _marks:
            _marks.append(os.environ.get(MARK))  # of this pip's own parent
        self._mark = os.environ[MARK] = f"{self._run}:{self._kind}:{self._path}"
        _marks.append(self._mark)
        return self

    def __exit__(self, *_exc: object) -> None:
        # Another thread's build may have begun before this one and have ended already: no mark may outlive its run.
        _marks.remove(self._mark)
        before = _marks[-1]
        if len(_marks) == 1:
            _marks.clear()
        if before is None:
            os.environ.pop(MARK, None)
        else:
            os.environ[MARK] = before
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):  # a build backend of the run may have removed it
                os.unlink(self._path)

    def read(self) -> list[Report]:
        """Return what children have reported, each thing once; a line that is no report is left out."""
        if self._path is None or not os.path.isfile(self._path):
            return []
        # Every build backend of the run could write here: nothing in it is taken on trust.
        with open(self._path, "rb") as file:
            lines = file.read(_READ).decode("utf-8", "replace").splitlines()
        return list(dict.fromkeys(report for report in map(_parse_report, lines) if report is not None))


def _parse_report(line: str) -> Report | None:
    try:
        told = json.loads(line)
        code, name, observed = told["code"], told.get("name"), told.get("observed") is True
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if code not in CODES:
        return None
    is_name = isinstance(name, str) and len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None
    return Report(code, name if is_name else None, observed)


def report_to_parent(error: GuardError) -> None:
    """Tell the parent pip of a refusal, so that it can explain it last; does nothing without a parent."""
    _report({"code": error.code, "name": error.name or None})


def report_observed(code: str, name: str) -> None:
    """Tell the parent pip of what a layer in audit mode would have refused; does nothing without a parent."""
    _report({"code": code, "name": name or None, "observed": True})


def _report(told: dict[str, object]) -> None:
    path = os.environ.get(MARK, "").split(":", 2)[2:]
    if not path or not path[0]:
        return
    line = json.dumps(told)
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
