"""The attack as a canary: does the pip of an interpreter, as it stands there, take the attacker's file?

Two indexes on loopback offer one name; the policy gives it to the first of them. pip installs into a folder of its own.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..interpreters.python import Answer, InterpretersError, ask
from .environment import PLAIN_PIP, read_module
from .index import LoopbackIndex
from .play import INTERNAL, MODULE, NAME, POLICY, PUBLIC, find_proof

_TIMEOUT = 120  # seconds; a pip that talks to loopback needs one or two

HELD, ATTACKED, UNCLEAR, AUDITED = "held", "attacked", "unclear", "audit"


@dataclass(frozen=True)
class Proof:
    """What became of one canary."""

    result: str
    """``held``: the attacker's file was not taken, and the guard said why. ``attacked``: it was installed. ``unclear``:
    neither. ``audit``: as ``held``, but only with the canary's own policy; those of the machine are in audit mode."""
    reason: str = ""
    """For ``unclear``: what pip said last."""


class Canary:
    """The two indexes, up as long as the context lasts.

    :raises OSError: no loopback, no temporary folder.
    """

    def __enter__(self) -> Canary:  # noqa: PYI034  # typing.Self needs Python 3.11
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="indexguard-canary-")))
            indexes = {label: stack.enter_context(LoopbackIndex(label)) for label in (INTERNAL, PUBLIC)}
            indexes[INTERNAL].publish(NAME, "1.0")
            indexes[PUBLIC].publish(NAME, "99.0")
            self._urls = {label: index.url for label, index in indexes.items()}
            self._policy = self._folder / "policy.toml"
            self._policy.write_text(POLICY.format(**self._urls), encoding="utf-8")
            self._policy.chmod(0o644)  # whatever the umask: one that others may write is refused
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def try_on(self, python: str) -> Proof:
        """Let the pip of an interpreter install the name, in the environment that this process has but for pip's settings.

        Never raises for what the interpreter does.
        """
        target = Path(tempfile.mkdtemp(dir=self._folder))
        options = ["--index-url", self._urls[INTERNAL], "--extra-index-url", self._urls[PUBLIC]]
        command = [python, "-m", "pip", "install", "--no-deps", "--target", str(target), *options, NAME]
        try:
            answer = ask(command, seconds=_TIMEOUT, late="pip did not end", environ=self._environ(), cwd=target)
        except InterpretersError as error:
            return Proof(UNCLEAR, str(error))
        return _judge(read_module(target / f"{MODULE}.py").get("ORIGIN"), answer)

    def _environ(self) -> dict[str, str]:
        # What could shadow the guard (PYTHONPATH, PYTHONNOUSERSITE) stays: it is what is to be found out.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        return {**environ, **PLAIN_PIP, "INDEXGUARD_POLICY": str(self._policy), "PYTHONDONTWRITEBYTECODE": "1"}


def _judge(origin: str | None, answer: Answer) -> Proof:
    if origin == PUBLIC:
        return Proof(ATTACKED)
    said = answer.stdout + answer.stderr
    # That nothing of the attacker's is there proves nothing: a broken pip does that, too.
    if any(code in said for code in find_proof()) and (origin == INTERNAL or answer.exit_code != 0):
        return Proof(HELD)
    return Proof(UNCLEAR, said.strip().rpartition("\n")[2] or answer.last_words)
