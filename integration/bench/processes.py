"""Runs one process and tells what it took: time, instructions, imports."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench.ratios import Cost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_IMPORT = re.compile(r"import time:\s*(\d+) \|\s*\d+ \| ( *)(\S+)")
_PEAK_CHILD = Path(__file__).parent / "children" / "peak_child.py"
_COLLECTED = re.compile(r"Collected\s*:\s*(\d+)")


def run_timed(
    command: Sequence[str | Path], environ: Mapping[str, str], folder: Path, *, may_refuse: bool = False
) -> Cost:
    """Run a command to its end and return its wall and CPU time.

    :param may_refuse: whether 1 is as good an exit code as 0.
    :raises RuntimeError: it failed; with what it printed.
    """
    with (folder / "output.txt").open("w+b") as output:
        before = time.perf_counter()
        process = subprocess.Popen(
            command, env=environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - before
        process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it again
        if process.returncode not in ((0, 1) if may_refuse else (0,)):
            output.seek(0)
            raise RuntimeError(
                f"{_shown(command)}: status {process.returncode}\n{output.read().decode(errors='replace')}"
            )
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def run_for_peak(command: Sequence[str | Path], environ: Mapping[str, str], folder: Path) -> int:
    """Run a command to its end and return the largest resident set that it had, in bytes.

    A process counts what the one that started it held at that moment: so a small one stands between.

    :raises RuntimeError: it failed; with what it printed.
    """
    launcher = [sys.executable, "-I", "-S", _PEAK_CHILD, *command]
    done = subprocess.run(launcher, env=environ, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{_shown(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return int(done.stdout)


def find_valgrind() -> str | None:
    """Return the path of valgrind, or None."""
    return shutil.which("valgrind")


def count_instructions(command: Sequence[str | Path], environ: Mapping[str, str], folder: Path) -> int:
    """Return how many instructions a command executes, children left out (``valgrind --tool=callgrind``).

    Hashes are not randomised, so that two runs do the same.

    :raises RuntimeError: the command failed, or valgrind counted nothing.
    """
    options = [find_valgrind() or "valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"]
    done = subprocess.run(
        [*options, *command],
        env={**environ, "PYTHONHASHSEED": "0"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = _COLLECTED.search(done.stderr)
    if done.returncode != 0 or found is None:
        raise RuntimeError(f"valgrind {_shown(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return int(found[1])


def import_times(
    interpreter: Path, arguments: Sequence[str], environ: Mapping[str, str], folder: Path
) -> list[tuple[tuple[str, ...], float]]:
    """Run Python with ``-X importtime`` and return what ``parse_import_times`` reads from it.

    :raises RuntimeError: the command failed.
    """
    command: list[str | Path] = [interpreter, "-X", "importtime", *arguments]
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{_shown(command)}: status {done.returncode}\n{done.stderr}")
    return parse_import_times(done.stderr)


def parse_import_times(text: str) -> list[tuple[tuple[str, ...], float]]:
    """Return each module with the modules whose import it is part of, outermost first, and its own time in seconds.

    Python prints a module after those that it imports, each level two blanks deeper; so it is read backwards.
    """
    found: list[tuple[tuple[str, ...], float]] = []
    stack: list[str] = []
    for line in reversed(text.splitlines()):
        match = _IMPORT.search(line)
        if match is None:
            continue
        del stack[len(match[2]) // 2 :]
        stack.append(match[3])
        found.append((tuple(stack), int(match[1]) / 1e6))
    return found[::-1]


def _shown(command: Sequence[str | Path]) -> str:
    return " ".join(str(part) for part in command)
