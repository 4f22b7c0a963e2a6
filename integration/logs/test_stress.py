"""Many writers of one log, some of them killed: a small run of ``python -m integration.logs.stress``."""

from __future__ import annotations

import pytest

from integration.logs import stress


@pytest.mark.parametrize("max_size", [0, 300_000])
def test_log_of_many_writers_is_whole(capsys: pytest.CaptureFixture[str], max_size: int) -> None:
    code = stress.main(["--writers", "6", "--events", "100", "--kills", "4", "--max-size", str(max_size)])
    told = capsys.readouterr().out
    assert code == 0, told
    assert "6 writers x 100 events, 4 more killed" in told
    assert "runs without a seal: 4" in told
