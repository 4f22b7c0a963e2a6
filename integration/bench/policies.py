"""What a policy of 100,000 names and 1,000 prefixes costs to load, and what one decision by it costs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench.ratios import paired_ratios, spread_of
from integration.bench.report import Result

if TYPE_CHECKING:
    from integration.bench.setting import Setting

_CHILD = Path(__file__).parent / "children" / "policy_child.py"
_WHAT = "policy of 100,000 names and 1,000 prefixes"


def measure_policy(setting: Setting) -> list[Result]:
    """Compare the reader with the TOML parser alone, and time a decision for a name of every kind."""
    command: list[str | Path] = [setting.guarded.python, _CHILD, str(setting.rounds or 11)]
    folder = setting.scratch("policy")
    environ = setting.environ()
    done = subprocess.run(command, env=environ, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    taken: dict[str, list[float]] = json.loads(done.stdout)
    parse, load = taken.pop("parse"), taken.pop("load")
    note = f"{spread_of(parse).median * 1e3:.0f} ms -> {spread_of(load).median * 1e3:.0f} ms (medians)"
    results = [Result(_WHAT, "load, against the TOML parser alone (CPU)", paired_ratios(parse, load), 1.3, note=note)]
    for kind, seconds in taken.items():
        spread = spread_of([value * 1e6 for value in seconds])
        results.append(Result(_WHAT, f"decide: {kind} (CPU)", spread, 2, unit=" us", digits=2))
    return results
