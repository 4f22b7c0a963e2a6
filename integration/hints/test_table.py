"""No code is without a hint that somebody has followed, or a reason; each reason names what shows it."""

from __future__ import annotations

import re
from pathlib import Path

from indexguard.errors import CODES
from integration.harness.scenario import FOLDER
from integration.hints.table import NOT_FOLLOWED, rows

ROOT = Path(__file__).resolve().parents[2]


def test_every_hint_is_followed_or_has_a_reason() -> None:
    followed = rows()
    assert followed.keys() == set(CODES)
    assert {code for code, hints in followed.items() if not hints} == NOT_FOLLOWED.keys()


def test_a_reason_names_what_shows_it() -> None:
    for code, reason in NOT_FOLLOWED.items():
        (shown,) = re.findall(r"`([^`]+)`", reason)
        path = ROOT / shown if "/" in shown else FOLDER / f"{shown}.toml"
        assert path.is_file(), code
        assert code in path.read_text(encoding="utf-8"), code
