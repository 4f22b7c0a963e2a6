"""What ``indexguard status`` knows of one interpreter or environment, and how it says so."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..activation.manifest import read_manifest
from ..activation.release import FOLDER
from ..activation.seeding import user_folder
from ..demo.canary import ATTACKED, AUDITED, HELD, Canary, Proof
from ..errors import escape
from ..interpreters.python import InterpretersError
from ..policy.layers import LayersFound, survey_layers
from .installers import find_uv
from .pip_facts import PipFacts, ask_pip
from .startup import Startup, StartupHook, survey

GUARDED, STOPPED, NOT_GUARDED, UNGUARDED, NO_PIP = "guarded", "stopped", "NOT GUARDED", "no guard", "no pip"
AUDIT = "audit"
_NO_PIP = "this Python has no pip"


@dataclass(frozen=True)
class State:
    """One interpreter or environment."""

    path: str
    """As it was named or found."""
    is_expected: bool
    """Whether it was named, or has something of the guard's in it: then it has to be live."""
    startup: Startup
    facts: PipFacts
    layers: LayersFound
    proof: Proof | None
    installer: str | None = None
    """What shows that packages came past pip; None where nothing does."""

    @property
    def is_live(self) -> bool:
        """Whether every pip that starts there is guarded, as far as was looked."""
        pip_is_fine = self.facts.is_guarded or self.has_no_pip
        attacked = self.proof is not None and self.proof.result not in (HELD, AUDITED) and not self.has_no_pip
        return self.startup.hook is not None and self.startup.hook_is_known and pip_is_fine and not attacked

    @property
    def has_no_pip(self) -> bool:
        """Whether there is no pip to guard; one that comes later is."""
        return self.facts.problem is not None and self.facts.problem.startswith(_NO_PIP)

    @property
    def only_audits(self) -> bool:
        """Whether the policies there are only in audit mode: what they refuse is logged, and installed."""
        return not self.layers.faults and self.layers.only_audits

    @property
    def word(self) -> str:
        """The state in one word or two."""
        if self.is_live:
            stopped = self.facts.stopped is not None or self.layers.faults
            return STOPPED if stopped else AUDIT if self.only_audits else NO_PIP if self.has_no_pip else GUARDED
        return NOT_GUARDED if self.is_expected else UNGUARDED

    @property
    def source(self) -> str:
        """Which of the guard's ways in brought the hook that is live, and its version."""
        if self.startup.hook is None:
            return "-"
        hook = Path(self.startup.hook)
        private = user_folder()
        if Path(self.startup.stdlib, FOLDER) in hook.parents:
            way = "stdlib hook"
        elif private is not None and private in hook.parents:
            way = "seed"
        else:
            way = "package"
        return f"{way} {self.startup.guard_version or '?'}"

    @property
    def policy(self) -> str:
        """The layers that count there, each with its mode and the beginning of its digest, and the built-in rule."""
        if self.layers.faults:
            return self.layers.faults[0].code
        named = [f"{layer.kind} {layer.policy.mode} {layer.sha256[:12]}" for layer in self.layers.layers]
        if self.layers.builtin_rule_applies:
            named.append("built-in rule")
        elif self.layers.builtin_rule_audited:
            named.append("built-in rule audit")
        return ", ".join(named)

    def notes(self) -> list[str]:
        """Return what there is to say beside the table, a sentence each."""
        startup = self.startup
        if startup.problem is not None:
            return [startup.problem]
        found = self._audit()
        if startup.hook is None and self.is_expected:
            found.append("no start-up hook of indexguard is live; see below what is there")
        elif startup.hook is not None and not startup.hook_is_known:
            found.append(f"the hook {startup.hook} is not as any indexguard here has written it")
        if startup.impostor is not None:
            found.append(f"{startup.impostor} says that it is the hook, and is not")
        if startup.hook is not None and startup.isolated is None:
            found.append("with -I the guard does not start (a user's files are not read then)")
        if self.facts.problem is not None and not self.has_no_pip:
            found.append(self.facts.problem)
        if self.proof is not None and self.proof.result == ATTACKED:
            found.append("the canary: pip installed the attacker's file")
        elif self.proof is not None and self.proof.result not in (HELD, AUDITED) and not self.has_no_pip:
            found.append(f"the canary proves nothing: {self.proof.reason}")
        found += [
            f"shadowed by {shadow.variable or 'sys.path'}: {shadow.path} {shadow.text}" for shadow in startup.shadows
        ]
        if self.installer is not None:
            found.append(self.installer)
        return found + self._skew()

    def _audit(self) -> list[str]:
        if not (self.is_live and self.only_audits):
            return []
        still = "; the built-in rule is enforced" if self.layers.builtin_rule_applies else ""
        return [f"audit mode: what its policy refuses is installed all the same, and logged{still}"]

    def _skew(self) -> list[str]:
        private = Path(self.startup.stdlib, FOLDER)
        try:
            manifest = read_manifest(private)
        except InterpretersError as error:
            return [str(error)]
        versions = {self.startup.guard_version, manifest and manifest.version, __version__} - {None}
        found = []
        if len(versions) > 1:
            told = ", ".join(sorted(str(version) for version in versions))
            found.append(f"several versions of indexguard: {told}; run `indexguard activate` with the newest")
        kinds = [hook.kind for hook in self.startup.hooks if hook.state in ("runs", "chained")]
        if manifest is not None and not {"stdlib", "stdlib-block"} & set(kinds):
            found.append(f"{private} is an orphan: no start-up module leads to it; run `indexguard activate` again")
        return found

    def foreign_hooks(self) -> list[StartupHook]:
        """Return the start-up hooks that are not the guard's."""
        return [hook for hook in self.startup.hooks if not hook.is_ours]

    def own_hooks(self) -> list[StartupHook]:
        """Return the guard's start-up hooks."""
        return [hook for hook in self.startup.hooks if hook.is_ours]

    def as_json(self) -> dict[str, Any]:
        """Return all of it for a machine."""
        startup = asdict(self.startup)
        return {
            "path": self.path,
            "state": self.word,
            "live": self.is_live,
            "expected": self.is_expected,
            "by": self.source,
            "pip": self.facts.pip or None,
            "problem": self.startup.problem or self.facts.problem,
            "stopped": None if self.facts.stopped is None else dict(self.facts.stopped),
            "proof": None if self.proof is None else asdict(self.proof),
            "installer": self.installer,
            "only_audits": self.only_audits,
            "layers": [
                {"layer": layer.kind, "file": layer.path, "sha256": layer.sha256, "mode": layer.policy.mode}
                for layer in self.layers.layers
            ],
            "policy_faults": [error.code for error in self.layers.faults],
            "built_in_rule": None if self.layers.faults else self.layers.builtin_rule_applies,
            "startup_milliseconds": startup.pop("cost"),
            "notes": self.notes(),
            "startup": startup,
        }


