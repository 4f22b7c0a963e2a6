"""Many writers of one ledger at once, some of them killed: ``python -m integration.ledger.stress``.

Every writer is a process that does what a pip run does with the ledger: it opens it, recalls a name, records what it has
seen, and closes it, again and again. What it was told to be recorded it notes in a file of its own. Some are killed
(SIGKILL) at a random moment. Then each noted file has to be remembered, and no run may have waited longer than a second.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexguard.inpip.serving.memory import SECONDS
from indexguard.ledger import side
from indexguard.ledger.store import Store

SOURCE = Path(__file__).resolve().parents[2] / "src"
LONGEST = 1.0
"""Seconds that the ledger may take of a run."""

_WRITER = """
import os, random, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from indexguard.ledger import side
from indexguard.ledger.sighting import Sighting
from indexguard.ledger.store import Store
path, notes, runs, files, writer = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]
pause = float(sys.argv[7])
noted = os.open(notes, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
for run in range(runs):
    time.sleep(random.uniform(0, pause))  # what pip does beside
    name = f"name-{run}-{len(writer) % 3}"
    seen = [
        Sighting(name, "1.0", f"{name}-{writer}.{run}.{n}.tar.gz", "0" * 64, "https://a.example/", 1) for n in range(files)
    ]
    began = time.monotonic()
    store = Store(path)
    store.recall(name, ["https://a.example/"])
    side.record(store, seen, float(sys.argv[8]))
    store.close()
    took = time.monotonic() - began
    os.write(noted, "".join(f"{took:.3f} {sighting.file}\\n" for sighting in seen).encode())
"""


@dataclass
class Writer:
    """One process."""

    process: subprocess.Popen[bytes]
    notes: Path


def main(argv: Sequence[str] | None = None) -> int:
    """Write, kill, compare, and print what was found."""
    options = make_parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="indexguard-stress-") as folder:
        return stress(Path(folder), options)


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the options."""
    parser = argparse.ArgumentParser(
        prog="python -m integration.ledger.stress", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--writers", type=int, default=64)
    parser.add_argument("--runs", type=int, default=100, help="of each writer")
    parser.add_argument("--files", type=int, default=20, help="new ones in each run")
    parser.add_argument("--kills", type=int, default=32, help="how many writers are killed besides")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two runs of a writer, at most")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def stress(folder: Path, options: argparse.Namespace) -> int:
    """Have a ledger written by many; return 0 if it has everything, and nobody waited too long."""
    chance = random.Random(options.seed)  # noqa: S311  # to be repeatable
    ledger = folder / "state" / "ledger.db"
    notes = folder / "notes"
    notes.mkdir()
    started = time.monotonic()
    writers = [_start(ledger, notes / f"w{it}", options.runs, options) for it in range(options.writers)]
    killed = [_start(ledger, notes / f"k{it}", 10**9, options) for it in range(options.kills)]
    for victim in chance.sample(killed, len(killed)):
        _wait_for_notes(victim, chance.randrange(0, 4000))
        victim.process.kill()
    codes = {writer.process.wait() for writer in writers}
    ends = {victim.process.wait() for victim in killed}
    took = time.monotonic() - started
    waited, noted = _read(notes)
    sides = len(side.find(ledger))
    store = Store(ledger, wait=30)
    side.record(store, [], 600)
    remembered = {sighting.file for sighting in store.rows()}
    store.close()
    lost = noted - remembered
    _say(
        f"{len(writers)} writers x {options.runs} runs x {options.files} files, {len(killed)} more killed, in {took:.0f} s"
    )
    _say(
        f"{len(noted):,} files noted, {len(remembered):,} remembered, {len(lost):,} lost; {sides} side files were left"
    )
    waited.sort()
    _say(f"the ledger took of a run: median {waited[len(waited) // 2]:.3f} s, longest {waited[-1]:.3f} s")
    whole = _is_whole(ledger)
    is_good = not lost and noted and codes == {0} and ends <= {-signal.SIGKILL} and waited[-1] <= LONGEST and whole
    _say("no row lost, nobody waited longer than a second, the file is whole" if is_good else "FAILED")
    return 0 if is_good else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _start(ledger: Path, notes: Path, runs: int, options: argparse.Namespace) -> Writer:
    numbers = [str(runs), str(options.files), notes.name, str(options.pause), str(SECONDS)]
    command = [sys.executable, "-c", _WRITER, str(SOURCE), str(ledger), str(notes), *numbers]
    return Writer(subprocess.Popen(command), notes)


def _wait_for_notes(victim: Writer, size: int) -> None:
    while victim.process.poll() is None and not (victim.notes.exists() and victim.notes.stat().st_size >= size):
        time.sleep(0.002)


def _read(notes: Path) -> tuple[list[float], set[str]]:
    """Return how long runs took, and the files that were noted; a line that a kill has cut off was not told."""
    waited, noted = [], set()
    for path in notes.iterdir():
        for line in path.read_text(encoding="ascii").splitlines(keepends=True):
            if line.endswith("\n"):
                took, file = line.split()
                waited.append(float(took))
                noted.add(file)
    return waited, noted


def _is_whole(ledger: Path) -> bool:
    copy = ledger.with_name("copy.db")
    shutil.copy(ledger, copy)
    connection = sqlite3.connect(copy)
    try:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
