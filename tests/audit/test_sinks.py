"""Sockets and descriptors that take events, those that do not, and those that never answer."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integration.harness.children import run_child

from indexguard.audit import output as output_module
from indexguard.audit import sinks
from indexguard.audit.event import EventFields, Offer, build_event
from indexguard.audit.line import digest, encode
from indexguard.audit.output import Output
from indexguard.audit.run_context import RunContext
from indexguard.audit.shortening import shorten
from indexguard.audit.sinks import Journal, Syslog, format_journal, format_syslog
from indexguard.audit.writer import AuditLog
from indexguard.logs.chain import Verifier
from indexguard.logs.copies import Copies
from indexguard.policy.log import LogSettings, SyslogAddress

CONTEXT = RunContext.of_process("26.3", argv=["pip", "install", "acme-core"])
EVENT = build_event(CONTEXT, 1, "refused", "unmatched-name", EventFields(name="acme-core"))
SOURCE = Path(sys.modules[Output.__module__].__file__ or "").parents[2]


@contextmanager
def datagrams(family: int, place: object) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.bind(place)  # type: ignore[arg-type]  # an address
        server.settimeout(30)
        yield server


def output(path: Path, *names: str, syslog: tuple[SyslogAddress, ...] = ()) -> Output:
    return Output(LogSettings(names, syslog=syslog), path, CONTEXT.run)


DEV_LOG = SyslogAddress("unix", "/dev/log")
UDP = SyslogAddress("udp", "logs.corp.example", 514)


def text_of(message: bytes) -> bytes:
    """Return the text of a message in the BSD form."""
    return message.partition(b": ")[2]


def split(message: bytes) -> tuple[list[bytes], bytes]:
    """Return the head of a syslog message (RFC 5424), in words, and its text."""
    *head, text = message.split(b" ", 7)
    return head, text


def test_message_is_as_the_rfc_has_it() -> None:
    head, text = split(format_syslog(b'{"a": 1}', EVENT, UDP))
    assert head == [
        b"<84>1",  # authpriv, warning
        EVENT["time"].encode(),
        CONTEXT.host.encode(),
        b"indexguard",
        CONTEXT.run.encode(),
        b"refused",
        b"-",
    ]
    assert text == b'{"a": 1}'
    assert format_syslog(b"", {"event": "guard-failed"}, UDP).startswith(b"<83>1 - - indexguard - guard-failed - ")
    assert format_syslog(b"", {"event": "selected", "host": "a b\n"}, UDP).startswith(b"<86>1 - ab ")


def test_message_for_a_local_socket_is_as_syslog_of_the_c_library_sends_it() -> None:
    """Its daemons take the first word before a colon for the program, whatever version stands behind the priority."""
    pattern = rb"<84>[A-Z][a-z]{2} [ 123][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} indexguard\[%d\]: {}" % os.getpid()
    assert re.fullmatch(pattern, format_syslog(b"{}", EVENT, DEV_LOG))
    over_udp = format_syslog(b"{}", EVENT, UDP._replace(form="bsd"))
    assert re.fullmatch(pattern.replace(b"} i", b"} %b i" % CONTEXT.host.encode()), over_udp)
    assert split(format_syslog(b"{}", EVENT, DEV_LOG._replace(form="rfc5424")))[0][0] == b"<84>1"


def test_syslog_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with datagrams(socket.AF_UNIX, str(path)) as server:
        out = output(tmp_path / "audit.jsonl", "file", "syslog", syslog=(SyslogAddress("unix", str(path)),))
        out.write(EVENT)
        out.write({**EVENT, "seq": 2})
        received = [text_of(server.recv(65536)) for _ in range(2)]
    assert received == (tmp_path / "audit.jsonl").read_bytes().splitlines()
    assert out.problem is None


def test_who_does_not_listen_is_an_obstacle(tmp_path: Path) -> None:
    with datagrams(socket.AF_UNIX, str(tmp_path / "log")):
        assert Syslog(SyslogAddress("unix", str(tmp_path / "log"))).find_obstacle() is None
        assert Journal(str(tmp_path / "log")).find_obstacle() is None
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = SyslogAddress("tcp", "127.0.0.1", server.getsockname()[1])
        assert Syslog(address).find_obstacle() is None
    assert Syslog(address).find_obstacle() == "Connection refused"
    assert Journal(str(tmp_path / "none")).find_obstacle() == "No such file or directory"
    assert Syslog(SyslogAddress("udp", "no-such-host.invalid", 514)).find_obstacle() is not None
    assert Syslog(SyslogAddress("tcp", "a..example", 514)).find_obstacle() == "that is no host name"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_syslog_over_udp(tmp_path: Path, host: str) -> None:
    with datagrams(socket.AF_INET, ("127.0.0.1", 0)) as server:
        out = output(tmp_path / "none", "syslog", syslog=(SyslogAddress("udp", host, server.getsockname()[1]),))
        # A name may mean another family first, where nobody listens; over UDP nobody tells.
        addresses = {found[4][0] for found in socket.getaddrinfo(host, 1, type=socket.SOCK_DGRAM)}
        if addresses != {"127.0.0.1"}:
            pytest.skip(f"{host} is {', '.join(sorted(map(str, addresses)))} here")
        out.write(EVENT)
        assert json.loads(split(server.recv(65536))[1]) == {**EVENT, "prev": None}
    assert out.problem is None
    assert not (tmp_path / "none").exists()


def test_syslog_over_tcp_counts_octets_and_connects_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        out = output(tmp_path / "none", "syslog", syslog=(SyslogAddress("tcp", "127.0.0.1", server.getsockname()[1]),))
        out.write(EVENT)
        first, _ = server.accept()
        with first, first.makefile("rb") as file:
            for _ in range(2):
                length = int(b"".join(iter(lambda: file.read(1), b" ")))
                assert json.loads(split(file.read(length))[1])["name"] == "acme-core"
                out.write(EVENT)
        first.close()
        sent = 0
        while sent < 5 and out.problem is None:  # the first after the end may go nowhere: TCP says so only later
            out.write({**EVENT, "seq": sent})
            sent += 1
        second, _ = server.accept()
        second.close()
    assert out.problem is None


def test_connection_ends_with_the_run(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        out = output(tmp_path / "none", "syslog", syslog=(SyslogAddress("tcp", "127.0.0.1", server.getsockname()[1]),))
        for _ in range(2):
            out.write({**EVENT, "event": "sealed"})
            first, _ = server.accept()
            with first, first.makefile("rb") as file:
                assert b'"event":"sealed"' in file.read()  # to its end
    assert out.problem is None


def test_message_that_went_half_way_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon would take the next one for the rest of it, to the number of octets that were promised."""
    monkeypatch.setattr(sinks, "SEND_WAIT", 0.05)
    monkeypatch.setattr(sinks, "LONGEST_MESSAGE", 30_000_000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        out = output(tmp_path / "none", "syslog", syslog=(SyslogAddress("tcp", "127.0.0.1", server.getsockname()[1]),))
        out.write({**EVENT, "message": "x" * 20_000_000})
        assert out.problem is not None
        first, _ = server.accept()
        first.settimeout(30)
        with first:
            while first.recv(1_000_000):  # until the sender hangs up
                pass
        out.write({**EVENT, "name": "next"})
        second, _ = server.accept()
        with second, second.makefile("rb") as file:
            length = int(b"".join(iter(lambda: file.read(1), b" ")))
            assert json.loads(split(file.read(length))[1])["name"] == "next"


_EVIL = "\N{TAG LATIN SMALL LETTER A}" * 500
"""How long the names of files are is the choice of whoever owns the index."""


def large(text: str, files: int) -> dict[str, Any]:
    offers = [Offer(f"{number}.0", text, text, f"https://a.example/{text}") for number in range(files)]
    return build_event(
        CONTEXT, 1, "shadowed", "shadowed-name", EventFields(name="acme-core", versions=[text] * files, offered=offers,
        index_asked=f"https://a.example/{text}", message=text, files=files, chosen=(offers[0], "https://a.example/")),
    )  # fmt: skip


@pytest.mark.parametrize("transport", ["unix", "udp", "tcp"])
@pytest.mark.parametrize(("text", "files"), [("acme_core-1.0-py3-none-any.whl", 60), (_EVIL, 60), (_EVIL, 1)])
def test_no_message_is_longer_than_what_a_daemon_keeps(tmp_path: Path, transport: str, text: str, files: int) -> None:
    event, log = large(text, files), AuditLog(tmp_path / "audit.jsonl")
    line = log.write(event)
    message = format_syslog(line, event, SyslogAddress(transport, "/dev/log", 514))
    assert len(message) <= 8000
    told = message[message.index(b'{"shortened":') :]
    found = json.loads(told)
    assert (found["shortened"], found["sha256"]) == (len(line), digest(line))
    for key in ("schema", "time", "run", "seq", "event", "code", "name", "rule", "files", "policy"):
        assert found[key] == event[key]
    assert len(found["offered"]) + found["more_offered"] == files
    if text != _EVIL:
        assert {
            **found,
            "offered": event["offered"],
            "more_offered": 10,
            "versions": event["versions"],
        } | event == found | event
        assert found["chosen"] == event["chosen"]
        assert len(found["offered"]) > 10
    copies = Copies()
    copies.add("syslog", [message])
    verified = Verifier(copies).read([tmp_path])
    assert (verified.is_whole, verified.compared) == (True, 1)


def test_event_that_a_small_datagram_does_not_hold_is_shortened_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over a local socket of macOS."""
    sent: list[bytes] = []

    def deliver(_sink: Syslog, message: bytes) -> None:
        if len(message) > 2048:
            raise OSError(errno.EMSGSIZE, "Message too long")
        sent.append(message)

    monkeypatch.setattr(Syslog, "_deliver", deliver)
    for text in ("acme_core-1.0-py3-none-any.whl", _EVIL):
        out = output(tmp_path / "audit.jsonl", "file", "syslog", syslog=(DEV_LOG,))
        out.write(large(text, 60))
        assert out.problem is None
        assert json.loads(text_of(sent[-1]))["name"] == "acme-core"
    assert len(sent) == 2


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.text(max_size=20), st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)),
    st.sampled_from([1000, 2000, 8000]), st.integers(1, 60),
)  # fmt: skip
def test_whatever_an_event_holds_fits(fields: dict[str, Any], limit: int, times: int) -> None:
    event = {**EVENT, **fields, "offered": [fields] * times, "kept": ["1.0"] * times, "odd": [fields] * times}
    line = encode(event)
    short = shorten(line, event, limit)
    assert len(short) <= limit
    found = json.loads(short)
    assert (found["shortened"], found["sha256"]) == (len(line), digest(line))


def test_journal_gets_fields_with_their_lengths(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with datagrams(socket.AF_UNIX, str(path)) as server:
        Journal(str(path)).send(b'{"a":1}', EVENT)
        received = server.recv(65536)
    assert received == format_journal(b'{"a":1}', EVENT)
    assert received.startswith(b'MESSAGE\n\x07\0\0\0\0\0\0\0{"a":1}\nPRIORITY\n')
    assert b"INDEXGUARD_EVENT\n\x07\0\0\0\0\0\0\0refused\n" in received


@pytest.mark.skipif(sys.platform != "linux", reason="files in memory are Linux's")
def test_journal_gets_what_is_too_large_as_a_sealed_file(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    large = b'{"a":"' + b"x" * 2_000_000 + b'"}'
    with datagrams(socket.AF_UNIX, str(path)) as server:
        Journal(str(path)).send(large, EVENT)
        data, control, _, _ = server.recvmsg(65536, socket.CMSG_SPACE(4))
    assert data == b""
    descriptor = int.from_bytes(control[0][2], sys.byteorder)
    try:
        assert os.pread(descriptor, 3_000_000, 0) == format_journal(large, EVENT)
        with pytest.raises(PermissionError):
            os.write(descriptor, b"changed")
    finally:
        os.close(descriptor)


def test_standard_error_gets_the_line(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from indexguard.audit.recorder import EventFields, Recorder, RunContext, LogSettings\n"
        "recorder = Recorder(RunContext.of_process('26.3', argv=[]), Path(sys.argv[2]), LogSettings(('file', 'stderr')))\n"
        "print('before', file=sys.stderr, end='\\n')\n"
        "recorder.record('selected', None, EventFields(name='a'))\n"
        "sys.exit(recorder.problem)\n"
    )
    path = tmp_path / "audit.jsonl"
    done = subprocess.run([sys.executable, "-c", script, str(SOURCE), str(path)], capture_output=True, check=True)
    assert done.stderr == b"before\n" + path.read_bytes()


def test_sink_that_is_not_there_is_a_problem_and_the_file_has_the_event(tmp_path: Path) -> None:
    nowhere = (SyslogAddress("unix", str(tmp_path / "nobody")), SyslogAddress("tcp", "127.0.0.1", 1))
    out = output(tmp_path / "audit.jsonl", "file", "syslog", syslog=nowhere)
    out.write(EVENT)
    assert out.problem == (
        f"an event cannot be written to the audit log: syslog unix:{tmp_path}/nobody: No such file or directory"
    )
    assert len((tmp_path / "audit.jsonl").read_bytes().splitlines()) == 1


_RUN = """
import os, sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from indexguard.audit.recorder import EventFields, Recorder, RunContext, LogSettings
from indexguard.policy.log import SyslogAddress
settings = LogSettings(("stderr", "file", "syslog"), (SyslogAddress("unix", sys.argv[2]),))
recorder = Recorder(RunContext.of_process("26.3", argv=[]), Path(sys.argv[3]), settings)
spoil = {
    "gone": lambda: setattr(sys, "stderr", None),
    "odd": lambda: setattr(sys, "stderr", type("Odd", (), {"flush": lambda self: 1 // 0})()),
    "closed later": lambda: os.close(2),
}.get(sys.argv[4])
if spoil: spoil()
for _ in range(2): recorder.record("selected", None, EventFields(name="a"))
Path(sys.argv[3] + ".told").write_text(str(recorder.problem))
os._exit(0)  # nothing is flushed
"""


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("closed", "an event cannot be written to the audit log: stderr: it is closed"),
        ("closed later", "an event cannot be written to the audit log: stderr: it is closed"),
        ("full", "an event cannot be written to the audit log: stderr: No space left on device"),
        ("gone", "None"),
        ("odd", "None"),
    ],
)
def test_standard_error_that_takes_nothing_keeps_no_other_place_from_the_event(
    tmp_path: Path, how: str, told: str
) -> None:
    log, words = tmp_path / "audit.jsonl", {"closed": " 2>&-", "full": " 2>/dev/full"}.get(how, "")
    with datagrams(socket.AF_UNIX, str(tmp_path / "log")) as server:
        run_child(
            ["/bin/sh", "-c", f'exec "$@"{words}', "sh", sys.executable, "-c", _RUN, str(SOURCE), str(tmp_path / "log"), log, how],
            check=True,
        )  # fmt: skip
        received = [server.recv(65536)[-len(line) :] for line in log.read_bytes().splitlines()]
    assert received == log.read_bytes().splitlines()
    assert len(received) == 2
    assert log.with_name("audit.jsonl.told").read_text() == told


def test_what_opened_the_number_of_a_closed_standard_error_is_not_written_to(tmp_path: Path) -> None:
    script = f"import os, sys; os.open(sys.argv[5], os.O_CREAT | os.O_RDWR)\n{_RUN}"
    wheel = tmp_path / "a.whl"
    run_child(
        ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", script, str(SOURCE), str(tmp_path), str(tmp_path / "l"), "", wheel],
        check=True,
    )  # fmt: skip
    assert (tmp_path / "l.told").read_text() == "an event cannot be written to the audit log: stderr: it is closed"
    assert wheel.read_bytes() == b""


def test_place_that_hangs_keeps_no_other_place_from_the_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that does not answer, or a standard error that nobody reads, of another layer."""
    monkeypatch.setattr(output_module, "PATIENCE", 0.2)
    released = threading.Event()
    monkeypatch.setattr(sinks.StandardError, "send", lambda *_: released.wait())
    with datagrams(socket.AF_UNIX, str(tmp_path / "log")) as server:
        out = output(
            tmp_path / "audit.jsonl", "stderr", "file", "syslog", syslog=(SyslogAddress("unix", str(tmp_path / "log")),)
        )
        for number in range(3):
            out.write({**EVENT, "seq": number})
        lines = (tmp_path / "audit.jsonl").read_bytes().splitlines()
        assert [server.recv(65536)[-len(line) :] for line in lines] == lines
    assert len(lines) == 3
    assert out.problem is not None
    assert "stderr: nothing was taken within 0.2 seconds; it is given up for this run" in out.problem
    released.set()


def test_file_that_hangs_keeps_no_other_place_from_the_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_module, "PATIENCE", 0.2)
    released = threading.Event()
    monkeypatch.setattr(AuditLog, "write", lambda *_: released.wait())
    with datagrams(socket.AF_UNIX, str(tmp_path / "log")) as server:
        out = output(tmp_path / "audit.jsonl", "file", "syslog", syslog=(SyslogAddress("unix", str(tmp_path / "log")),))
        for number in range(2):
            out.write({**EVENT, "seq": number})
        received = [json.loads(text_of(server.recv(65536))) for _ in range(2)]
    assert [(event["seq"], event["prev"]) for event in received] == [(0, None), (1, None)]
    released.set()


def test_reader_that_reads_nothing_does_not_hang_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "SEND_WAIT", 0.05)
    monkeypatch.setattr(sinks, "LONGEST_MESSAGE", 30_000_000)
    monkeypatch.setattr(sinks, "LONGEST_MESSAGE", 30_000_000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        out = output(tmp_path / "none", "syslog", syslog=(SyslogAddress("tcp", "127.0.0.1", server.getsockname()[1]),))
        while out.problem is None:  # until all buffers are full
            out.write({**EVENT, "message": "x" * 1_000_000})
    assert "timed out" in out.problem or "TimeoutError" in out.problem


@pytest.mark.parametrize("is_pips_own", [True, False])
def test_only_where_pip_itself_writes_is_written_without_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_pips_own: bool
) -> None:
    place = str(tmp_path) if is_pips_own else "/proc"  # another file system
    monkeypatch.setattr("sys.prefix", place)
    monkeypatch.setattr("tempfile.tempdir", place)
    writers = []
    write = AuditLog.write

    def note(log: AuditLog, event: dict[str, object]) -> bytes:
        writers.append(threading.current_thread() is threading.main_thread())
        return write(log, event)

    monkeypatch.setattr(AuditLog, "write", note)
    for names in (("file",), ("file", "stderr")):
        out = output(tmp_path / "audit.jsonl", *names)
        for _ in range(3):
            out.write(EVENT)
        assert out.problem is None
    assert writers == [False, is_pips_own, is_pips_own] * 2


def test_target_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a network file system hangs: in the kernel, whatever the flags."""
    monkeypatch.setattr(output_module, "PATIENCE", 0.05)
    released = threading.Event()
    monkeypatch.setattr(AuditLog, "write", lambda *_: released.wait())
    out = output(tmp_path / "audit.jsonl", "file")
    out.write(EVENT)
    out.write(EVENT)
    assert out.problem is not None
    assert re.search("nothing was written within .* seconds", out.problem)
    released.set()
