"""Copies of a log as those make them who keep one: syslog, the journal, shippers, containers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest

from indexguard.audit.event import EventFields, Offer
from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from indexguard.audit.shortening import shorten
from indexguard.logs.chain import Verification, Verifier
from indexguard.logs.copies import Copies

HOST = {"name": "build-7", "architecture": "x86_64"}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.jsonl"
    recorder = Recorder(RunContext.of_process("26.3", argv=["pip", 'a"\\b']), path)
    offers = [Offer(f"{number}.0", f"a-{number}.0.zip", None, "https://a.example/a.zip") for number in range(60)]
    recorder.record(
        "dropped", "file-elsewhere", EventFields(name="acme", message='\u00e4 {"schema":1} "', offered=offers)
    )
    recorder.record("selected", None, EventFields(name="acme"))
    recorder.seal(0)
    return path


def compare(log: Path, *copied: bytes) -> tuple[Verification, Copies]:
    copies = Copies()
    copies.add("copy", copied)
    return Verifier(copies).read([log]), copies


def dumped(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def wrapped(key: str, **more: Any) -> Callable[[bytes], bytes]:
    return lambda line: dumped(**{**more, key: line.decode()})


def _reordered(line: bytes) -> bytes:
    return json.dumps(json.loads(line), sort_keys=True).encode()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "the file": lambda line: line + b"\n",
    "rsyslog": lambda line: b"Nov 30 02:11:00 build-7 indexguard[412]: " + line + b"\n",
    "journalctl": wrapped("MESSAGE", SYSLOG_IDENTIFIER="indexguard", PRIORITY="4"),
    "journalctl, bytes": lambda line: dumped(SYSLOG_IDENTIFIER="indexguard", MESSAGE=list(line)),
    "Filebeat": wrapped("message", host=HOST, log={"offset": 0, "file": {"path": "/var/log/indexguard/audit.jsonl"}}),
    "Vector": wrapped("message", file="/var/log/indexguard/audit.jsonl", source_type="file"),
    "Fluent Bit": wrapped("log", date=1764468660.1),
    "Fluent Bit, forward": lambda line: json.dumps(["tail.0", [1764468660, {"log": line.decode()}]]).encode(),
    "Docker": lambda line: dumped(log=line.decode() + "\n", stream="stderr", time="2026-11-30T02:11:00Z"),
    "containerd": lambda line: b"2026-11-30T02:11:00.1Z stderr F " + line,
    "a shipper of what Docker keeps": lambda line: dumped(message=FORMS["Docker"](line).decode()),
    "journalctl -o json-pretty": lambda line: b'\t"MESSAGE" : ' + json.dumps(line.decode()).encode() + b",",
    "journalctl -o export": lambda line: b"MESSAGE=" + line,
    "syslog of a shipper": lambda line: b"Nov 30 02:11:00 build-7 vector[7]: [a] {x} " + FORMS["Vector"](line),
    "octets counted": lambda line: b"99 <84>1 " + line + b"99 <84>1 " + line,
    "Elasticsearch": lambda line: dumped(_index="logs", _source={"message": line.decode()}),
    "bulk in one line": lambda line: json.dumps([{"message": line.decode()}]).encode(),
}
DECODED: dict[str, Callable[[bytes], bytes]] = {
    "Filebeat": lambda line: dumped(**{"@timestamp": "now", **json.loads(line), "host": HOST}),
    "Vector": _reordered,
    "Fluent Bit": lambda line: dumped(date=1, **{k: v for k, v in json.loads(line).items() if k != "time"}),
    "below a key": lambda line: dumped(indexguard=json.loads(line)),
    "behind the fields": lambda line: json.dumps({**json.loads(line), "@version": "1"}, separators=(",", ":")).encode(),
    "without nulls": lambda line: dumped(x=1, **{k: v for k, v in json.loads(line).items() if v is not None}),
}


@pytest.mark.parametrize("form", FORMS)
def test_copy_in_the_form_of_whoever_made_it(log: Path, form: str) -> None:
    lines = log.read_bytes().splitlines()
    copied = [FORMS[form](line) for line in lines]
    found, copies = compare(log, *copied, *copied)
    assert (found.is_whole, found.compared, found.by_fields, copies.of["copy"].unread) == (True, 3, 0, 0)
    assert copies.of["copy"].events == (12 if form == "octets counted" else 6)
    log.write_bytes(b"".join(line + b"\n" for line in lines[:2]))
    found, _ = compare(log, *copied)
    assert (found.is_whole, len(found.missing)) == (False, 1)
    assert found.missing[0].endswith("3  sealed")


@pytest.mark.parametrize("form", DECODED)
def test_copy_that_a_shipper_has_written_anew(log: Path, form: str) -> None:
    copied = list(map(DECODED[form], log.read_bytes().splitlines()))
    found, _ = compare(log, *copied)
    assert (found.is_whole, found.compared, found.by_fields) == (True, 3, 3)
    log.write_bytes(log.read_bytes().replace(b'"name":"acme"', b'"name":"acne"'))
    found, _ = compare(log, *copied)
    assert (found.is_whole, len(found.missing)) == (False, 2)


@pytest.mark.parametrize("form", ["rsyslog", "journalctl", "Docker"])
def test_shortened_event_in_every_form(log: Path, form: str) -> None:
    lines = log.read_bytes().splitlines()
    found, _ = compare(log, *(FORMS[form](shorten(line, json.loads(line), 1000)) for line in lines))
    assert (found.is_whole, found.compared, found.cut) == (True, 3, 0)


@pytest.mark.parametrize("form", ["rsyslog", "Docker", "containerd"])
def test_event_that_was_cut_off_is_compared_as_far_as_it_goes(log: Path, form: str) -> None:
    """As older versions of this package sent them, and rsyslog cut them; Docker and containerd cut at 16 KiB."""
    first, *others = log.read_bytes().splitlines()
    copied = [FORMS[form](first[:4096]), FORMS[form](first[4096:]), *map(FORMS[form], others)]
    found, _ = compare(log, *copied)
    assert (found.is_whole, found.compared, found.cut) == (True, 3, 1)
    log.write_bytes(log.read_bytes().replace(b'"code":"file-elsewhere"', b'"code":"file-elsewhepe"'))
    found, _ = compare(log, *copied)
    assert len(found.missing) == 1
    assert found.missing[0].endswith("1  (only its beginning is there)")


@pytest.mark.parametrize(
    "line",
    [
        dumped(SYSLOG_IDENTIFIER="indexguard", MESSAGE=None),
        dumped(INDEXGUARD_RUN="ab", MESSAGE=None),
        b'{"schema":1,"time":"2026',
        b'{"message":"{\\"schema\\":1,\\"time\\":',
        b'{"shortened":9,"sha',
    ],
)
def test_line_of_ours_without_an_event_is_counted(log: Path, line: bytes) -> None:
    found, copies = compare(log, *log.read_bytes().splitlines(), line)
    assert (found.is_whole, copies.of["copy"].unread) == (True, 1)
    found, _ = compare(log, line)
    assert (found.is_whole, found.is_changed, found.empty) == (False, False, ["copy"])


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[1,2", b"schema", b"[" * 100_000 + b"schema", b'{"schema":' * 10_000, dumped(schema=[300, -1])],
)
def test_what_is_no_event_is_none(log: Path, line: bytes) -> None:
    assert compare(log, line)[0].empty == ["copy"]
