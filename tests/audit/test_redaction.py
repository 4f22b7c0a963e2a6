"""Secrets planted in command lines and texts never come out again."""

from __future__ import annotations

import pytest
from integration.fuzz.long_inputs import within
from integration.harness.cases import read_cases

from indexguard.audit.redaction import MAX_ARGUMENT, MAX_ARGUMENTS, MAX_COMMAND, redact_command, redact_text

CASES = read_cases(__file__)

PLANTED = "hunter2"


@pytest.mark.parametrize(
    ("argv", "shown"),
    CASES["masked"],
)
def test_secret_is_masked(argv: list[str], shown: list[str]) -> None:
    assert PLANTED in " ".join(argv)
    assert redact_command(argv) == shown


@pytest.mark.parametrize(
    "argument",
    CASES["left_alone"],
)
def test_ordinary_argument_is_left_alone(argument: str) -> None:
    assert redact_command([argument]) == [argument]


@pytest.mark.parametrize(
    "token",
    ["pypi-AgEIcHlwaS5vcmcCJDk0", "ghp_0123456789abcdefghijABCD", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"],
)
def test_token_is_known_by_its_form(token: str) -> None:
    assert redact_command([f"x{':'}{token}"]) == ["x:****"]
    assert token not in redact_text(f"the index said {token} loudly")


def test_bounds_say_what_they_left_out() -> None:
    shown = redact_command(["x" * 5000, *("a" for _ in range(500))])
    assert len(shown) == MAX_ARGUMENTS + 1
    assert shown[0] == "x" * MAX_ARGUMENT + "... (5000 characters)"
    assert shown[-1] == f"... ({501 - MAX_ARGUMENTS} more arguments)"


def test_all_arguments_together_are_bounded() -> None:
    shown = redact_command(["x" * 999] * 150)
    assert shown == ["x" * 999] * 20 + ["... (130 more arguments)"]
    assert sum(map(len, shown[:-1])) <= MAX_COMMAND


@pytest.mark.parametrize(
    "word",
    ["a", "token", "token ", "token-", "-eyJaaaaaaaaa", "basic ", "http://a:b@", "http://[a", "[", "a:", "a=b=", "h://?"],
)
@pytest.mark.parametrize("start", ["", "http://", "--"])
def test_time_grows_with_the_text_alone(start: str, word: str) -> None:
    # A minute and more where one pattern takes the square of it: whoever names a file decides how long a text is.
    text = start + word * (200_000 // len(word)) + "!"
    with within(20, word):
        assert len(redact_command([text, text])) == 2
