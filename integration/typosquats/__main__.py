"""Measures the look for near-misses: how many known squats it finds, and each name that it finds amiss.

    python -m integration.typosquats --squats SQUATS.csv --names NAMES.txt.gz [--internal NAMES] [--false-positives FILE]

``SQUATS.csv`` has columns ``name`` and ``target`` (ecosyste-ms/typosquatting-dataset, CC0); ``NAMES.txt.gz`` one project
name a line, such as all of 2020 (mt3443/typogard, MIT). ``--internal`` names a file with the names and patterns that a
policy would claim, one a line; by default made-up ones of several kinds. The exit code is 1 where a figure misses its
limit. Every false positive is printed, or goes to a file.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from indexguard.patterns import normalise_name
from indexguard.typosquat.likeness import A, B, Likeness
from indexguard.typosquat.preparation import read_list
from indexguard.typosquat.watch import LIST, Watch, popular_names

INTERNAL = Path(__file__).with_name("internal-names.txt")
"""Names and patterns as a company claims them."""
RECALL, AMISS, AMISS_INTERNAL, AMISS_POPULAR, MICROSECONDS = 0.85, 0.008, 0.0002, 0, 200
COUNTED = (A, B)
"""The tiers that a user hears of."""


class Figures:
    """Prints figures beside their limits, and remembers whether one was missed."""

    def __init__(self) -> None:
        self.missed = False

    def say(self, what: str, value: float, limit: float, shown: str, *, least: bool = False) -> None:
        """Print one figure."""
        misses = value < limit if least else value > limit
        self.missed |= misses
        sys.stdout.write(f"{what}: {shown} {'MISSED' if misses else 'met'}\n")


def read_names(path: Path) -> list[str]:
    """Return the names of a file, normalised and sorted, each once; ``.gz`` is unpacked."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        lines = (line.strip() for line in file)
        return sorted({normalise_name(line) for line in lines if line and not line.startswith("#")})


def read_claims(path: Path) -> list[str]:
    """Return the names and patterns of a file, one a line."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def read_squats(path: Path) -> list[tuple[str, str]]:
    """Return each known squat with the name that it is one of, normalised; none that is another spelling of it."""
    with path.open(encoding="utf-8", newline="") as file:
        pairs = [(normalise_name(row["name"]), normalise_name(row["target"])) for row in csv.DictReader(file)]
    return [pair for pair in pairs if pair[0] != pair[1]]


def measure_recall(figures: Figures, watch: Watch, pairs: Sequence[tuple[str, str]]) -> None:
    """Say how many of the squats are found whose target is in the list, and print the others."""
    popular = popular_names()
    known = [pair for pair in pairs if pair[1] in popular]
    missed = []
    for name, target in known:
        found = watch.find_meant(name)
        if found is None or found.tier not in COUNTED:
            missed.append(f"  not found: {name} of {target}{'' if found is None else ' (only logged)'}")
    recall = 1 - len(missed) / len(known)
    shown = f"{len(known) - len(missed)} of {len(known)} ({recall:.1%}), of {len(pairs)} in all; at least {RECALL:.0%}:"
    figures.say("known squats of names in the list that are found (A and B)", recall, RECALL, shown, least=True)
    sys.stdout.writelines(f"{line}\n" for line in missed)


def find_amiss(watch: Watch, names: Iterable[str], *, claimed: bool) -> list[tuple[str, Likeness]]:
    """Return the names of existing projects that the user would hear of: as near-misses of claimed names, or of popular ones."""
    found = [(name, it) for name in names if (it := watch.find_meant(name)) is not None]
    return [(name, it) for name, it in found if it.tier in COUNTED and it.claimed == claimed]


def measure_amiss(figures: Figures, names: Sequence[str], internal: Sequence[str], out: TextIO) -> None:
    """Say how many existing names are found amiss, and write each of them."""
    start = time.process_time()
    amiss = find_amiss(Watch((), ()), names, claimed=False)
    each = (time.process_time() - start) / len(names) * 1e6
    rate = len(amiss) / len(names)
    shown = f"{len(amiss)} of {len(names)} ({rate:.3%}); at most {AMISS:.1%}:"
    figures.say("existing names found amiss (A and B)", rate, AMISS, shown)
    figures.say("time for each", each, MICROSECONDS, f"{each:.0f} us; at most {MICROSECONDS} us:")
    popular = find_amiss(Watch((), ()), read_list(LIST), claimed=False)
    shown = f"{len(popular)}; at most {AMISS_POPULAR}:"
    figures.say("popular names found amiss", len(popular), AMISS_POPULAR, shown)
    stems = [name[:-1] for name in internal if name.endswith("*")]
    claimed = {name for name in internal if not name.endswith("*")}
    others = [name for name in names if name not in claimed and not name.startswith(tuple(stems))]
    near = find_amiss(Watch(claimed, stems), others, claimed=True)
    rate = len(near) / len(names)
    shown = f"{len(near)} of {len(names)} ({rate:.4%}); at most {AMISS_INTERNAL:.2%}:"
    figures.say("existing names taken for internal ones", rate, AMISS_INTERNAL, shown)
    found = (*near, *popular, *amiss)
    out.writelines(f"  {it.tier}  {name} taken for {it.target} ({it.how})\n" for name, it in found)


def main() -> int:
    """Print the figures, and the false positives."""
    parser = argparse.ArgumentParser(prog="python -m integration.typosquats")
    parser.add_argument("--squats", type=Path, required=True, metavar="CSV")
    parser.add_argument("--names", type=Path, required=True, metavar="FILE")
    parser.add_argument("--internal", type=Path, metavar="FILE", default=INTERNAL)
    parser.add_argument(
        "--false-positives", type=Path, metavar="FILE", help="write them there; by default they are printed"
    )
    arguments = parser.parse_args()
    figures = Figures()
    measure_recall(figures, Watch((), ()), read_squats(arguments.squats))
    with ExitStack() as stack:
        path = arguments.false_positives
        out = sys.stdout if path is None else stack.enter_context(path.open("w", encoding="utf-8"))
        measure_amiss(figures, read_names(arguments.names), read_claims(arguments.internal), out)
    return 1 if figures.missed else 0


if __name__ == "__main__":
    sys.exit(main())
