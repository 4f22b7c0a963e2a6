"""Runs in the guarded environment's Python: looks whether names are nearly others, in the list that the wheel brings.

Started as ``python names_child.py ROUNDS``; prints one JSON object: lists of seconds by kind, for one name each.
"""

from __future__ import annotations

import gc
import importlib
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

_NAMES = 500
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_CLAIMED = {f"billing-part{number}" for number in range(200)}


def make_names(popular: list[str]) -> dict[str, list[str]]:
    """Return names of every kind; the same for every call."""
    chance = random.Random(1)  # noqa: S311 - nothing secret

    def word() -> str:
        return "".join(chance.choices(_LETTERS, k=chance.randint(3, 9)))

    def mistyped(name: str) -> str:
        place = chance.randrange(len(name))
        return name[:place] + chance.choice(_LETTERS) + name[place + 1 :]

    long = [name for name in popular if len(name) > 6]
    return {
        "popular": chance.sample(popular, _NAMES),
        "like no other": [f"{word()}-{word()}" for _ in range(_NAMES)],
        "one error away": [mistyped(name) for name in chance.sample(long, _NAMES)],
        "two errors away": [mistyped(mistyped(name)) for name in chance.sample(long, _NAMES)],
    }


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the CPU seconds of reading the prepared list, and of one name of each kind.

    :raises RuntimeError: the wheel has no prepared list.
    """
    # By name: these are the modules of the environment that this runs in.
    watch_module: Any = importlib.import_module("indexguard.typosquat.watch")
    preparation: Any = importlib.import_module("indexguard.typosquat.preparation")
    if not Path(watch_module.PREPARED).exists():
        raise RuntimeError("the list is not prepared: what is measured has to be a wheel")
    kinds = make_names(preparation.read_list(watch_module.LIST))
    taken: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        watch_module.popular_names.cache_clear()
        before = time.process_time()
        watch_module.popular_names()
        seconds = {"reading the list": time.process_time() - before}
        watch = watch_module.Watch(_CLAIMED, ["acme-"])
        for kind, names in kinds.items():
            gc.collect()
            before = time.process_time()
            for name in names:
                watch.find_meant(name)
            seconds[kind] = (time.process_time() - before) / len(names)
        if number:  # the first round warms up
            for kind, value in seconds.items():
                taken.setdefault(kind, []).append(value)
    return taken


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]))) + "\n")
