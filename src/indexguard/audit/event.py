"""One audit event: a flat record of one decision, whose fields never change their meaning (schema version 1).

Every text that an index, an environment or a command line may have supplied is redacted, escaped and bounded here, so
that one line stays one line, of a bounded size, whatever an index sends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, NamedTuple

from .. import __version__
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
    "refused", "shadowed", "redirected", "selected", "not-asked", "dropped", "would-refuse", "guard-failed", "sealed"
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
* ``sealed``: the run is over; ``seal`` says how many events it wrote.
"""

MAX_VERSIONS = 50
"""How many versions an event lists; ``more_versions`` counts the others. The same for files: ``more_offered``."""
MAX_CHAIN = 50
"""How many names of a chain of requirements."""
MAX_TEXT = 2000
"""Characters of a message or a URL."""
MAX_OFFER_URL = 500
"""Characters of the URL of a file."""
MAX_NAME = 200
"""Characters of a name or a version."""

# By build service: the variable that marks its jobs; those with job, run, repository and ref.
_JOBS = (
    ("github-actions", "GITHUB_ACTIONS", ("GITHUB_JOB", "GITHUB_RUN_ID", "GITHUB_REPOSITORY", "GITHUB_REF")),
    ("gitlab-ci", "GITLAB_CI", ("CI_JOB_ID", "CI_PIPELINE_ID", "CI_PROJECT_PATH", "CI_COMMIT_REF_NAME")),
    ("jenkins", "JENKINS_URL", ("JOB_NAME", "BUILD_ID", "GIT_URL", "GIT_BRANCH")),
    ("azure-pipelines", "TF_BUILD", ("SYSTEM_JOBID", "BUILD_BUILDID", "BUILD_REPOSITORY_NAME", "BUILD_SOURCEBRANCH")),
    ("circleci", "CIRCLECI", ("CIRCLE_JOB", "CIRCLE_WORKFLOW_ID", "CIRCLE_PROJECT_REPONAME", "CIRCLE_BRANCH")),
    ("buildkite", "BUILDKITE", ("BUILDKITE_JOB_ID", "BUILDKITE_BUILD_ID", "BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BRANCH")),
)


class Offer(NamedTuple):
    """One file of an index."""

    version: str
    file: str
    hash: str | None
    """Such as ``sha256:1f0a...``, as the index gives it; None if it gives none."""
    url: str
    """Credentials are taken out in the event."""


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
    prefix: str = sys.prefix
    ci: Mapping[str, str | None] | None = None
    """The job of a build service that this run is part of, by the names of the event's fields."""
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
            ci=_find_job(os.environ),
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
    offered: Sequence[Offer] = (),
    more_offered: int = 0,
    chosen: tuple[Offer, str | None] | None = None,
    requested_by: Sequence[str] = (),
    seal: Mapping[str, int | None] | None = None,
) -> dict[str, Any]:
    """Return one event, ready for ``json.dumps``; the writer adds ``prev``.

    :param seq: the number of the event in its run, from 1.
    :param code: a key of ``errors.CODES``; None for ``selected``.
    :param name: the normalised project name; None where no name is concerned.
    :param versions: the versions that the event is about, the newest first.
    :param files: how many files it is about.
    :param index_asked: the URL that pip is configured with; credentials are taken out here.
    :param index_answered: the URL that the page came from.
    :param kept: the versions that remain; None where that is not known.
    :param finding: the objection, which names layer and rule.
    :param offered: the files that the event is about, those of the newest versions first.
    :param more_offered: how many there are beside them.
    :param chosen: the file that pip chose, and the index that lists it; None for the index of one that none lists.
    :param requested_by: the names of the requirements that led to this one, the user's own first.
    :param seal: of a run that is over: ``events``, ``exit``.
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
        "offered": [_offer(offer) for offer in offered[:MAX_VERSIONS]],
        "more_offered": more_offered + max(0, len(offered) - MAX_VERSIONS),
        "chosen": None if chosen is None else {**_offer(chosen[0]), "index": _url(chosen[1])},
        "requested_by": [_bounded(parent, MAX_NAME) for parent in requested_by[:MAX_CHAIN]],
        "rule": _rule(finding),
        "policy": [
            {"layer": layer.kind, "file": escape(layer.path), "sha256": layer.sha256, "mode": layer.policy.mode}
            for layer in context.policy
        ],
        "message": _bounded(redact_text(message), MAX_TEXT),
        "guard": __version__,
        "pip": _bounded(context.pip, MAX_NAME),
        "python": context.python,
        "executable": escape(context.executable),
        "prefix": escape(context.prefix),
        "user": escape(context.user),
        "host": escape(context.host),
        "pid": context.pid,
        "ppid": context.ppid,
        "parent_run": context.parent_run,
        "cwd": escape(context.cwd),
        "command": list(context.command),
        "ci": None if context.ci is None else dict(context.ci),
        "seal": None if seal is None else dict(seal),
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


def _offer(offer: Offer) -> dict[str, str | None]:
    return {
        "version": _bounded(offer.version, MAX_NAME),
        "file": _bounded(redact_text(offer.file), MAX_NAME),
        "hash": _bounded(offer.hash, MAX_NAME),
        "url": _bounded(redact(offer.url), MAX_OFFER_URL),
    }


def _find_job(environ: Mapping[str, str]) -> dict[str, str | None] | None:
    """Return what the environment says of a build service's job; None where it says of none. None of it is proof."""
    for provider, mark, names in _JOBS:
        if environ.get(mark):
            values = (environ.get(name) for name in names)
            told = (_bounded(None if value is None else redact_text(value), MAX_NAME) for value in values)
            return {"provider": provider, **dict(zip(("job", "run", "repository", "ref"), told))}
    return None


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
