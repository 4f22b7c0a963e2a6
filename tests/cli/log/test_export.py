"""The audit log for other systems, from files to a file."""

from __future__ import annotations

import csv
import gzip
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from indexguard.audit.kinds import ROUTINE
from indexguard.cli.console import Console
from indexguard.cli.log import export as export_command
from indexguard.cli.parsing import BadInputError, make_parser
from indexguard.logs.export.formats import FORMATS
from support.log_events import KINDS, sample
from support.shell import Answer, Shell


class Exporter:
    """Runs the command in this process."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def __call__(self, *argv: str) -> Answer:
        """Run it."""
        self._shell.capsys.readouterr()
        parser = make_parser("indexguard", (export_command.COMMAND,), "0")
        console = Console.standard()
        code = export_command.COMMAND.run(parser.parse_args(["log export", *argv]), console)
        console.flush()
        return Answer(code, *self._shell.capsys.readouterr())


@pytest.fixture
def export(shell: Shell) -> Exporter:
    """The command, in a home without a log."""
    return Exporter(shell)


@pytest.fixture
def log(shell: Shell) -> Path:
    """A log of one event of each kind."""
    path = shell.home / "audit.jsonl"
    path.write_text("".join(json.dumps(sample(kind)) + "\n" for kind in KINDS), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", FORMATS)
def test_output_is_the_same_to_a_file(export: Exporter, log: Path, form: str) -> None:
    printed = export("--format", form, str(log))
    assert printed.code == 0
    answer = export("--format", form, "-o", "out", str(log))
    assert (answer.code, answer.out) == (0, "")
    written = Path("out").read_bytes()
    assert written.decode("utf-8") == printed.out
    assert written
    count = len(KINDS) - (len(ROUTINE) if form in ("sarif", "github") else 0)
    assert f"wrote out: {count} events" in answer.err
    assert (f"{len(ROUTINE)} events of routine left out" in answer.err) is (count < len(KINDS))
    assert stat.S_IMODE(Path("out").stat().st_mode) == 0o640
    assert {path.name for path in Path().iterdir()} == {"audit.jsonl", "out"}


def test_own_log_is_the_default(export: Exporter, shell: Shell) -> None:
    folder = shell.home / "logs"
    folder.mkdir()
    shell.monkeypatch.setattr("indexguard.cli.log.source.log_path", lambda: folder / "audit.jsonl")
    (folder / "audit.jsonl").write_text(json.dumps(sample("refused")) + "\n", encoding="utf-8")
    (folder / "audit-20260101T000000.000000Z.jsonl.gz").write_bytes(
        gzip.compress(json.dumps(sample("shadowed")).encode() + b"\n")
    )
    answer = export("--format", "ecs")
    assert [json.loads(line)["event"]["code"] for line in answer.out.splitlines()] == [
        "shadowed-name",
        "unmatched-name",
    ]


@pytest.mark.parametrize(("form", "out"), [("ecs", ""), ("github", ""), ("cef", "")])
def test_nothing_to_export(export: Exporter, form: str, out: str) -> None:
    Path("audit.jsonl").touch()
    with pytest.raises(BadInputError, match=r"there is no event in audit\.jsonl"):
        export("--format", form, "audit.jsonl")
    Path("audit.jsonl").write_text(json.dumps(sample("selected")) + "\n")
    assert export("--format", form, "--code", "direct-url", "audit.jsonl").out == out


def test_empty_documents_are_whole(export: Exporter) -> None:
    Path("audit.jsonl").write_text(json.dumps(sample("selected")) + "\n")
    assert export("--format", "sarif", "audit.jsonl").json["runs"][0]["results"] == []
    assert export("--format", "csv", "--code", "direct-url", "audit.jsonl").out.startswith("time,event,code,")


def test_torn_foreign_and_timeless_lines_are_counted(export: Exporter, log: Path) -> None:
    whole = log.read_bytes()
    log.write_bytes(b"\xff\n{\n" + whole + json.dumps(sample("refused", time="now")).encode() + b"\n" + whole[:50])
    answer = export("--format", "cef", str(log))
    assert answer.code == 0
    assert len(answer.out.splitlines()) == len(KINDS)
    assert "3 lines left out, not a whole event" in answer.err
    assert "1 event left out, whose time is none" in answer.err


def test_terminal_gets_nothing_raw(export: Exporter) -> None:
    hostile = "\x1b[2J\x9b\u202e\r\n\ud800\x00::error::x"
    events = [
        sample(kind, name=hostile, message=hostile, host=hostile, command=[hostile], code=code)
        for kind in KINDS
        for code in ("shadowed-name", hostile)
    ]
    Path("audit.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    for form in FORMATS:
        printed = export("--format", form, "audit.jsonl").out
        assert printed
        assert all(line.isprintable() for line in printed.replace("\r\n", "\n").split("\n")), form


def test_text_beyond_ascii_is_utf_8_whatever_the_locale(export: Exporter) -> None:
    Path("audit.jsonl").write_text(json.dumps(sample("refused", message="f\xfcr alle")) + "\n", encoding="utf-8")
    export("--format", "csv", "-o", "out.csv", "audit.jsonl")
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["message"] == "f\xfcr alle"


@pytest.mark.parametrize("log_is", ["audit.jsonl", "."])
@pytest.mark.parametrize("output", ["audit.jsonl", "../home/audit.jsonl", "link"])
def test_log_is_never_overwritten(export: Exporter, log: Path, output: str, log_is: str) -> None:
    before = log.read_bytes()
    Path("link").symlink_to("audit.jsonl")
    with pytest.raises(BadInputError, match=f"^cannot write {output}: audit logs are read there; choose another"):
        export("--format", "csv", "-o", output, log_is)
    assert log.read_bytes() == before
    assert {path.name for path in Path().iterdir()} == {"audit.jsonl", "link"}


@pytest.mark.parametrize("output", ["own/audit.jsonl", "own/new.jsonl", "own/audit-2026.jsonl.gz"])
def test_export_is_never_put_among_the_logs(export: Exporter, log: Path, shell: Shell, output: str) -> None:
    own = shell.home / "own" / "audit.jsonl"
    own.parent.mkdir()
    own.write_text("{}\n", encoding="utf-8")
    shell.monkeypatch.setattr("indexguard.cli.log.export.log_path", lambda: own)
    with pytest.raises(BadInputError, match="audit logs are read there"):
        export("--format", "csv", "-o", output, str(log))
    assert [path.name for path in own.parent.iterdir()] == ["audit.jsonl"]
    assert export("--format", "csv", "-o", "own/audit.csv", str(log)).code == 0


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        (["--code", "shadowed-name"], ["shadowed"]),
        (["--event", "refused", "--event", "selected"], ["refused", "selected"]),
        (["--since", "2999-01-01"], []),
        (["--name", "acme-*", "--rule", "no such"], []),
    ],
)
def test_filters(export: Exporter, log: Path, options: list[str], kinds: list[str]) -> None:
    answer = export("--format", "ocsf", *options, str(log))
    assert [json.loads(line)["metadata"]["event_code"] for line in answer.out.splitlines()] == kinds


def test_earlier_export_is_replaced(export: Exporter, log: Path) -> None:
    for form in FORMATS:
        assert export("--format", form, "-o", "out", str(log)).code == 0
        with Path("out").open("a", encoding="utf-8") as file:
            file.write("old")
        assert export("--format", "github", "-o", "out", str(log)).code == 0
        assert "old" not in Path("out").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "content", ["version = 1\n", '{"schema":1,"event":"selected","name":"indexguard"}\n', "\n", "\0" * 5000]
)
def test_foreign_file_is_not_overwritten(export: Exporter, log: Path, content: str) -> None:
    Path("policy.toml").write_text(content, encoding="utf-8")
    with pytest.raises(BadInputError, match="it is there already and is no export of this command"):
        export("--format", "ecs", "-o", "policy.toml", str(log))
    assert Path("policy.toml").read_text(encoding="utf-8") == content


def test_drills_are_left_out(export: Exporter, log: Path) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(sample("refused", name="drilled", drill=True)) + "\n")
    assert "drilled" not in export("--format", "cef", str(log)).out
    assert "drilled" in export("--format", "cef", "--drills", str(log)).out


def test_failure_leaves_the_earlier_export(export: Exporter, log: Path) -> None:
    Path("out").write_text("old", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"cannot read the audit log missing\.jsonl: there is no such file"):
        export("--format", "ecs", "-o", "out", str(log), "missing.jsonl")
    assert Path("out").read_text(encoding="utf-8") == "old"
    assert {path.name for path in Path().iterdir()} == {"audit.jsonl", "out"}


def test_link_is_followed(export: Exporter, log: Path) -> None:
    Path("elsewhere").mkdir()
    Path("link").symlink_to("elsewhere/out")
    Path("loop").symlink_to("loop")
    for output in ("link", "loop"):
        assert export("--format", "github", "-o", output, str(log)).code == 0
    assert Path("link").is_symlink()
    assert Path("elsewhere/out").read_bytes() == Path("loop").read_bytes()


def test_named_pipe_is_written_to(export: Exporter, log: Path) -> None:
    os.mkfifo("pipe")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(Path("pipe").read_bytes()))
    reader.start()
    assert export("--format", "github", "-o", "pipe", str(log)).code == 0
    reader.join()
    assert received[0].count(b"\n") == len(KINDS) - len(ROUTINE)


@pytest.mark.parametrize(
    ("output", "reason"),
    [("missing/out", "No such file or directory"), ("..", "Is a directory"), ("audit.jsonl/out", "Not a directory")],
)
def test_output_that_cannot_be_written(export: Exporter, log: Path, output: str, reason: str) -> None:
    with pytest.raises(BadInputError, match=f"^cannot write {output}: {reason}$"):
        export("--format", "ecs", "-o", output, str(log))


@pytest.mark.parametrize("argv", [[], ["--format", "leef"], ["--format"]])
def test_format_is_required(export: Exporter, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        export(*argv)
    assert stop.value.code == 2
    assert "--format" in capsys.readouterr().err


def test_help_names_every_format() -> None:
    described = export_command.COMMAND.description
    assert all(f"\n  {name}  " in described for name in FORMATS)
    parser = make_parser("indexguard", (export_command.COMMAND,), "0")
    words = export_command.COMMAND.example.split()
    assert max(map(len, export_command.COMMAND.usage.splitlines())) <= 80
    assert parser.parse_args([" ".join(words[1:3]), *words[3:]]).command is export_command.COMMAND
