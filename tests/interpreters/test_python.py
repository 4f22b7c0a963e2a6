"""The one way to ask a child process, and the ways in which none answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from indexguard.interpreters.python import Answer, InterpretersError, ask


def test_answer_is_told_whole(tmp_path: Path) -> None:
    code = "import os, sys; sys.stdout.buffer.write(b'\\xff' + os.getcwd().encode()); sys.exit(os.environ['SAID'])"
    environ = {**os.environ, "SAID": "no"}
    assert ask([sys.executable, "-c", code], environ=environ, cwd=tmp_path) == Answer(1, f"\\xff{tmp_path}", "no\n")


@pytest.mark.parametrize("stdout", ['{"a": 1}', 'noise\n{"a": 1}\n\n'])
def test_json_is_in_the_last_line(stdout: str) -> None:
    assert Answer(0, stdout, "").read_json() == {"a": 1}


@pytest.mark.parametrize("stdout", ["", "noise", '{"a": 1}\nnoise'])
def test_another_last_line_is_no_answer(stdout: str) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        Answer(0, stdout, "").read_json()


def test_last_words() -> None:
    assert Answer(3, "a", "b\nc\n").last_words == "c"
    assert Answer(3, "a", " \n").last_words == "exit code 3"


def test_what_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(InterpretersError, match=r"/missing\\x1b cannot be started: No such file or directory$"):
        ask([f"{tmp_path}/missing\033"])
    with pytest.raises(InterpretersError, match="cannot be started: embedded null byte"):
        ask(["a\0b"])
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(InterpretersError, match=r"^pip did not end within 0\.2 seconds$"):
        ask(sleeping, seconds=0.2, late="pip did not end")
    with pytest.raises(InterpretersError, match=r"^\S+ did not answer within 0\.2 seconds$"):
        ask(sleeping, seconds=0.2)
