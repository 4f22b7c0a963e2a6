"""Runs in the guarded environment's Python: writes events as the guard does, and prints the seconds that each took.

Started as ``python event_child.py FILE EVENTS FILES``.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any


def measure(path: Path, number: int, files: int) -> list[float]:
    """Record so many events, each of a page of so many files, one after the other."""
    event: Any = importlib.import_module("indexguard.audit.event")
    run_context: Any = importlib.import_module("indexguard.audit.run_context")
    recorder_module: Any = importlib.import_module("indexguard.audit.recorder")
    context = run_context.RunContext.of_process("26.3", argv=["pip", "install", "acme-core"])
    recorder = recorder_module.Recorder(context, path)
    url = "https://mirror.example/files/acme_core-{}.0-py3-none-any.whl"
    offers = [
        event.Offer(f"{n}.0", f"acme_core-{n}.0-py3-none-any.whl", f"sha256:{n:064x}", url.format(n))
        for n in range(files)
    ]
    taken = []
    for _ in range(number):
        started = time.perf_counter()
        recorder.record(
            "shadowed",
            "shadowed-name",
            event.EventFields(
                name="acme-core",
                versions=[offer.version for offer in offers],
                files=files,
                index_asked="https://mirror.example/simple/",
                index_answered="https://mirror.example/simple/acme-core/",
                kept=["1.0"],
                offered=offers,
            ),
        )
        taken.append(time.perf_counter() - started)
    if recorder.problem is not None:
        raise OSError(recorder.problem)
    return taken


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
