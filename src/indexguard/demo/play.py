"""The play in two acts: an attack on a name, with and without the guard, and what came of it."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Callable

from ..audit.kinds import REFUSED, SHADOWED
from ..decision.authority import Authority
from ..decision.outcome import ask, find_squatters
from ..errors import UNKNOWN_INDEX
from ..interpreters.python import Answer
from ..patterns import normalise_name
from ..policy.identity import find_location
from ..policy.model import Layer
from ..policy.reader import read_policy
from .environment import Environment, UnavailableError, find_pip, find_pip_version, read_events
from .index import LoopbackIndex

NAME = "acme-core"
MODULE = "acme_core"
INTERNAL, PUBLIC = "internal", "public"

POLICY = """\
version = 1

[indexes.internal]
url = "{internal}"
namespaces = ["acme"]

[indexes.public]
url = "{public}"
public = true
packages = ["*"]
"""
"""The policy of the demo; the URLs are filled in."""


def find_proof() -> tuple[str, ...]:
    """Return the codes by which the guard tells of the demo's squatter, as the heart decides by the demo's policy.

    The last one is for a policy of this machine, which does not know the demo's indexes.
    """
    urls = {label: f"https://{label}.example/" for label in (INTERNAL, PUBLIC)}
    layer = Layer("environment", "policy.toml", "", read_policy(POLICY.format(**urls).encode(), "policy.toml"))
    authority = Authority((layer,), normalise_name(NAME), date.min)
    asked = ask(authority, find_location(urls[PUBLIC]), unverified=False)
    return (*(finding.code for finding in find_squatters(asked)), UNKNOWN_INDEX)


@dataclass(frozen=True)
class Attempt:
    """One pip run."""

    ended: Answer
    version: str | None
    """The version of the name that is installed afterwards, if it is."""
    origin: str | None
    """The index that it came from."""
    events: tuple[dict[str, Any], ...] = ()
    """What the guard wrote into the audit log."""

    @property
    def is_attacked(self) -> bool:
        """Whether the attacker's file is installed."""
        return self.origin == PUBLIC

    @property
    def is_refused(self) -> bool:
        """Whether pip failed and installed nothing."""
        return self.origin is None and self.ended.exit_code != 0


@dataclass(frozen=True)
class Act:
    """The same command with and without the guard."""

    title: str
    unguarded: Attempt | None
    """None where pip cannot be had without the guard: the interpreter itself is guarded."""
    guarded: Attempt


@dataclass(frozen=True)
class Outcome:
    """What the play has shown."""

    pip: str
    """The version of pip that ran."""
    policy: str
    """The text of the policy file."""
    indexes: dict[str, str]
    """The URL of each index by its label."""
    folder: Path
    """Where it was played; gone afterwards."""
    log: Path | None
    """Where the audit log is; None if the guard could not say."""
    log_is_writable: bool
    acts: tuple[Act, ...]

    @property
    def attack_worked(self) -> bool:
        """Whether pip alone installed the attacker's file in every act in which it could be shown."""
        return all(act.unguarded is None or act.unguarded.is_attacked for act in self.acts)

    @property
    def is_held(self) -> bool:
        """Whether the guarded pip was attacked in no act, and the guard's own word for it is there.

        That pip installed nothing proves nothing: a broken guard or a broken pip does that too.
        """
        return all(self._holds(act.guarded) for act in self.acts)

    def _holds(self, attempt: Attempt) -> bool:
        if attempt.is_attacked or not (attempt.is_refused or attempt.origin == INTERNAL):
            return False
        if not self.log_is_writable:
            # Without a log the guard's word is what pip printed: its warning, or its refusal.
            return any(code in attempt.ended.stderr for code in find_proof())
        # A policy of this machine beside ours may refuse the demo's indexes before anybody looks for squatters.
        alone = all(
            layer.get("layer") == "environment" for event in attempt.events for layer in event.get("policy", ())
        )
        proof = {SHADOWED} if alone else {SHADOWED, REFUSED}
        return any(event.get("event") in proof and event.get("name") == NAME for event in attempt.events)

    @property
    def exit_code(self) -> int:
        """0 if the attack worked without the guard and the guard held, else 1."""
        return 0 if self.attack_worked and self.is_held else 1


