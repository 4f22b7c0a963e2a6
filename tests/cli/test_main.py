"""The command as a whole: help, exit codes, no traceback."""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from integration.harness.cases import read_cases
from integration.harness.children import run_child

import indexguard.cli
from indexguard.cli import COMMANDS
from indexguard.cli.console import RED, Console
from indexguard.cli.parsing import join_words, make_parser
from support.environments import clean_environ
from support.shell import Shell

CASES = read_cases(__file__)

SOURCE = Path(indexguard.cli.__file__).parents[2]


def test_version(shell: Shell) -> None:
    answer = shell("--version")
    assert (answer.code, answer.out) == (0, f"indexguard {indexguard.__version__}\n")


def test_nothing_to_do_is_bad_input(shell: Shell) -> None:
    answer = shell()
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("usage: indexguard")


@pytest.mark.parametrize("argv", [["nonsense"], ["check", "--nonsense"], ["log", "--last", "-1"], ["log", "--js"]])
def test_bad_argument(shell: Shell, argv: list[str]) -> None:
    answer = shell(*argv)
    assert answer.code == 2
    assert "error:" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["statsu"], "`indexguard status`"),
        (["summary"], "`indexguard log summary`"),
        (["log", "sumary"], "`indexguard log summary`"),
        (["log", "rnus", "--json"], "`indexguard log runs`"),
        (["xyzzy"], "`indexguard --help` lists them"),
    ],
)
def test_command_that_is_none(shell: Shell, argv: list[str], meant: str) -> None:
    answer = shell(*argv)
    assert answer.code == 2
    assert f"{meant}" in answer.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["log", "summary", "--jsno"], "--json"),
        (["status", "--prove-it"], "--prove"),
        (["explain", "acme", "--verison", "1"], "--version"),
        (["check", "--strickt"], "--strict"),
    ],
)
def test_unknown_option_is_told_with_the_commands_own_usage(shell: Shell, argv: list[str], meant: str) -> None:
    answer = shell(*argv)
    name = " ".join(word for word in argv[:2] if not word.startswith("-") and word != "acme")
    assert answer.code == 2
    assert answer.err.startswith(f"usage: indexguard {name} ")
    assert f"did you mean {meant}?" in answer.err


@pytest.mark.parametrize("version", ["latest", "1.0.x", "", ">=1", "1.0 beta"])
def test_version_that_is_none(shell: Shell, version: str) -> None:
    answer = shell("explain", "acme-core", "--version", version)
    assert (answer.code, answer.out) == (2, "")
    assert "expected a version (PEP 440)" in answer.err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_is_complete(shell: Shell, command: indexguard.cli.parsing.Command) -> None:
    answer = shell(command.name, "--help")
    assert answer.code == 0
    assert f"Example:\n  indexguard {command.name}" in answer.out
    assert "Exit codes: 0 " in answer.out
    assert "\x1b" not in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_usage_names_every_option(command: indexguard.cli.parsing.Command) -> None:
    group = argparse.ArgumentParser(add_help=False).add_argument_group()
    command.add_options(group)
    actions = group._group_actions  # noqa: SLF001  # argparse tells them nowhere else
    options = {option for action in actions for option in action.option_strings}
    assert options | {"-h"} == set(re.findall(r"(?<![\w-])--?[a-z0-9-]+", command.usage))
    positional = {action.metavar for action in actions if not action.option_strings}
    assert positional <= set(re.findall(r"(?<![\w-])[A-Z]+(?![\w-])", command.usage))


def test_example_can_be_parsed() -> None:
    parser = make_parser("indexguard", COMMANDS, "1")
    for command in COMMANDS:
        arguments = join_words(shlex.split(command.example)[1:], COMMANDS)
        assert parser.parse_args(arguments).command is command


