"""One audit event: a flat record of one decision, whose fields never change their meaning (schema version 1).

Every text that an index, an environment or a command line may have supplied is redacted, escaped and bounded here, so
that one line stays one line, of a bounded size, whatever an index sends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from ..decision import Finding
from ..errors import CODES, escape
from ..policy.identity import redact
from ..policy.model import Layer
from .redaction import redact_command, redact_text

if sys.platform != "win32":
    import pwd

SCHEMA = 1
"""The version of the fields below. It changes when a field changes its meaning or goes; a new field does not count."""

EventKind = Literal[
    "refused", "shadowed", "redirected", "selected", "not-asked", "dropped", "would-refuse", "guard-failed"
]
"""What happened:

* ``refused``: an index, a reference or the whole run was refused.
* ``shadowed``: a public index offers a name that belongs to another one; its files were dropped.
* ``redirected``: a page came from an index that may not serve the name.
* ``selected``: pip chose this file.
* ``not-asked``: an index was not consulted, because the name belongs to another one (routine).
* ``dropped``: single files of an index that may serve the name; the name goes on.
* ``would-refuse``: a layer in audit mode would have refused or dropped; ``code`` says what.
* ``guard-failed``: the guard itself could not do its work.
"""

MAX_VERSIONS = 50
"""How many versions an event lists; ``more_versions`` counts the others."""
MAX_TEXT = 2000
"""Characters of a message or a URL."""
MAX_NAME = 200
"""Characters of a name or a version."""


@dataclass(frozen=True)
class RunContext:
    """What all events of one pip run share."""

    run: str
    """Random, one for each pip process."""
    pip: str
    """The version of pip."""
    policy: tuple[Layer, ...]
    """The layers in force."""
    command: tuple[str, ...]
    """The command line, already redacted."""
    parent_run: str | None = None
    """The run that started this pip for its build requirements, if any."""
    python: str = sys.version.split()[0]
    executable: str = sys.executable or ""
    user: str = ""
    host: str = ""
    pid: int = 0
    ppid: int = 0
    cwd: str = ""

    @classmethod
    def of_process(
        cls, pip: str, policy: Sequence[Layer] = (), *, argv: Sequence[str], parent_run: str | None = None
    ) -> RunContext:
        """Describe this process. Never raises: what cannot be found out is an empty text.

        :param pip: the version of pip.
        :param policy: the layers in force.
        :param argv: the command line as it is; secrets are taken out here.
        :param parent_run: the ``run`` of the pip that started this one.
        """
        return cls(
            run=os.urandom(8).hex(),
            pip=pip,
            policy=tuple(policy),
            command=tuple(escape(argument) for argument in redact_command(argv)),
            parent_run=_bounded(parent_run, MAX_NAME),
            user=_user(),
            host=os.uname().nodename if hasattr(os, "uname") else "",
            pid=os.getpid(),
            ppid=os.getppid(),
            cwd=_cwd(),
        )


def build_event(
    context: RunContext,
    seq: int,
    event: EventKind,
    code: str | None,
    *,
    name: str | None = None,
    versions: Sequence[str] = (),
    files: int = 0,
    index_asked: str | None = None,
    index_answered: str | None = None,
    kept: Sequence[str] | None = None,
    finding: Finding | None = None,
    message: str = "",
) -> dict[str, Any]:
    """Return one event, ready for ``json.dumps``.

    :param seq: the number of the event in its run, from 1.
    :param code: a key of ``errors.CODES``; None for ``selected``.
    :param name: the normalised project name; None where no name is concerned.
    :param versions: the versions that the event is about, the newest first.
    :param files: how many files it is about.
    :param index_asked: the URL that pip is configured with; credentials are taken out here.
    :param index_answered: the URL that the page came from.
    :param kept: the versions that remain; None where that is not known.
    :param finding: the objection, which names layer and rule.
    :raises KeyError: ``code`` is not one of ``CODES``.
    """
    return {
        "schema": SCHEMA,
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "run": context.run,
        "seq": seq,
        "event": event,
        "code": None if code is None else CODES[code].name,
        "name": _bounded(name, MAX_NAME),
        "versions": [_bounded(version, MAX_NAME) for version in versions[:MAX_VERSIONS]],
        "more_versions": max(0, len(versions) - MAX_VERSIONS),
        "files": files,
        "index_asked": _url(index_asked),
        "index_answered": _url(index_answered),
        "kept": None if kept is None else [_bounded(version, MAX_NAME) for version in kept[:MAX_VERSIONS]],
        "rule": _rule(finding),
        "policy": [
            {"layer": layer.kind, "file": escape(layer.path), "sha256": layer.sha256, "mode": layer.policy.mode}
            for layer in context.policy
        ],
        "message": _bounded(redact_text(message), MAX_TEXT),
        "pip": _bounded(context.pip, MAX_NAME),
        "python": context.python,
        "executable": escape(context.executable),
        "user": escape(context.user),
        "host": escape(context.host),
        "pid": context.pid,
        "ppid": context.ppid,
        "parent_run": context.parent_run,
        "cwd": escape(context.cwd),
        "command": list(context.command),
    }


def _rule(finding: Finding | None) -> dict[str, Any] | None:
    """Name the layer that objected, and its rule; pattern is None where no rule matches the name."""
    if finding is None or finding.layer is None:
        return None
    rule = finding.rule
    return {
        "layer": finding.layer.kind,
        "file": escape(finding.layer.path),
        "key": finding.key or (None if rule is None else escape(rule.key)),
        "pattern": None if rule is None else str(rule.pattern),
        "indexes": [] if rule is None else [escape(index) for index in rule.indexes],
    }


def _bounded(text: str | None, limit: int) -> str | None:
    if text is None:
        return None
    safe = escape(text[:limit])
    return safe if len(text) <= limit else f"{safe}... ({len(text)} characters)"


def _url(url: str | None) -> str | None:
    return None if url is None else _bounded(redact(url), MAX_TEXT)


def _user() -> str:
    """Name the effective user from the system's own table: the environment may say anything."""
    if sys.platform == "win32":
        return ""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):  # a container's random uid has no entry
        return str(uid)


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # the folder is gone
        return ""
