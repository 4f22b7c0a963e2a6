"""What all events of one pip run share: process, policy, command line, user and job."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping, Sequence

from ..errors import escape
from ..policy.model import Layer
from ..tuples import NamedTuple
from .redaction import MAX_NAME, bounded, redact_command, redact_text

# By build service: the variable that marks its jobs; those with job, run, repository and ref.
_JOBS = (
    ("github-actions", "GITHUB_ACTIONS", ("GITHUB_JOB", "GITHUB_RUN_ID", "GITHUB_REPOSITORY", "GITHUB_REF")),
    ("gitlab-ci", "GITLAB_CI", ("CI_JOB_ID", "CI_PIPELINE_ID", "CI_PROJECT_PATH", "CI_COMMIT_REF_NAME")),
    ("jenkins", "JENKINS_URL", ("JOB_NAME", "BUILD_ID", "GIT_URL", "GIT_BRANCH")),
    ("azure-pipelines", "TF_BUILD", ("SYSTEM_JOBID", "BUILD_BUILDID", "BUILD_REPOSITORY_NAME", "BUILD_SOURCEBRANCH")),
    ("circleci", "CIRCLECI", ("CIRCLE_JOB", "CIRCLE_WORKFLOW_ID", "CIRCLE_PROJECT_REPONAME", "CIRCLE_BRANCH")),
    (
        "buildkite",
        "BUILDKITE",
        ("BUILDKITE_JOB_ID", "BUILDKITE_BUILD_ID", "BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BRANCH"),
    ),
)

DRILL = "INDEXGUARD_DRILL"
"""The variable by which canary and demo mark their runs."""


class RunContext(NamedTuple):
    """What all events of one pip run share."""

    run: str
    """Random, one for each run of pip: a process may have several."""
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
    drill: bool = False
    """Whether it is a canary or the demo, on indexes of this machine's own."""

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
            parent_run=bounded(parent_run, MAX_NAME),
            ci=_find_job(os.environ),
            user=_user(),
            host=os.uname().nodename if hasattr(os, "uname") else "",
            pid=os.getpid(),
            ppid=os.getppid(),
            cwd=_cwd(),
            drill=_is_drill(os.environ, policy),
        )


def _is_drill(environ: Mapping[str, str], policy: Sequence[Layer]) -> bool:
    """Tell whether the run says that it is a drill, and is one: the policy that it brings knows loopback alone.

    That policy refuses every other index: nobody hides a file from elsewhere by saying so.
    """
    if not environ.get(DRILL):
        return False
    own = [layer for layer in policy if layer.kind == "environment" and layer.enforces and layer.policy.indexes]
    return bool(own) and all(url.is_loopback for layer in own for index in layer.policy.indexes for url in index.urls)


def command_line() -> list[str]:
    """Return this process's command line as it is; empty where Python has none. Never raises.

    A program that has pip inside it may have taken ``sys.argv`` away, or put anything there.
    """
    for name in ("orig_argv", "argv"):  # the first one: Python >= 3.10
        found = getattr(sys, name, None)
        if isinstance(found, (list, tuple)) and found:
            return [it if isinstance(it, str) else type(it).__name__ for it in found]
    return []


def _find_job(environ: Mapping[str, str]) -> dict[str, str | None] | None:
    """Return what the environment says of a build service's job; None where it says of none. None of it is proof."""
    for provider, mark, names in _JOBS:
        if environ.get(mark):
            values = (environ.get(name) for name in names)
            told = (bounded(None if value is None else redact_text(value), MAX_NAME) for value in values)
            return {"provider": provider, **dict(zip(("job", "run", "repository", "ref"), told))}
    return None


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
