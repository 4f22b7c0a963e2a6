"""The audit log in real daemons: rsyslog and syslog-ng over every socket and following the file, and systemd's journal.

All receive the same events at once; what each has kept is compared with the file, line by line.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Callable

import pytest

from indexguard.audit import sinks
from indexguard.audit.event import MAX_VERSIONS, EventFields, Offer
from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from indexguard.logs.chain import Verifier
from indexguard.policy.log import LogSettings, SyslogAddress
from integration.logs.daemons import (
    JOURNAL_REMOTE,
    Journal,
    Listening,
    find_rsyslog,
    find_syslog_ng,
    journal,
    rsyslog,
    syslog_ng,
)

_MANY = 240
"""Events of a run: more than a hundred, so that one which is lost now and then is missed."""
_SIZES = 40
_PATIENCE = 60
"""Seconds."""
_NO_DATAGRAM = "\N{TAG LATIN SMALL LETTER A}" * 200
"""As the name of each file, more than any datagram holds."""


def _record(log: Path, settings: LogSettings, *names: str) -> list[bytes]:
    """Write the events of a run, of all sizes that a datagram takes, and return the lines of the file.

    :param names: those of the files of further events.
    """
    recorder = Recorder(RunContext.of_process("26.3", argv=["pip", "install", "acme-core"]), log, settings)
    for number in range(_MANY - 1 - len(names)):
        few = range(number if number < _SIZES else 0)
        offers = [Offer(f"{n}.0", f"a-{n}.0.zip", None, f"https://a.example/{'x' * 100}") for n in few]
        recorder.record("dropped", "file-elsewhere", EventFields(name='a\u00e4\x1b"', files=number, offered=offers))
    for name in names:
        many = [Offer(name, name, None, f"https://a.example/{name}")] * MAX_VERSIONS
        recorder.record("dropped", "file-elsewhere", EventFields(name='a\u00e4\x1b"', files=len(many), offered=many))
    recorder.seal(0)
    assert recorder.problem is None
    lines = log.read_bytes().splitlines()
    assert len(lines) == _MANY
    return lines


def _wait_for(taking: Journal, entries: int) -> None:
    """Wait until the socket's own thread has taken so many."""
    deadline = time.monotonic() + _PATIENCE
    while len(taking.entries) < entries and time.monotonic() < deadline:
        os.sched_yield()


@pytest.fixture(params=["rsyslog", "syslog-ng"])
def daemon(request: pytest.FixtureRequest) -> Callable[[Path, Path], AbstractContextManager[Listening]]:
    if request.param == "rsyslog":
        if find_rsyslog() is None:
            pytest.skip("missing: rsyslogd")
        return rsyslog
    if find_syslog_ng() is None:
        pytest.skip("missing: syslog-ng, here and in the machine's apt sources")
    return syslog_ng


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose sockets have names that are short enough (108 bytes)."""
    folder = tmp_path_factory.mktemp("d")
    yield folder
    shutil.rmtree(folder)


def test_syslog_daemons_keep_what_the_file_has(
    daemon: Callable[[Path, Path], AbstractContextManager[Listening]], short_path: Path
) -> None:
    log = short_path / "audit.jsonl"
    log.touch()
    with daemon(short_path, log) as listening:
        addresses = (
            SyslogAddress("unix", str(listening.unix)),
            SyslogAddress("udp", "127.0.0.1", listening.udp),
            SyslogAddress("tcp", "127.0.0.1", listening.tcp),
        )
        lines = _record(log, LogSettings(("file", "syslog"), syslog=addresses))
        received = listening.wait_for(len(lines))
    assert received.keys() == {"unix", "udp", "tcp", "file"}
    for way, messages in received.items():
        assert [message.strip() for message in messages] == lines, way
        assert Verifier(messages).read([log]).is_whole


def test_journal_keeps_what_the_file_has(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not JOURNAL_REMOTE.exists() or shutil.which("journalctl") is None:
        pytest.skip("missing: systemd-journal-remote, or journalctl")
    with journal(short_path) as taking:
        monkeypatch.setattr(sinks, "JOURNAL", str(taking.path))
        lines = _record(short_path / "audit.jsonl", LogSettings(("file", "journald")), _NO_DATAGRAM)
        _wait_for(taking, len(lines))
        taking.upload()
        entries = taking.read()
    assert [entry["MESSAGE"].encode() for entry in entries] == lines
    assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"indexguard"}
    assert [entry["INDEXGUARD_EVENT"] for entry in entries] == ["dropped"] * (_MANY - 1) + ["sealed"]
    assert entries[0]["INDEXGUARD_CODE"] == "file-elsewhere"
