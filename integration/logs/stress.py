"""Many writers of one audit log at once, some of them killed: ``python -m integration.logs.stress``.

Every writer is a process of its own that records events through the guard's recorder; some are killed (SIGKILL) at a
random moment. Then the log is verified, and the events of those that were not killed are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexguard.logs.chain import Verifier

SOURCE = Path(__file__).resolve().parents[2] / "src"

_ENDLESS = 10**9
_WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from indexguard.audit.recorder import EventFields, LogSettings, Recorder, RunContext
path, count, size = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
recorder = Recorder(RunContext.of_process("26.3", argv=["pip"]), path, LogSettings(max_size=size or None))
print(recorder.context.run, flush=True)
for number in range(count - 1):
    recorder.record("selected", None, EventFields(name=f"name-{number}", versions=["1.0"], files=1))
recorder.seal(0)
sys.exit(recorder.problem)
"""


@dataclass
class Writer:
    """One process."""

    process: subprocess.Popen[str]
    run: str


def main(argv: Sequence[str] | None = None) -> int:
    """Write, kill, verify, and print what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m integration.logs.stress", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--writers", type=int, default=64)
    parser.add_argument("--events", type=int, default=10_000, help="of each writer, its seal included")
    parser.add_argument("--kills", type=int, default=32, help="how many writers are killed besides")
    parser.add_argument("--max-size", type=int, default=0, help="bytes of a log file before it is rotated; 0: never")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="indexguard-stress-") as folder:
        return stress(Path(folder) / "log" / "audit.jsonl", options)


def stress(path: Path, options: argparse.Namespace) -> int:
    """Have a log written by many; return 0 if it is whole and has everything."""
    chance = random.Random(options.seed)  # noqa: S311  # to be repeatable
    started = time.monotonic()
    writers = [_start(path, options.events, options.max_size) for _ in range(options.writers)]
    killed = [_start(path, _ENDLESS, options.max_size) for _ in range(options.kills)]
    for victim in chance.sample(killed, len(killed)):
        _wait_for_growth(path.parent, chance.randrange(10_000, 2_000_000), victim)
        victim.process.kill()
    codes = [writer.process.wait() for writer in writers]
    ends = {victim.process.wait() for victim in killed}
    took = time.monotonic() - started
    found = Verifier().read([path.parent])
    counts = _count(path.parent)
    whole = [counts.get(writer.run, 0) == options.events for writer in writers]
    _say(f"{len(writers)} writers x {options.events} events, {len(killed)} more killed, in {took:.0f} s")
    _say(f"{found.lines} lines in {found.files} files: {found.events} events of {found.runs} runs, {found.torn} torn")
    _say(f"chain: {'whole' if not found.breaks else found.breaks[:5]}; runs without a seal: {len(found.unsealed)}")
    _say(f"complete writers: {sum(whole)} of {len(writers)}; exit codes {sorted(set(codes))}")
    is_good = found.is_whole and found.torn == 0 and all(whole) and set(codes) == {0} and ends <= {-signal.SIGKILL}
    _say("no torn line, nothing lost, the chain verifies" if is_good else "FAILED")
    return 0 if is_good else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _start(path: Path, events: int, max_size: int) -> Writer:
    command = [sys.executable, "-c", _WRITER, str(SOURCE), str(path), str(events), str(max_size)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        return Writer(process, process.stdout.readline().strip())


def _wait_for_growth(folder: Path, bytes_more: int, victim: Writer) -> None:
    goal = _size(folder) + bytes_more
    while _size(folder) < goal and victim.process.poll() is None:
        time.sleep(0.001)


def _size(folder: Path) -> int:
    try:
        return sum(entry.stat().st_size for entry in os.scandir(folder))
    except FileNotFoundError:  # not made yet, or rotated this moment
        return 0


def _count(folder: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for path in folder.iterdir():
        with path.open("rb") as file:
            for line in file:
                run = json.loads(line)["run"]
                counts[run] = counts.get(run, 0) + 1
    return counts


if __name__ == "__main__":
    sys.exit(main())
