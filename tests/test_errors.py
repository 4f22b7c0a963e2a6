"""The codes, and what is said with them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.codes import Words, all_words, words_of
from indexguard.errors import CODES, Fault, GuardError, PolicyError, cut, escape


def test_codes_are_what_pip_accepts() -> None:
    assert len(CODES) >= 23
    for name in CODES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)  # DiagnosticPipError asserts it


def test_every_code_has_its_words() -> None:
    assert tuple(all_words()) == CODES


def test_words_that_are_lost_stop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexguard.codes.json.load", lambda _: {"shadowed-name": "no words"})
    all_words.cache_clear()
    assert "indexguard: shadowed-name: refused x" in str(GuardError("shadowed-name", "refused x"))
    assert words_of("shadowed-name").remedy == "install indexguard again"
    all_words.cache_clear()


@pytest.mark.parametrize("words", all_words().values(), ids=list(CODES))
def test_words_stand_in_the_middle_of_a_sentence(words: Words) -> None:
    for text in (words.meaning, words.remedy):
        assert text.isascii()
        assert text.isprintable()
        assert not text.endswith(".")
    assert not re.match(r"[A-Z][a-z]", words.meaning)


def test_an_unknown_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        GuardError("no-such-code", "x")


def test_an_error_is_data_first() -> None:
    error = GuardError("shadowed-name", "refused `acme`", [("rule", "acme-*"), ("from", "one\ntwo"), ("kept", "")])
    assert (error.code, error.refused, error.hint) == ("shadowed-name", "refused `acme`", words_of("shadowed-name").remedy)
    assert error.fact_lines() == ["rule  acme-*", "from  one", "      two", "kept  "]
    assert str(error).splitlines() == [
        "indexguard: shadowed-name: refused `acme`",
        "    rule  acme-*",
        "    from  one",
        "          two",
        "    kept  ",
        f"    hint: {words_of('shadowed-name').remedy}",
    ]


def test_a_hint_of_the_branch_that_found_the_cause() -> None:
    assert str(GuardError("direct-url", "refused x", hint="do this")).endswith("\n    hint: do this")


def test_all_faults_of_a_policy_are_one_error() -> None:
    faults = [Fault("indexes.corp.ur", "unknown key", "url"), Fault("", "not TOML")]
    error = PolicyError("policy.toml", faults)
    assert isinstance(error, GuardError)
    assert (error.path, error.faults, error.code) == ("policy.toml", tuple(faults), "policy-invalid")
    assert str(error).splitlines()[:3] == [
        "indexguard: policy-invalid: 2 faults in policy file policy.toml",
        "    fault  indexes.corp.ur: unknown key (did you mean `url`?)",
        "    fault  not TOML",
    ]
    assert "1 fault in" in str(PolicyError("policy.toml", faults[:1], "policy-missing"))


@given(st.text())
def test_escaped_text_moves_no_cursor(text: str) -> None:
    shown = escape(text)
    assert shown.isprintable()
    assert escape(shown) == shown
    if text.isprintable():
        assert shown == text


def test_what_was_cut_off_is_marked() -> None:
    assert [cut("abcdef", limit) for limit in (6, 5)] == ["abcdef", "abcde..."]
    assert cut("abcdef", 2, counted=True) == "ab... (6 characters)"
    assert [cut("abcdef", limit, within=True) for limit in (6, 5, 1)] == ["abcdef", "ab...", "."]
