"""The audit log in real daemons: rsyslog and syslog-ng over every socket and following the file, and systemd's journal.

Each daemon has the configuration that its package installs. What it has kept is compared with the file, event by event.
"""

from __future__ import annotations

import os
import re
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
from indexguard.logs.copies import Copies
from indexguard.policy.log import LogSettings
from integration.logs.daemons import (
    JOURNAL_REMOTE,
    Journal,
    Listening,
    find_journald,
    find_rsyslog,
    find_syslog_ng,
    journal,
    journald,
    rsyslog,
    syslog_ng,
)

_MANY = 120
"""Events of a run: more than a hundred, so that one which is lost now and then is missed."""
_SIZES = 48
_AT_ONCE = 8
_KEPT_BY_RSYSLOG = 8096
"""Bytes of a message, as it is shipped."""
_PROGRAM = re.compile(rb"(?:\S+|[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8}) \S+ indexguard(?:\[[0-9a-f]+\])?:? ?\{")
"""As both write a message: its time, the host, the program."""
_PATIENCE = 60
"""Seconds."""
_NO_DATAGRAM = "\N{TAG LATIN SMALL LETTER A}" * 200
"""As the name of each file, more than any datagram holds."""


def _record(
    log: Path, settings: LogSettings, *names: str, wait: Callable[[int, str], object] | None = None
) -> tuple[str, list[bytes]]:
    """Write the events of a run, of all sizes that events have, and return its id and the lines of the file.

    :param names: those of the files of further events.
    :param wait: is called now and then, with how many there are, and the run: the kernel drops what is too much for UDP.
    """
    recorder = Recorder(RunContext.of_process("26.3", argv=["pip", "install", "acme-core"]), log, settings)
    for number in range(_MANY - 1 - len(names)):
        few = range(number % _SIZES)
        offers = [Offer(f"{n}.0", f"a-{n}.0.zip", None, f"https://a.example/{'x' * 100}") for n in few]
        recorder.record("dropped", "file-elsewhere", EventFields(name='a\u00e4\x1b"', files=number, offered=offers))
        if wait is not None and number % _AT_ONCE == _AT_ONCE - 1:
            wait(number + 1, recorder.context.run)
    for name in names:
        many = [Offer(name, name, None, f"https://a.example/{name}")] * MAX_VERSIONS
        recorder.record("dropped", "file-elsewhere", EventFields(name='a\u00e4\x1b"', files=len(many), offered=many))
    recorder.seal(0)
    assert recorder.problem is None
    lines = log.read_bytes().splitlines()
    assert len(lines) == _MANY
    return recorder.context.run, lines


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


def test_syslog_daemons_as_they_are_shipped_keep_every_event(
    daemon: Callable[[Path, Path], AbstractContextManager[Listening]], short_path: Path
) -> None:
    followed = short_path / "file" / "audit.jsonl"
    followed.parent.mkdir()
    followed.touch()
    with daemon(short_path, followed) as listening:
        runs = {"file": _record(followed, LogSettings(("file",)))}
        for way, address in listening.addresses.items():
            log = short_path / way / "audit.jsonl"
            wait = (lambda sent, run: listening.wait_for(sent, (run,))) if address.transport == "udp" else None
            runs[way] = _record(log, LogSettings(("file", "syslog"), syslog=(address,)), wait=wait)
        received = listening.wait_for(_MANY, (run for run, _ in runs.values()))
    assert runs.keys() == {"unix", "udp", "tcp", "udp5424", "tcp5424", "file"}
    assert max(map(len, runs["tcp"][1])) > _KEPT_BY_RSYSLOG
    for way, (run, lines) in runs.items():
        assert len(lines) == _MANY, way
        for line in received[run]:
            assert _PROGRAM.match(line), (way, line[:120])
        copies = Copies()
        copies.add(way, received[run])
        found = Verifier(copies).read([short_path / way])
        assert (found.is_whole, found.compared, copies.of[way].unread) == (True, _MANY, 0), way
        # A line of the file is cut by rsyslog that follows it; what we have sent is not.
        assert not found.cut or way == "file"


def test_journal_keeps_what_the_file_has(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not JOURNAL_REMOTE.exists() or shutil.which("journalctl") is None:
        pytest.skip("missing: systemd-journal-remote, or journalctl")
    with journal(short_path) as taking:
        monkeypatch.setattr(sinks, "JOURNAL", str(taking.path))
        _, lines = _record(short_path / "audit.jsonl", LogSettings(("file", "journald")), _NO_DATAGRAM)
        _wait_for(taking, len(lines))
        taking.upload()
        entries = taking.read()
    assert [entry["MESSAGE"].encode() for entry in entries] == lines
    assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"indexguard"}
    assert [entry["INDEXGUARD_EVENT"] for entry in entries] == ["dropped"] * (_MANY - 1) + ["sealed"]
    assert entries[0]["INDEXGUARD_CODE"] == "file-elsewhere"


def test_journald_as_it_is_shipped_knows_the_program_and_keeps_every_event(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why_not = find_journald()
    if why_not is not None:
        pytest.skip(why_not)
    with journald(short_path) as taking:
        monkeypatch.setattr(sinks, "JOURNAL", str(taking.socket))
        by_syslog, by_protocol = short_path / "syslog" / "audit.jsonl", short_path / "own" / "audit.jsonl"
        _record(by_syslog, LogSettings(("file", "syslog"), syslog=(taking.syslog,)))
        _record(by_protocol, LogSettings(("file", "journald")))
        taking.wait_for(2 * _MANY)
        whole, usual = taking.read("--all"), taking.read()
    copies = Copies()
    copies.add("journalctl --all", whole)
    found = Verifier(copies).read([by_syslog, by_protocol])
    assert (found.is_whole, found.compared, found.cut) == (True, 2 * _MANY, 0)
    # Without --all it leaves out what is longer than 4 KiB: that is counted, and not called missing.
    copies = Copies()
    copies.add("journalctl", usual)
    assert Verifier(copies).read([by_syslog, by_protocol]).is_whole
    assert copies.of["journalctl"].unread + copies.of["journalctl"].events == 2 * _MANY
    assert copies.of["journalctl"].unread > _MANY // 2