def test_interrupt_is_quiet(shell: Shell) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    shell.monkeypatch.setattr("indexguard.cli.policy.check.survey_layers", interrupt)
    answer = shell("check")
    assert (answer.code, answer.out, answer.err) == (130, "", "")


def test_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    log.write_text('{"schema": 1, "time": "2026-01-01T00:00:00.000Z", "event": "selected"}\n' * 100_000)
    child = subprocess.Popen(
        [sys.executable, "-m", "indexguard", "log", "--file", str(log), "--last", "100000"],
        env={"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(timeout=60) == 141


# What each command does without anything being there; all but the demo, which has tests of its own.
LINES = CASES["lines"]


def _run(line: str, home: Path, **streams: Any) -> subprocess.CompletedProcess[str]:
    script = f"import os, sys; sys.argv[0] = 'indexguard'; sys.path.insert(0, {str(SOURCE)!r})\n{_AS_NOBODY}\n"
    return subprocess.run(
        [sys.executable, "-c", f"{script}from indexguard.cli import main; sys.exit(main())", *line.split()],
        env=clean_environ(home, LANG="C", LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0"),
        cwd=home,
        text=True,
        check=False,
        timeout=120,
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )


# Neither the machine's policy nor the log of root, whoever runs the tests.
_AS_NOBODY = (
    "from indexguard.policy import layers; layers.machine_policy_path = lambda *_: os.path.abspath('machine.toml')\n"
    "from indexguard.cli.policy import init; from indexguard.cli.log import source; init.machine_policy_path = layers.machine_policy_path\n"
    "from pathlib import Path; source.log_path = lambda: Path('audit.jsonl').absolute()"
)


@pytest.mark.parametrize("line", LINES)
def test_ascii_terminal_is_enough(line: str, tmp_path: Path) -> None:
    done = _run(line, tmp_path)
    assert done.returncode == LINES[line] or line == "status", done.stderr
    assert (done.stdout + done.stderr).isascii()
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {".rustup"}  # pip asks rustc for its version


@pytest.mark.parametrize("line", LINES)
def test_full_disk_behind_the_output_is_bad_input(line: str, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = _run(line, tmp_path, stdout=full)
    is_written = line not in ("", "init --yes") and not line.startswith("log")
    assert done.returncode == (2 if is_written else LINES[line])
    assert done.stderr.count("cannot write the output: No space left on device") == is_written


@pytest.mark.parametrize("line", LINES)
def test_closed_streams(line: str, tmp_path: Path) -> None:
    def close() -> None:
        for number in range(3):
            os.close(number)

    done = _run(line, tmp_path, stdin=None, stdout=None, stderr=None, preexec_fn=close)
    assert done.returncode == LINES[line] or line == "status"


@pytest.mark.parametrize("line", ["--help", "explain --codes", "init --yes"])
def test_nobody_reads_either_stream(line: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = _run(line, tmp_path, stdout=writer, stderr=writer)
    finally:
        os.close(writer)
    assert done.returncode == 141


def test_faults_of_an_argument_name_the_command(shell: Shell) -> None:
    assert shell("log", "--since", "x").err.splitlines()[-1].startswith("indexguard log: error: argument --since: ")


def test_ascii_terminal_shows_everything(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    log.write_text(
        '{"schema": 1, "time": "2026-01-01T00:00:00.000Z", "event": "refused", "name": "\u00e9\u202e"}\n', "utf-8"
    )
    done = run_child(
        [sys.executable, "-m", "indexguard", "log", "--file", str(log)],
        env={"PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert done.stdout.split() == ["2026-01-01T00:00:00.000Z", "refused", "\\xe9\\u202e"]
    assert done.stderr == ""


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Tell the lie."""
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colour(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, environ: dict[str, str], coloured: bool) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    Console(stream, stream).line("evil \x1b[2J", RED)
    assert stream.getvalue() == ("\x1b[31mevil \\x1b[2J\x1b[0m\n" if coloured else "evil \\x1b[2J\n")
