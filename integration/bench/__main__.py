"""Measures what the guard costs and prints every target of the benchmark table, met or MISSED.

::

    python -m integration.bench                     # everything: about twenty minutes on two cores
    python -m integration.bench --only startup,page --runs 5
    python -m integration.bench --markdown          # a dated table for README.md
    python -m integration.bench --json              # for a machine

Rows: ``startup`` (python -c pass), ``activated`` (the same in an environment), ``modules``, ``pip`` (--version, list), ``download``, ``page``, ``growth``,
``latency``, ``policy``, ``event``, ``log``, ``fleet``, ``serving`` (the keys that say what may be served), ``names``
(typing errors), ``ledger``, ``advisories``. ``--runs N`` sets the number of paired runs of every row; without it each row has a number that fits it.
``--pip V`` and ``--python X.Y`` choose what is measured (the newest pip on the newest Python that is here),
``--wheel PATH`` a wheel that is built already, ``--beside PATH`` that of an earlier version, which the rows of ``growth``
and ``serving`` show beside it. ``--no-valgrind`` leaves the instruction counts out; where there is no
valgrind they are named as not run.

It needs Python 3.11 or later and the registry (for the pip, and for the build of the wheel), and nothing that is not in
the standard library. All runs of a comparison are interleaved, in turning order, and each ratio is one of neighbours:
the median of these is what counts, beside it the 10th and the 90th percentile. The guarded environment is the built
wheel, installed; what it is compared with has the same files and another .pth, or none. Progress goes to standard error.

Exit code: 0 all targets met, 1 one missed or not run, 2 the arguments or the machine do not allow the measurement.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # started by its path
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from integration.bench.advisories import measure_advisories
from integration.bench.downloads import measure_download, measure_latency
from integration.bench.growth import measure_growth
from integration.bench.logs import measure_event, measure_fleet, measure_log
from integration.bench.page import measure_page
from integration.bench.policies import measure_policy
from integration.bench.report import Report
from integration.bench.serving.ledger import measure_ledger
from integration.bench.serving.names import measure_names
from integration.bench.serving.runs import measure_serving
from integration.bench.setting import FOLDER_PREFIX, make_setting, no_traces
from integration.bench.startup import measure_activated, measure_idle_pip, measure_modules, measure_startup
from integration.harness import pips

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from integration.bench.report import Result
    from integration.bench.setting import Setting

ROWS: dict[str, Callable[[Setting], list[Result]]] = {
    "startup": measure_startup,
    "activated": measure_activated,
    "modules": measure_modules,
    "pip": measure_idle_pip,
    "download": measure_download,
    "page": measure_page,
    "growth": measure_growth,
    "latency": measure_latency,
    "policy": measure_policy,
    "event": measure_event,
    "log": measure_log,
    "fleet": measure_fleet,
    "serving": measure_serving,
    "names": measure_names,
    "ledger": measure_ledger,
    "advisories": measure_advisories,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parse(arguments)
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    results: list[Result] = []
    try:
        with no_traces(), tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as folder:
            _say("making the environments")
            setting = make_setting(
                Path(folder),
                pip=options.pip,
                python=options.python or pips.pythons_for(options.pip).found[-1],
                wheel=options.wheel,
                rounds=options.runs,
                with_valgrind=options.valgrind,
                beside=options.beside,
            )
            for row in options.only:
                _say(f"measuring {row}")
                results += ROWS[row](setting)
            report = Report(started, setting.subject, tuple(results))
    except (OSError, RuntimeError) as error:
        _say(str(error))
        return 2
    form = {"json": report.as_json, "markdown": report.as_markdown}.get(options.form, report.as_text)
    sys.stdout.write(form())
    return 0 if all(result.verdict in ("", "met") for result in results) else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m integration.bench", description="Measure what the guard costs, against the targets."
    )
    parser.add_argument(
        "--only", metavar="ROW,ROW", type=_rows, default=list(ROWS), help=f"rows to measure: {', '.join(ROWS)}"
    )
    parser.add_argument(
        "--runs", metavar="N", type=_positive, help="paired runs of every row (default: as fits the row)"
    )
    parser.add_argument(
        "--pip", choices=pips.ALL_PIPS, default=pips.ALL_PIPS[-1], metavar="V", help="default: %(default)s"
    )
    parser.add_argument("--python", metavar="X.Y", help="default: the newest here that runs this pip")
    parser.add_argument("--wheel", metavar="PATH", type=Path, help="the built wheel (default: built from this tree)")
    parser.add_argument(
        "--beside", metavar="PATH", type=Path, help="an earlier version's wheel, for the rows of growth and serving"
    )
    parser.add_argument("--no-valgrind", dest="valgrind", action="store_false", help="count no instructions")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help="print one JSON object")
    form.add_argument("--markdown", dest="form", action="store_const", const="markdown", help="print a Markdown table")
    return parser.parse_args(arguments)


def _rows(text: str) -> list[str]:
    rows = text.split(",")
    unknown = [row for row in rows if row not in ROWS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown row {', '.join(unknown)}; known: {', '.join(ROWS)}")
    return rows


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
