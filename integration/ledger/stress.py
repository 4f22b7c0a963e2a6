"""Many writers of one ledger at once, some of them killed: ``python -m integration.ledger.stress``.

Every writer is a process that does what a pip run does with the ledger: it opens it, recalls a name, records what it has
seen, and closes it, again and again. What it was told to be recorded it notes in a file of its own. Some are killed
(SIGKILL) at a random moment. Then each noted file has to be remembered, and no run may have waited for the ledger longer
than a second. A hundred processes on a few processors wait for one of these too, and more so beside what else a machine
does: that is not the ledger's, and is taken out of the time of a run, as the kernel tells it (Linux: ``schedstat``).
Whoever holds a lock may have waited for a processor, too, and the others for it: so a run may take of the ledger a second,
and as long as a writer has waited so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import indexguard
from indexguard.inpip.serving.memory import SECONDS
from indexguard.ledger import side
from indexguard.ledger.store import Store

SOURCE = Path(indexguard.__file__).resolve().parents[1]
LONGEST = 1.0
"""Seconds that the ledger may take of a run."""

_WRITER = Path(__file__).with_name("writer.py")


@dataclass
class Writer:
    """One process."""

    process: subprocess.Popen[bytes]
    notes: Path


class Run(NamedTuple):
    """What one run told, in seconds."""

    own: float
    """Without the wait for a processor."""
    queued: float
    """That wait."""
    cpu: float
    gave_up: bool


@dataclass
class Found:
    """What became of the ledger."""

    writers: int
    killed: int
    runs: int
    """All that were told, those of the killed ones too."""
    seconds: float
    """That it took."""
    noted: int
    """Files that a writer was told to be recorded."""
    lost: int
    """Those of them that are not remembered."""
    sides: int
    """Side files that were left."""
    given_up: int
    """Runs in which the ledger was held by others for too long: pip goes on without it, and nothing is noted."""
    faults: int
    """Writers that did not end as they should; the file itself, where it is not whole."""
    median: float
    """Seconds that the ledger took of a run, the wait for a processor taken out."""
    longest: float
    longest_queued: float
    """Seconds for which a writer, in the middle of its use of the ledger, waited for a processor."""
    longest_cpu: float
    """Seconds of the processor that the ledger took of a run."""

    @property
    def limit(self) -> float:
        """Seconds that the ledger may take of a run here."""
        return LONGEST + self.longest_queued

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, and nobody waited too long."""
        is_quick = self.longest <= self.limit and self.longest_cpu <= LONGEST
        return bool(self.noted) and not self.lost and not self.faults and is_quick

    def as_text(self) -> str:
        """Return a few lines."""
        return (
            f"{self.writers} writers, {self.killed} more killed: {self.runs:,} runs in {self.seconds:.0f} s\n"
            f"{self.noted:,} files noted, {self.lost:,} lost; {self.sides} side files were left; {self.given_up} runs went on without\n"
            f"the ledger took of a run: median {self.median:.3f} s, longest {self.longest:.3f} s; of the processor"
            f" {self.longest_cpu:.3f} s, for which a run waited up to {self.longest_queued:.3f} s\n"
            + (
                f"no row lost, nobody waited longer than {self.limit:.1f} s, the file is whole\n"
                if self.is_good
                else "FAILED\n"
            )
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Write, kill, compare, and print what was found; return 0 if the ledger has everything, and nobody waited too long."""
    options = make_parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="indexguard-stress-") as folder:
        found = stress(Path(folder), options)
    sys.stdout.write(json.dumps(asdict(found)) + "\n" if options.json else found.as_text())
    return 0 if found.is_good else 1


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
    parser.add_argument("--json", action="store_true", help="print one object of figures")
    return parser


def stress(folder: Path, options: argparse.Namespace) -> Found:
    """Have a ledger written by many."""
    chance = random.Random(options.seed)  # noqa: S311  # to be repeatable
    ledger = folder / "state" / "ledger.db"
    notes = folder / "notes"
    notes.mkdir()
    started = time.monotonic()
    writers = [_start(ledger, notes / f"w{it}", options.runs, options) for it in range(options.writers)]
    killed = [_start(ledger, notes / f"k{it}", 10**9, options) for it in range(options.kills)]
    for victim in chance.sample(killed, len(killed)):
        _wait_for_notes(victim, chance.randrange(0, 6000))
        victim.process.kill()
    ends = [writer.process.wait() == 0 for writer in writers]
    ends += [victim.process.wait() == -signal.SIGKILL for victim in killed]
    took = time.monotonic() - started
    runs, noted = read_notes(notes)
    sides = len(side.find(ledger))
    store = Store(ledger, wait=30)
    side.record(store, [], 600)
    remembered = {sighting.file for sighting in store.rows()}
    store.close()
    faults = ends.count(False) + (not _is_whole(ledger))
    own = sorted(run.own for run in runs) or [0.0]
    return Found(
        len(writers),
        len(killed),
        len(runs),
        took,
        len(noted),
        len(noted - remembered),
        sides,
        sum(run.gave_up for run in runs),
        faults,
        own[len(own) // 2],
        own[-1],
        max((run.queued for run in runs), default=0.0),
        max((run.cpu for run in runs), default=0.0),
    )


def _start(ledger: Path, notes: Path, runs: int, options: argparse.Namespace) -> Writer:
    numbers = [str(runs), str(options.files), notes.name, str(options.pause), str(SECONDS)]
    command = [sys.executable, str(_WRITER), str(ledger), str(notes), *numbers]
    return Writer(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SOURCE)}), notes)


def _wait_for_notes(victim: Writer, size: int) -> None:
    while victim.process.poll() is None and not (victim.notes.exists() and victim.notes.stat().st_size >= size):
        time.sleep(0.002)


def read_notes(notes: Path) -> tuple[list[Run], set[str]]:
    """Return what the runs told, and the files that were noted; a line that a kill has cut off was not told."""
    runs, noted = [], set()
    for path in notes.iterdir():
        last = None
        for line in path.read_text(encoding="ascii").splitlines(keepends=True):
            if line.endswith("\n"):
                *times, file = line.split()
                wall, queued, cpu = map(float, times)
                number = file.split(".")[1] if file != "-" else None
                if number is None or number != last:  # each file of a run tells the same
                    runs.append(Run(max(0.0, wall - queued), queued, cpu, file == "-"))
                last = number
                noted |= {file} - {"-"}
    return runs, noted


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