def look_at(path: str, *, is_expected: bool, canary: Canary | None = None, runs: int = 3) -> State:
    """Start an interpreter several times and tell what is so there. Never raises.

    :param path: a Python, or the folder of a virtual environment.
    :param is_expected: whether it has to be guarded, whatever is found there.
    :param canary: the attack to try on it, if any.
    :param runs: how often the cost of a start is measured.
    """
    # Absolute: the canary's pip runs in a folder of its own. Not resolved: an environment's Python is a link.
    python = os.path.abspath(os.path.join(path, "bin", "python") if os.path.isdir(path) else path)
    startup = survey(python, runs=runs)
    facts = ask_pip(python=python) if startup.problem is None else PipFacts(startup.problem)
    layers = survey_layers(base_prefix=startup.base_prefix) if startup.base_prefix else survey_layers()
    has_ours = any(hook.is_ours or hook.kind == "imitation" for hook in startup.hooks)
    proof = canary.try_on(python) if canary is not None and startup.problem is None else None
    if proof is not None and proof.result == HELD and not layers.faults and layers.only_audits:
        # The canary brings a policy of its own that enforces; those that count there do not.
        proof = Proof(AUDITED, "the guard is live; its policies are in audit mode, and would only log the attack")
    return State(path, is_expected or has_ours, startup, facts, layers, proof, find_uv(python))


def describe_hook(hook: StartupHook) -> str:
    """Return one line on a start-up hook."""
    if hook.owner is not None:
        owner = f"{hook.owner.name} {hook.owner.version or ''}".strip()
    else:
        owner = "indexguard activate" if hook.is_ours else "no distribution"
    kind = "looks like indexguard's and is not, " if hook.kind == "imitation" else ""
    reason = f" ({hook.reason})" if hook.reason else ""
    return escape(f"{hook.path}: {kind}{hook.via}, {hook.state}{reason}, of {owner}")