def play(tell: Callable[[Outcome], None], *, keep: bool = False) -> Outcome:
    """Play both acts in a temporary folder, on loopback only.

    :param tell: is called with the outcome while the folder is still there.
    :param keep: leave the folder behind, for a closer look.
    :raises UnavailableError: it cannot be played here: no pip, no virtual environments, no temporary folder, no loopback.
    """
    pip = find_pip()
    with ExitStack() as stack:
        try:
            folder = Path(os.path.realpath(_make_folder(stack, keep=keep)))
            internal = stack.enter_context(LoopbackIndex(INTERNAL))
            public = stack.enter_context(LoopbackIndex(PUBLIC))
            stage = _Stage(folder, pip, internal, public)
        except OSError as error:
            raise UnavailableError(f"the demo cannot be set up: {error}") from error
        public.publish(NAME, "99.0")
        internal.publish(NAME, "1.0")
        try:
            acts = [stage.act("both indexes have the name")]
            internal.delete(NAME)
            acts.append(stage.act(f"{NAME} is deleted from the internal index"))
            outcome = stage.outcome(tuple(acts))
        except OSError as error:
            # Somebody tidied up in the temporary folder, or the disk is full.
            raise UnavailableError(f"the demo's folder is not what it was: {error}") from error
        tell(outcome)
    return outcome


def _make_folder(stack: ExitStack, *, keep: bool) -> str:
    if keep:
        return tempfile.mkdtemp(prefix="indexguard-demo-")
    return stack.enter_context(tempfile.TemporaryDirectory(prefix="indexguard-demo-"))


class _Stage:
    """The two indexes, the two environments and the policy."""

    def __init__(self, folder: Path, pip: Path, internal: LoopbackIndex, public: LoopbackIndex) -> None:
        self._folder = folder
        self._pip = pip
        self._indexes = {INTERNAL: internal.url, PUBLIC: public.url}
        self._unguarded = Environment(folder / "unguarded", pip, guarded=False)
        self._guarded = Environment(folder / "guarded", pip, guarded=True)
        self._log = self._guarded.find_log()
        self._policy = folder / "policy.toml"
        self._policy.write_text(POLICY.format(**self._indexes), encoding="utf-8")
        # Whatever the umask: the guard refuses a policy that others may write, and its folder is 0700 already.
        self._policy.chmod(0o644)

    def act(self, title: str) -> Act:
        """Run the command in both environments."""
        unguarded = None if self._unguarded.hooked_from_outside else self._attempt(self._unguarded)
        return Act(title, unguarded, self._attempt(self._guarded))

    def _attempt(self, environment: Environment) -> Attempt:
        options = ["--index-url", self._indexes[INTERNAL], "--extra-index-url", self._indexes[PUBLIC]]
        start = self._log.stat().st_size if self._log is not None and self._log.is_file() else 0
        ended, cwd = environment.run_pip(["install", *options, NAME], self._policy)
        version, origin = environment.find_installed(MODULE) or (None, None)
        events = read_events(self._log, cwd, start) if self._log is not None else []
        return Attempt(ended, version, origin, tuple(events))

    def outcome(self, acts: tuple[Act, ...]) -> Outcome:
        return Outcome(
            pip=find_pip_version(self._pip),
            policy=self._policy.read_text(encoding="utf-8"),
            indexes=self._indexes,
            folder=self._folder,
            log=self._log,
            log_is_writable=self._log is not None and _is_writable(self._log),
            acts=acts,
        )


def _is_writable(path: Path) -> bool:
    """Tell whether the file can be written, or made where it is not there yet."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK)
