"""One of many writers of a ledger: does what a pip run does with it, again and again, and notes what was recorded.

Started as ``python writer.py LEDGER NOTES RUNS FILES NAME PAUSE SECONDS``. A line of the notes: the seconds that the run
took of the ledger, those of it in which no processor was free, those of the processor, and a file; ``-`` for a run in
which the ledger was held by others for too long, as pip is told.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

from indexguard.ledger import side
from indexguard.ledger.sighting import LedgerError, Sighting
from indexguard.ledger.store import Store
from indexguard.patterns import Name

_INDEX = "https://a.example/"


def main() -> None:
    """Write."""
    path, notes, runs, files, writer, pause, seconds = sys.argv[1:]
    noted = os.open(notes, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    for run in range(int(runs)):
        time.sleep(random.uniform(0, float(pause)))  # noqa: S311  # what pip does beside
        name = Name(f"name-{run}-{len(writer) % 3}")
        seen = [
            Sighting(name, "1.0", f"{name}-{writer}.{run}.{number}.tar.gz", "0" * 64, _INDEX, 1)
            for number in range(int(files))
        ]
        began, queued, cpu = time.monotonic(), read_queued(), time.thread_time()
        told = _use(Path(path), name, seen, float(seconds))
        took = time.monotonic() - began, read_queued() - queued, time.thread_time() - cpu
        words = " ".join(f"{value:.3f}" for value in took)
        os.write(noted, "".join(f"{words} {file}\n" for file in told or ["-"]).encode())


def _use(ledger: Path, name: Name, seen: list[Sighting], seconds: float) -> list[str]:
    """Return the files that were recorded."""
    store = Store(ledger)
    try:
        store.recall(name, [_INDEX])
        side.record(store, seen, seconds)
    except LedgerError:
        return []
    finally:
        store.close()
    return [sighting.file for sighting in seen]


def read_queued() -> float:
    """Return how many seconds this process was ready to run, and no processor was free; 0 where nobody tells (not Linux)."""
    try:
        return int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


if __name__ == "__main__":
    main()
