"""Where the log is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from integration.harness.children import run_child

from indexguard.audit.place import log_path
from support.logged import SOURCE


def test_log_of_root_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert log_path() == Path("/var/log/indexguard/audit.jsonl")


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of Linux")
def test_log_of_a_user_is_in_the_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    assert log_path() == Path("/home/someone/.local/state/indexguard/log/audit.jsonl")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become a user without an entry")
def test_user_without_entry_and_home(tmp_path: Path) -> None:
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from indexguard.audit.run_context import RunContext\n"
        "from indexguard.audit.recorder import EventFields, Recorder\n"
        "from indexguard.audit.place import log_path\n"
        "os.setgid(54321); os.setuid(54321)\n"
        "recorder = Recorder(RunContext.of_process('26.3', argv=[]), log_path())\n"
        "recorder.record('selected', None, EventFields(name='a'))\n"
        "print(recorder.context.user, '|', recorder.problem)\n"
    )
    done = run_child([sys.executable, "-c", script, str(SOURCE)], cwd=tmp_path, env={}, check=True)
    assert done.stdout.startswith("54321 | the audit log ")
    assert (done.stderr, list(tmp_path.iterdir())) == ("", [])
