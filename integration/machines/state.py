"""Grounds on which pips run in all kinds of surroundings.

A ``Ground`` is a folder that every user may enter, with two indexes up, a policy, and what pip writes. Root runs pip
there as a user whose id has no name, in a mount namespace where that is needed; others run it as themselves.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration.harness import pips
from integration.harness.cases import read_cases
from integration.harness.children import own_variables, write_policy
from integration.harness.dists import Dist, normalised, origin_of_text
from integration.harness.pips import Environment
from integration.harness.scripted_index import Request, ScriptedIndex, two_indexes
from integration.harness.stage import Outcome
from integration.machines.surroundings import (
    NOBODYS_ID,
    PLAIN,
    Surroundings,
    closed_folder,
    find_obstacle_to_users,
    prefix_of,
)

CASES = read_cases(__file__)

STRICT: str = CASES["strict"]
LOOSE = STRICT.replace('namespaces = ["acme"]', 'packages = ["billing"]')
"""Here the names of ``acme`` are the public index's."""
_RUN_LIMIT = 120  # seconds after which a pip that hangs is killed and the test fails


@dataclass(frozen=True)
class Started:
    """A pip that runs."""

    ground: Ground
    process: subprocess.Popen[str]
    target: Path
    log: Path | None
    seen: int
    """The size of the log before."""
    command: str

    def finish(self) -> Outcome:
        """Wait for its end and look at what it left.

        :raises subprocess.TimeoutExpired: it hung; it is dead now.
        """
        try:
            stdout, stderr = self.process.communicate(timeout=_RUN_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
            raise
        return Outcome(
            command=self.command,
            exit=self.process.returncode,
            stdout=stdout,
            stderr=stderr,
            installed=self._installed(),
            events=tuple(self._events()),
            asked=self.ground.asked(),
        )

    def _installed(self) -> dict[str, str]:
        texts = {path.stem: path.read_text(encoding="utf-8") for path in self.target.glob("*.py")}
        return {normalised(stem): origin_of_text(text) for stem, text in texts.items() if text.startswith("ORIGIN = ")}

    def _events(self) -> Iterator[Mapping[str, Any]]:
        """Yield the events of this run and of the pips that it started."""
        runs = set()
        for event in self.ground.read_log(self.log, self.seen):
            if event["parent_run"] in runs or any(str(self.target) in word for word in event["command"]):
                runs.add(event["run"])
                yield event


class Ground:
    """Where pips run: the indexes ``corp`` and ``public``, a policy, and a folder for all that is written."""

    def __init__(self, folder: Path, corp: ScriptedIndex, public: ScriptedIndex) -> None:
        self.folder = folder
        self.corp = corp
        self.public = public
        self.policy_path = folder / "policy" / "policy.toml"
        self.certificate: Path | None = None
        self._count = 0

    @property
    def cwd(self) -> Path:
        """Where pip runs."""
        return self.folder / "cwd"

    def prepare(self) -> None:
        """Make the folders: those that pip writes to are the user's that runs it."""
        for name in ("cwd", "home", "tmp", "config", "cache", "state", "data", "out", "policy"):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(0o755)
        self.write_policy(STRICT)

    def trust(self, certificate: Path) -> None:
        """Have every pip trust what this certificate signs."""
        self.certificate = self.folder / "certificate.pem"
        shutil.copyfile(certificate, self.certificate)
        self.certificate.chmod(0o644)

    def give_to(self, uid: int) -> None:
        """Make a user the owner of what pip writes to."""
        for name in ("cwd", "home", "tmp", "config", "cache", "state", "data", "out"):
            os.chown(self.folder / name, uid, -1)

    def write_policy(self, text: str) -> str:
        """Put a new policy into the place of the old one, as an editor does, and return its sha256."""
        content = self.fill(text).encode()
        write_policy(self.policy_path.with_suffix(".new"), content.decode()).replace(self.policy_path)
        return hashlib.sha256(content).hexdigest()

    def fill(self, text: str) -> str:
        """Return ``text`` with its placeholders replaced."""
        values = {"ground": str(self.folder), "corp": self.corp.url, "public": self.public.url}
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", value)
        return text

    def asked(self) -> frozenset[str]:
        """Return ``INDEX:NAME`` for pages and ``INDEX:FILENAME`` for files, since the last start."""
        indexes = (self.corp, self.public)
        return frozenset(
            f"{index.name}:{asked}" for index in indexes for asked in index.asked_names() | index.fetched_files()
        )

    def read_log(self, log: Path | None, seen: int = 0) -> list[dict[str, Any]]:
        """Return the events after byte ``seen``.

        :raises ValueError: a line is not whole.
        """
        if log is None or not log.exists():
            return []
        content = log.read_bytes()
        # Root's log is the machine's: somebody else's session may have removed it and begun a new one.
        content = content[seen:] if seen <= len(content) else content
        if content and not content.endswith(b"\n"):
            raise ValueError(f"the last line of {log} is cut off")
        return [json.loads(line) for line in content.splitlines()]

    def variables(self, around: Surroundings = PLAIN) -> dict[str, str]:
        """Return the whole environment of a command."""
        variables: dict[str, str | None] = {
            **own_variables("{ground}"),
            "PIP_TIMEOUT": "60",
            "INDEXGUARD_POLICY": str(self.policy_path),
        }
        if self.certificate is not None:
            variables["PIP_CERT"] = str(self.certificate)
        variables |= around.environment
        return {key: self.fill(value) for key, value in variables.items() if value is not None}

    def start(self, environment: Environment, *words: str, around: Surroundings = PLAIN) -> Started:
        """Start pip with these words and both indexes; ``{out}`` among them is a new folder of its own."""
        self._count += 1
        target = self.folder / "out" / str(self._count)
        configured = ["--index-url", self.corp.url, "--extra-index-url", self.public.url]
        filled = [self.fill(word).replace("{out}", str(target)) for word in words]
        return self.start_program(
            [str(environment.python), "-m", "pip", *filled, *configured], environment, target, around
        )

    def start_program(
        self, program: list[str], environment: Environment, target: Path, around: Surroundings = PLAIN
    ) -> Started:
        """Start a program in the surroundings."""
        for index in (self.corp, self.public):
            index.requests.clear()
        variables = self.variables(around)
        command = [*self._wrap(around, environment), *program]
        log = self.log_of(around, environment)
        process = subprocess.Popen(
            command,
            cwd=self.cwd,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # a signal that a test sends goes to this pip and its children
        )
        settings = [f"{key}={value}" for key, value in variables.items()]
        shown = f"cd {shlex.quote(str(self.cwd))} && {shlex.join(['env', '-i', *settings, *command])}"
        seen = log.stat().st_size if log is not None and log.exists() else 0
        return Started(self, process, target, log, seen, shown)

    def run(self, environment: Environment, *words: str, around: Surroundings = PLAIN) -> Outcome:
        """Start pip as ``start`` does, and wait for it."""
        return self.start(environment, *words, around=around).finish()

    def log_of(self, around: Surroundings, environment: Environment) -> Path | None:
        """Return where the guard writes its log in these surroundings; None where it cannot."""
        if around.log is None:
            return None
        if os.geteuid() == 0 and find_obstacle_to_users(environment.python_version) is not None:
            return Path("/var/log/indexguard/audit.jsonl")
        return Path(self.fill(around.log))

    def _wrap(self, around: Surroundings, environment: Environment) -> list[str]:
        """Return what stands before the command."""
        inner = ["/bin/sh", "-c", self.fill(around.launch), "sh"]
        if find_obstacle_to_users(environment.python_version) is not None:
            return inner
        uid = NOBODYS_ID if around.uid is None else around.uid
        self.give_to(uid)
        taking = ["setpriv", "--reuid", str(uid), "--regid", str(around.gid), "--clear-groups", *inner]
        mounts = [*_opening(prefix_of(environment.python_version), self.folder), self.fill(around.mounts)]
        script = "\n".join(["set -e", *mounts, 'exec "$@"'])
        if not any(mounts):
            return ["/usr/bin/env", *taking]
        return ["/usr/bin/env", "unshare", "-m", "--propagation=private", "/bin/sh", "-c", script, "sh", *taking]


def _opening(prefix: Path, ground: Path) -> list[str]:
    """Return what root's shell does, in a mount namespace, for everybody to reach an interpreter."""
    closed = closed_folder(prefix)
    if closed is None:
        return []
    kept, shown = shlex.quote(str(ground / "interpreter")), shlex.quote(str(prefix))
    return [
        f"mkdir -p {kept}",
        f"mount --bind {shown} {kept}",
        f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(closed))}",
        f"mkdir -p {shown}",
        f"mount --bind {kept} {shown}",
    ]


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder that everybody may enter, which pytest's own are not; it goes at the end."""
    folder = Path(tempfile.mkdtemp(prefix="indexguard-state-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        # A test may have taken from us what is ours.
        subprocess.run(["/usr/bin/env", "chmod", "-R", "u+rwX", str(folder)], check=True)
        shutil.rmtree(folder)


@contextmanager
def grounds(certificate: Path | None = None) -> Iterator[Ground]:
    """Start the indexes: ``corp`` offers acme-core 1.0, ``public`` a newer one, a package that needs it, and more.

    :param certificate: key and certificate in one PEM file; the indexes then speak TLS, and pip trusts that certificate.
    """
    corp = [Dist("acme-core", "1.0", "corp"), Dist("acme-tool", "1.0", "corp")]
    public = [
        Dist("acme-core", "99.0", "public"),
        Dist("acme-tool", "99.0", "public"),
        Dist("acme-secret", "99.0", "public"),
        Dist("pubdep", "2.0", "public"),
        Dist("app", "1.0", "public", requires=("acme-core",)),
        Dist("source", "1.0", "public", kind="sdist", build_requires=("acme-tool",)),
        Dist("simple-source", "1.0", "public", kind="sdist"),
    ]
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        ground = Ground(folder, *stack.enter_context(two_indexes(corp, public, certificate)))
        ground.prepare()
        if certificate is not None:
            ground.trust(certificate)
        yield ground


# What the tests of it share

PIPS = ("20.3.4", "26.3")
BOTH = ("install", "acme-core", "pubdep", "--target", "{out}")
HELD = {"acme-core": "corp 1.0", "pubdep": "public 2.0"}


@dataclass(frozen=True)
class Pair:
    """One pip, without the guard and with it, where every user can run it."""

    plain: Environment
    guarded: Environment


def expect(outcome: Outcome, **expected: object) -> None:
    """Compare fields of the outcome, and see that the guard is in no traceback."""
    found = [
        f"{key} is {getattr(outcome, key)!r}, expected {value!r}"
        for key, value in expected.items()
        if getattr(outcome, key) != value
    ]
    if any("Traceback (most" in part and "/indexguard/" in part for part in _tracebacks(outcome.output)):
        found.append("the guard is in a traceback")
    if found:
        pytest.fail("\n".join([*found, outcome.report()]), pytrace=False)


def _tracebacks(text: str) -> list[str]:
    """Return each traceback: its first line, the indented ones after it, and the error."""
    return re.findall(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)*.*$", text, re.MULTILINE)


def digests_of(outcome: Outcome) -> dict[str, set[str]]:
    """Return the digests of the policies that each run of pip had, by run."""
    found: dict[str, set[str]] = {}
    for event in outcome.events:
        found.setdefault(event["run"], set()).update(layer["sha256"] for layer in event["policy"])
    return found


def only_digest(outcome: Outcome) -> str:
    """Return the one digest that all events of the one run name."""
    (digests,) = digests_of(outcome).values()
    (digest,) = digests
    return digest


def codes_of(outcome: Outcome) -> set[str]:
    return {event["code"] for event in outcome.events if event["event"] in ("refused", "guard-failed")}


def at(index: ScriptedIndex, path: str, act: Callable[[], object]) -> None:
    """Have ``act`` called once, before the first answer to a request whose path ends so."""
    once = [act]

    def look(request: Request) -> None:
        if request.path.endswith(path) and once:
            once.pop()()

    index.on_request = look


def plain_of(pip: str) -> Environment:
    """Return the environment of one of ``PIPS``: the first is on the oldest of its Pythons, the others on their newest."""
    found = pips.pythons_for(pip).found
    if not found:
        pytest.skip(f"no Python on this machine runs pip {pip}")
    return pips.plain_environment(pip, found[0] if pip == PIPS[0] else found[-1])
