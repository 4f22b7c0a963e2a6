"""The schema of the audit log, printed."""

from __future__ import annotations

import json

from indexguard.audit.schema import schema_text
from indexguard.cli import log_schema
from indexguard.cli.console import Console
from indexguard.cli.parsing import make_parser
from shell import Shell


def test_schema_is_printed_as_it_is(shell: Shell) -> None:
    parser = make_parser("indexguard", (log_schema.COMMAND,), "0")
    words = log_schema.COMMAND.example.split()
    assert parser.parse_args([" ".join(words[1:])]).command is log_schema.COMMAND
    console = Console.standard()
    assert log_schema.COMMAND.run(parser.parse_args(["log schema"]), console) == 0
    console.flush()
    printed = shell.capsys.readouterr().out
    assert json.loads(printed) == json.loads(schema_text())
    assert printed == schema_text()
