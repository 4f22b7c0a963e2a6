"""Fuzzes one target in a child process under libFuzzer's limits, and tells what became of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

MEMORY = 512
"""MiB that a target may take."""
ROOT = Path(__file__).resolve().parent.parent.parent
_STATE = re.compile(r"^#(\d+)\t.* cov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)
_EXECUTED = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
_TRACEBACK = re.compile(r"^ === .*? ===$.*?(?=^==|^ALARM|\Z)|^Traceback .*", re.MULTILINE | re.DOTALL)
_FOUND = ("crash-", "timeout-", "slow-unit-", "oom-", "long-")
"""How the files begin that hold what was found."""


@dataclass(frozen=True)
class Limits:
    """How long to go on, and what one input may take."""

    runs: int | None
    """Inputs; None for no limit."""
    seconds: int | None
    """None for no limit."""
    timeout: int
    """Seconds that one input may take."""
    longest: int
    """Bytes of the longest input."""
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What became of one target."""

    target: str
    inputs: int
    seconds: float
    coverage: int
    features: int
    corpus: int
    longest: float | None
    """Seconds that the slowest long input took; None where one failed."""
    crashes: int
    timeouts: int
    memory: float
    """Peak resident set, MiB."""
    found: tuple[Path, ...]
    """The inputs that broke something."""
    told: str
    """The end of what the child printed, where something is wrong."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found, and all limits were kept."""
        return not self.found and not self.told and self.memory < MEMORY


def fuzz(target: str, limits: Limits, folder: Path) -> Outcome:
    """Fuzz one target.

    :param folder: an empty folder for corpus, output and what is found.
    """
    command = [
        sys.executable,
        "-m",
        "integration.fuzz.child",
        target,
        str(folder),
        str(limits.timeout),
        *_options(limits, folder),
    ]
    output = folder / "output.txt"
    started = time.monotonic()
    with output.open("wb") as file:
        child = subprocess.Popen(
            command, cwd=ROOT, env=_environ(folder), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    text = output.read_text(encoding="utf-8", errors="replace")
    found = sorted(path for path in folder.iterdir() if path.name.startswith(_FOUND))
    inputs, coverage, features, corpus = _last_state(text)
    long = re.search(r"^LONG \d+ inputs, ([\d.]+) s$", text, re.MULTILINE)
    return Outcome(
        target,
        inputs,
        seconds,
        coverage,
        features,
        corpus,
        float(long[1]) if long else None,
        sum(path.name.startswith(("crash-", "long-")) for path in found),
        sum(path.name.startswith(("timeout-", "slow-unit-")) for path in found),
        usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024),
        tuple(found),
        _tail(text) if child.returncode != 0 or not inputs else "",
    )


def _options(limits: Limits, folder: Path) -> list[str]:
    return [
        *([] if limits.runs is None else [f"-runs={limits.runs}"]),
        *([] if limits.seconds is None else [f"-max_total_time={limits.seconds}"]),
        f"-timeout={limits.timeout}",
        f"-report_slow_units={limits.timeout}",
        f"-rss_limit_mb={MEMORY}",
        f"-max_len={limits.longest}",
        f"-seed={limits.seed}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]


def _environ(folder: Path) -> dict[str, str]:
    """Return the variables of the child: nothing of this machine's pip configuration; the tree's own guard."""
    return {
        "HOME": str(folder),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TMPDIR": str(folder),
        "PIP_CONFIG_FILE": os.devnull,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
    }


def _last_state(text: str) -> tuple[int, int, int, int]:
    """Return inputs, coverage, features and size of the corpus, as libFuzzer last told them."""
    states = _STATE.findall(text)
    inputs, coverage, features, corpus = map(int, states[-1]) if states else (0, 0, 0, 0)
    executed = _EXECUTED.search(text)
    return int(executed[1]) if executed else inputs, coverage, features, corpus


def _tail(text: str) -> str:
    """Return the traceback, or else the last lines."""
    found = _TRACEBACK.search(text)
    lines = found[0].splitlines() if found else text.splitlines()[-20:]
    return "\n".join(lines[-40:])
