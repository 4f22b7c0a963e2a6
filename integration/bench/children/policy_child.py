"""Runs in the guarded environment's Python: reads a policy of 100,000 names and decides names by it.

Started as ``python policy_child.py ROUNDS``; prints one JSON object: lists of seconds by what was measured.
"""

from __future__ import annotations

import gc
import importlib
import json
import random
import sys
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES, PREFIXES, DECIDED = 100_000, 1_000, 4_000
_URL = "https://packages.corp.example/simple/"
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def make_policy() -> tuple[str, list[str]]:
    """Return the text of a policy and its exact names as they are spelled there; the same for every call."""
    chance = random.Random(1)  # noqa: S311 - nothing secret

    def word() -> str:
        return "".join(chance.choices(_LETTERS, k=chance.randint(2, 9)))

    names: dict[str, str] = {}
    while len(names) < NAMES:
        separator = chance.choice("--__.")
        spelled = separator.join(word() for _ in range(chance.randint(1, 3)))
        # Some are spelled as their authors like them.
        names.setdefault(
            spelled.replace("_", "-").replace(".", "-"), spelled.title() if len(names) % 10 == 0 else spelled
        )
    prefixes = [f"team{number}-*" for number in range(PREFIXES)]
    lines = "".join(f'    "{name}",\n' for name in (*names.values(), *prefixes))
    corp = f'[indexes.corp]\nurl = "{_URL}"\npackages = [\n{lines}]\n'
    return f'version = 1\n\n{corp}\n[indexes.pypi]\nurl = "pypi"\npackages = ["*"]\n', list(names)


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the CPU seconds of: the parser alone, the load with one first look-up, and one decision of each kind."""
    # By name: these are the modules of the environment that this runs in.
    tomli: Any = importlib.import_module("indexguard._vendor.tomli")
    reader: Any = importlib.import_module("indexguard.policy.reader")
    model: Any = importlib.import_module("indexguard.policy.model")
    identity: Any = importlib.import_module("indexguard.policy.identity")
    decision: Any = importlib.import_module("indexguard.decision.authority")
    text, names = make_policy()
    content = text.encode()

    def load() -> Any:
        policy = reader.read_policy(content, "policy.toml")
        policy.rules.find("not-there")  # whatever is put off until the first look-up belongs to the load
        return policy

    taken: dict[str, list[float]] = {"parse": [], "load": []}
    steps: list[tuple[str, Callable[[], Any]]] = [("parse", lambda: tomli.loads(text)), ("load", load)]
    for number in range(rounds + 1):
        for name, step in steps[:: 1 if number % 2 else -1]:
            gc.collect()
            before = time.process_time()
            step()
            if number:  # the first round warms up
                taken[name].append(time.process_time() - before)

    asked = identity.parse_location(_URL)
    today = datetime.now(timezone.utc).date()

    def decide(layers: tuple[Any, ...], chosen: list[str]) -> float:
        before = time.process_time()
        for name in chosen:
            decision.Authority(layers, name, today).ask(asked)
        return (time.process_time() - before) / len(chosen)

    chance = random.Random(2)  # noqa: S311 - nothing secret
    for _ in range(rounds):
        layers = (model.Layer("environment", "policy.toml", "", load()),)
        exact = chance.sample(names, DECIDED)
        prefixed = [f"team{chance.randrange(PREFIXES)}-{name}" for name in exact]
        others = [f"zz-{name}" for name in exact]
        gc.collect()
        kinds = (("exact, first", exact), ("exact, again", exact), ("prefix", prefixed), ("only *", others))
        for kind, chosen in kinds:
            taken.setdefault(kind, []).append(decide(layers, chosen))
    return taken


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]))) + "\n")
