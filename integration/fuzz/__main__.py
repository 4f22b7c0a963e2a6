"""Fuzzes the policy reader, the handling of pages and the log reader with atheris, and prints a summary.

::

    python3.12 -m venv .venv-fuzz && .venv-fuzz/bin/python -m pip install --upgrade "pip>=25.1"
    .venv-fuzz/bin/python -m pip install --group fuzz --editable .
    .venv-fuzz/bin/python -m integration.fuzz --runs 1000000
    .venv-fuzz/bin/python -m integration.fuzz policy log --seconds 60

Targets: ``policy``, ``html``, ``json``, ``log``; all, if none is named. ``--runs`` and ``--seconds`` are for all targets
together; without either it is 1000000 inputs, about a quarter of an hour on one core. Each target runs in a process of
its own, one after the other, within 512 MiB, and each input has 10 seconds (``--timeout``). A target begins with inputs
of 256 KiB (``long s``: what the slowest took) and ends at the first input that breaks a promise, which is kept.

Exit code: 0 nothing found, 1 something found, 2 the arguments or the environment do not allow to fuzz.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from integration.fuzz.campaign import MEMORY, ROOT, Limits, Outcome, fuzz

SHARES = {"policy": 55, "html": 10, "json": 10, "log": 25}
"""Percent of the inputs: a page takes ten times as long as a policy."""
_INSTALL = 'python -m pip install --group fuzz --editable . ("pip>=25.1", Python 3.11 to 3.14)'
_HEADINGS = (
    "target",
    "inputs",
    "inputs/s",
    "coverage",
    "features",
    "corpus",
    "long s",
    "crashes",
    "timeouts",
    "peak RSS MiB",
)
_SHOWN = 1000
"""Bytes of an input that are printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parse(arguments)
    missing = [] if importlib.util.find_spec("atheris") else ["atheris"]
    if not (ROOT / "src" / "indexguard" / "_vendor" / "tomli").is_dir():
        missing.append("the private copies in src/indexguard/_vendor")
    if missing:
        _say(f"{' and '.join(missing)} missing; install with: {_INSTALL}")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="indexguard-fuzz-"))
    outcomes = [_fuzz(target, options, folder) for target in options.targets]
    broken = [outcome for outcome in outcomes if not outcome.is_clean]
    pip = importlib.metadata.version("pip")
    sys.stdout.write(f"Python {platform.python_version()}, pip {pip}, seed {options.seed}\n\n{_table(outcomes)}\n\n")
    for outcome in broken:
        sys.stdout.write(_describe(outcome))
    inputs, seconds = sum(outcome.inputs for outcome in outcomes), sum(outcome.seconds for outcome in outcomes)
    verdict = f"broken: {', '.join(outcome.target for outcome in broken)}" if broken else "nothing found"
    sys.stdout.write(
        f"{inputs} inputs in {seconds:.0f} s, each within {options.timeout} s and {MEMORY} MiB: {verdict}\n"
    )
    if broken:
        return 1
    shutil.rmtree(folder)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m integration.fuzz", description="Fuzz the guard, and sum it up.")
    parser.add_argument("targets", metavar="TARGET", nargs="*", help=f"{', '.join(SHARES)} (default: all)")
    parser.add_argument("--runs", metavar="N", type=_positive, help="inputs in all (default: 1000000)")
    parser.add_argument("--seconds", metavar="S", type=_positive, help="time in all, beside or instead of --runs")
    parser.add_argument(
        "--timeout", metavar="S", type=_positive, default=10, help="for one input (default: %(default)s)"
    )
    parser.add_argument("--longest", metavar="B", type=_positive, default=8192, help="bytes (default: %(default)s)")
    parser.add_argument("--seed", metavar="N", type=_positive, default=1, help="default: %(default)s")
    options = parser.parse_args(arguments)
    unknown = [target for target in options.targets if target not in SHARES]
    if unknown:
        parser.error(f"unknown target {', '.join(unknown)}; known: {', '.join(SHARES)}")
    options.targets = list(dict.fromkeys(options.targets)) or list(SHARES)
    if options.runs is None and options.seconds is None:
        options.runs = 1_000_000
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _fuzz(target: str, options: argparse.Namespace, folder: Path) -> Outcome:
    share = SHARES[target] / sum(SHARES[other] for other in options.targets)
    runs, seconds = (number and max(1, round(number * share)) for number in (options.runs, options.seconds))
    (folder / target).mkdir()
    _say(f"{target}: {runs or 'any number of'} inputs, {seconds or 'any number of'} seconds")
    return fuzz(target, Limits(runs, seconds, options.timeout, options.longest, options.seed), folder / target)


def _table(outcomes: Sequence[Outcome]) -> str:
    rows = [_HEADINGS, *(_row(outcome) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows)


def _row(outcome: Outcome) -> tuple[str, ...]:
    return (
        outcome.target,
        str(outcome.inputs),
        f"{outcome.inputs / outcome.seconds:.0f}",
        str(outcome.coverage),
        str(outcome.features),
        str(outcome.corpus),
        "-" if outcome.longest is None else f"{outcome.longest:.1f}",
        str(outcome.crashes),
        str(outcome.timeouts),
        f"{outcome.memory:.0f}",
    )


def _describe(outcome: Outcome) -> str:
    text = f"{outcome.target}:\n{outcome.told}\n"
    for path in outcome.found:
        data = path.read_bytes()
        shown = repr(data) if len(data) <= _SHOWN else f"{data[:_SHOWN]!r}... ({len(data)} bytes)"
        text += f"{path}: {shown}\n"
    if outcome.memory >= MEMORY:
        text += f"it took {outcome.memory:.0f} MiB\n"
    return text + "\n"


def _say(text: str) -> None:
    sys.stderr.write(f"fuzz: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
