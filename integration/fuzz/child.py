"""Fuzzes one target with atheris in this process: ``python -m integration.fuzz.child TARGET FOLDER TIMEOUT [option]...``.

Started by ``python -m integration.fuzz``, which gives libFuzzer's options and reads what it prints. First come the long
inputs, whose number and longest time are printed, too.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

PACKAGES = ["indexguard", "html"]
"""What shows its coverage: the guard with its own copy of tomli, and the parser of pages that pip and guard share."""
PIP_FUNCTIONS = (
    ("_internal.index.collector", "HTMLLinkParser", "handle_starttag"),
    ("_internal.models.link", "Link", "from_element"),
    ("_internal.models.link", "Link", "from_json"),
    ("_internal.index.package_finder", "LinkEvaluator", "evaluate_link"),
)
"""Of pip the functions that read a page; all of it would take most of the time."""

SIZE = 256 * 1024
"""Bytes of a long input."""


def main() -> None:
    """Fuzz until libFuzzer ends this process."""
    target, folder, timeout, *options = sys.argv[1:]
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=PACKAGES):
        targets = importlib.import_module("integration.fuzz.targets")
    for module, owner, function in PIP_FUNCTIONS:
        method = getattr(getattr(importlib.import_module(f"pip.{module}"), owner), function)
        atheris.instrument_func(getattr(method, "__func__", method))
    mutation = importlib.import_module("integration.fuzz.mutation").MUTATIONS[target]

    def mutate(data: bytes, limit: int, seed: int) -> bytes:
        """Change bytes as libFuzzer does, or change the text and keep its form."""
        random = Random(seed)  # noqa: S311  # no secret
        if random.random() < 0.5:
            changed: bytes = mutation(data, random)[:limit]
            if changed not in (b"", data):
                return changed
        return bytes(atheris.Mutate(data, limit))

    _try_long_inputs(target, targets.TARGETS[target], Path(folder), int(timeout))
    options += _write_start(target, Path(folder))
    atheris.Setup([sys.argv[0], *options], targets.TARGETS[target], custom_mutator=mutate)
    atheris.Fuzz()


def _try_long_inputs(name: str, target: Callable[[bytes], None], folder: Path, timeout: int) -> None:
    """Have the target take each long input in time; one that it does not take is kept."""
    long_inputs: Any = importlib.import_module("integration.fuzz.long_inputs")
    longest = 0.0
    for label, make in long_inputs.LONG[name].items():
        data, started = make(SIZE), time.monotonic()
        try:
            with long_inputs.within(timeout, label):
                target(data)
        except BaseException:
            (folder / f"long-{label.replace(' ', '-')}").write_bytes(data)
            raise
        longest = max(longest, time.monotonic() - started)
    sys.stdout.write(f"LONG {len(long_inputs.LONG[name])} inputs, {longest:.1f} s\n")
    sys.stdout.flush()


def _write_start(target: str, folder: Path) -> list[str]:
    """Write what fuzzing starts from; return the options that say where."""
    seeds: Any = importlib.import_module("integration.fuzz.seeds")
    for name in ("corpus", "seeds"):
        (folder / name).mkdir()
    for number, seed in enumerate(seeds.SEEDS[target]()):
        (folder / "seeds" / f"{number:03}").write_bytes(seed)
    words = "".join(f'"{_quote(word)}"\n' for word in seeds.WORDS[target])
    (folder / "words.txt").write_text(words, encoding="ascii")
    return [f"-dict={folder}/words.txt", f"{folder}/corpus", f"{folder}/seeds"]


def _quote(word: str) -> str:
    """Write a word in the form of libFuzzer's dictionaries."""
    return "".join(f"\\x{byte:02X}" for byte in word.encode())


if __name__ == "__main__":
    main()
