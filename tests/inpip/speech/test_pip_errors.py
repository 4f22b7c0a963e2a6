"""The guard's errors as pip's own kinds of exception, and as the last word of a run."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from indexguard.errors import GuardError
from indexguard.inpip.mains import Main
from indexguard.inpip.speech import pip_errors

# What an index may say; `[/]` closes a tag that rich, pip's printer, never opened.
MARKUP = GuardError("redirected", "refused `x[/]`", [("asked", "https://h.example/[/red]/[bold]")], "see [/] there")


@pytest.fixture(autouse=True)
def running() -> Iterator[Main]:
    """A call of pip's ``main()``."""
    with Main() as main:
        yield main
        main.end()


@pytest.fixture
def exceptions(pip_module: Callable[[str], Any]) -> Any:
    """The exceptions of this pip."""
    return pip_module("_internal.exceptions")


@pytest.fixture
def diagnostic(exceptions: Any) -> Any:
    """The error that pip >= 22.0 prints in parts."""
    found = getattr(exceptions, "DiagnosticPipError", None)
    if found is None:
        pytest.skip("this pip is older than 22.0")
    return found


def test_the_parts_have_their_places(diagnostic: Any) -> None:
    made: Any = pip_errors.as_pip_error("pip", MARKUP)
    assert isinstance(made, diagnostic)
    assert made.reference == "redirected"
    assert str(made) == str(MARKUP)


def test_tools_that_catch_the_usual_error_catch_ours(exceptions: Any) -> None:
    assert isinstance(pip_errors.as_pip_error("pip", MARKUP), exceptions.InstallationError)


def test_foreign_text_is_printed_as_it_is(diagnostic: Any, pip_module: Callable[[str], Any]) -> None:
    assert diagnostic
    printed = io.StringIO()
    console = pip_module("_vendor.rich.console").Console(file=printed, width=200, color_system=None)
    console.print(pip_errors.as_pip_error("pip", MARKUP))
    for text in ("redirected", "refused `x[/]`", "https://h.example/[/red]/[bold]", "see [/] there"):
        assert text in printed.getvalue()


def test_an_error_without_facts(diagnostic: Any) -> None:
    assert diagnostic
    made: Any = pip_errors.as_pip_error("pip", GuardError("guard-broken", "it broke"))
    assert made.context is None


def test_old_pips_get_the_same_parts_as_text(exceptions: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(exceptions, "DiagnosticPipError", raising=False)
    monkeypatch.setattr(exceptions, "_indexguard_refusal", None, raising=False)
    made = pip_errors.as_pip_error("pip", MARKUP)
    assert type(made) is exceptions.InstallationError
    assert str(made) == (
        "indexguard: redirected: refused `x[/]`\n    asked  https://h.example/[/red]/[bold]\n    hint: see [/] there"
    )


def test_both_kinds_end_pip_without_a_traceback(exceptions: Any) -> None:
    assert isinstance(pip_errors.as_pip_error("pip", MARKUP), exceptions.PipError)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the guard said by itself."""
    return [record.getMessage() for record in caplog.records if record.name == "indexguard"]


@pytest.mark.usefixtures("exceptions")
def test_the_last_word_is_not_said_twice(caplog: pytest.LogCaptureFixture) -> None:
    pip = logging.getLogger("pip.subprocess")
    made = pip_errors.as_pip_error("pip", MARKUP)
    pip.error("%s", made)
    pip_errors.explain_last([MARKUP])
    assert said(caplog) == []
    pip.error("ERROR: No matching distribution found")
    pip_errors.explain_last([MARKUP])
    assert said(caplog) == [str(MARKUP)]


@pytest.mark.usefixtures("exceptions")
def test_pip_before_22_prints_the_text(caplog: pytest.LogCaptureFixture) -> None:
    pip_errors.as_pip_error("pip", MARKUP)
    logging.getLogger("pip").critical(str(MARKUP))
    pip_errors.explain_last([MARKUP])
    assert said(caplog) == []


@pytest.mark.usefixtures("exceptions")
def test_what_pip_only_logs_for_itself_is_not_printed_after_ours(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        pip = logging.getLogger("pip")
        pip.error("%s", pip_errors.as_pip_error("pip", MARKUP))
        pip.debug("Exception information:")
        pip_errors.explain_last([MARKUP])
    assert said(caplog) == []


def test_nothing_to_explain(caplog: pytest.LogCaptureFixture) -> None:
    pip_errors.explain_last([])
    assert said(caplog) == []


def test_the_watch_survives_that_pip_sets_logging_up_anew(exceptions: Any) -> None:
    assert exceptions
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        pip_errors.as_pip_error("pip", MARKUP)
        root.handlers.clear()
        pip_errors.as_pip_error("pip", MARKUP)
        assert [type(handler).__name__ for handler in root.handlers] == ["LastWord"]
    finally:
        root.handlers[:] = before
