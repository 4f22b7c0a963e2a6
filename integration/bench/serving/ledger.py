"""What many writers of one ledger wait for it, and whether it loses something when some are killed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration.bench.ratios import spread_of
from integration.bench.report import Result

if TYPE_CHECKING:
    from integration.bench.setting import Setting

_ROOT = Path(__file__).resolve().parent.parent.parent.parent


def measure_ledger(setting: Setting) -> list[Result]:
    """Have a ledger written by 64 processes while 32 more are killed (``integration.ledger.stress``).

    :raises RuntimeError: it told no figures.
    """
    options = ["--runs", str(setting.rounds or 20), "--json"]
    command = [str(setting.guarded.python), "-m", "integration.ledger.stress", *options]
    done = subprocess.run(command, env=setting.environ(), cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"the ledger's writers: status {done.returncode}\n{done.stdout}{done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout)
    what = f"a ledger of {told['writers']} writers while {told['killed']} more are killed"
    longest = spread_of([told["longest"]])
    limit = round(1 + told["longest_queued"], 2)
    note = f"{told['noted']:,} files in {told['runs']:,} runs; 1 s, and as long as a run here waited for a processor"
    return [
        Result(what, "files lost", spread_of([told["lost"]]), 0, digits=0),
        Result(what, "the file is damaged, or a writer failed", spread_of([told["faults"]]), 0, digits=0),
        Result(what, "half of the runs, for the ledger", spread_of([told["median"]]), unit=" s"),
        Result(what, "the longest run, for the ledger", longest, limit, unit=" s", note=note),
        Result(what, "the longest run, of the processor", spread_of([told["longest_cpu"]]), 1, unit=" s"),
    ]
