"""The schema of the audit log, printed."""

from __future__ import annotations

import json

from indexguard.cli.console import Console
from indexguard.cli.log import schema
from indexguard.cli.parsing import make_parser
from indexguard.logs.schema import schema_text
from support.shell import Shell


def test_schema_is_printed_as_it_is(shell: Shell) -> None:
    parser = make_parser("indexguard", (schema.COMMAND,), "0")
    words = schema.COMMAND.example.split()
    assert parser.parse_args([" ".join(words[1:])]).command is schema.COMMAND
    console = Console.standard()
    assert schema.COMMAND.run(parser.parse_args(["log schema"]), console) == 0
    console.flush()
    printed = shell.capsys.readouterr().out
    assert json.loads(printed) == json.loads(schema_text())
    assert printed == schema_text()
