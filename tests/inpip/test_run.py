"""What is remembered of one run, and how it is told."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import pytest

from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from indexguard.decision.verdict import Finding, Verdict
from indexguard.errors import GuardError
from indexguard.inpip.run import Run
from indexguard.inpip.search.page import Page
from indexguard.patterns import Name
from indexguard.policy.identity import PYPI, parse_location
from indexguard.policy.model import Policy
from support.strategies import layer

PUBLIC = "https://index.example/simple/"
ACME = Name("acme")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of this pip in which `pypi` means an example, and that logs into a folder of the test."""
    return Run(
        "pip",
        [layer(Policy(mode="audit")), layer(Policy(), 1)],
        built_in=False,
        pypi=parse_location(PUBLIC),
        pypi_files="files.example",
        today=date(2026, 1, 1),
        recorder=Recorder(RunContext.of_process("1.0", argv=["pip"]), tmp_path / "log" / "audit.jsonl"),
        takes_requests=True,
    )


def logged(run: Run, tmp_path: Path) -> str:
    assert run.recorder.problem is None
    return (tmp_path / "log" / "audit.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("url", "token"),
    [
        (PUBLIC, ()),
        ("https://INDEX.example:443/simple", ()),
        ("https://user:secret@index.example/simple/acme/", ("acme",)),
        ("https://index.example/simple-evil/", None),
        ("https://index.example/", None),
        ("http://index.example/simple/", None),
        ("https://files.example/x.whl", None),
    ],
)
def test_the_public_index_is_the_token(run: Run, url: str, token: tuple[str, ...] | None) -> None:
    place = run.locate(url)
    assert place is not None
    assert (place.scheme == "pypi", place.segments) == (token is not None, place.segments if token is None else token)


def test_what_is_no_single_place_is_unknown(run: Run) -> None:
    assert run.locate("https://a.example@b.example@c.example/") is None
    assert run.locate_locked("https://a.example\\b") is None


def test_the_file_host_of_the_public_index_counts_for_locked_files(run: Run) -> None:
    locked = run.locate_locked("https://files.example/a/x.whl")
    assert locked is not None
    assert locked.is_at_or_under(PYPI)
    for url in ("http://files.example/a/x.whl", "https://other.example/a/x.whl"):
        assert run.locate_locked(url) == run.locate(url) == parse_location(url)


def test_a_search_lives_as_long_as_its_finder(run: Run) -> None:
    first, second = SimpleNamespace(), SimpleNamespace()
    search = run.search(first, ACME)
    assert run.search(first, ACME) is search
    other = run.search(second, ACME)
    assert other is not search
    third = run.search(second, Name("foo"))
    assert run.searches(ACME) == [search, other]
    assert run.searches() == [search, other, third]
    assert run.searches(Name("bar")) == []


def test_each_thread_fetches_its_own_page(run: Run) -> None:
    page = Page(PUBLIC, f"{PUBLIC}acme/", parse_location(PUBLIC), is_index=True)
    seen: list[Any] = []
    with run.fetching(page), run.looking_up(hashed=True):
        assert (run.page, run.hashed) == (page, True)
        thread = threading.Thread(target=lambda: seen.extend([run.page, run.hashed]))
        thread.start()
        thread.join()
    assert seen == [None, False]
    assert (run.page, run.hashed) == (None, False)


def test_a_page_that_fails_is_fetched_no_longer(run: Run) -> None:
    page = Page(PUBLIC, f"{PUBLIC}acme/", parse_location(PUBLIC), is_index=True)
    with pytest.raises(ConnectionError), run.fetching(page):
        raise ConnectionError
    assert run.page is None


def test_lookups_nest(run: Run) -> None:
    with run.looking_up(hashed=True):
        with run.looking_up(hashed=False):
            assert not run.hashed
        assert run.hashed


def test_a_warning_is_given_once(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    for text in ("one %s", "one %s", "two"):
        run.warn(text)
    assert [record.getMessage() for record in caplog.records] == ["one %s", "two"]


def test_audit_mode_is_logged_as_such(run: Run, tmp_path: Path) -> None:
    audit, enforce = run.layers
    run.record_verdict(
        Verdict((Finding("redirected", audit), Finding("redirected", enforce))), "redirected", name="acme"
    )
    lines = logged(run, tmp_path).splitlines()
    assert ['"event": "would-refuse"' in line.replace('":"', '": "') for line in lines] == [True, False]


def test_a_refusal_is_noted_and_logged_once(run: Run, tmp_path: Path, pip_module: Callable[[str], Any]) -> None:
    error = GuardError("redirected", "refused `acme`")
    first = run.refuse(error, name="acme")
    second = run.refuse(GuardError("redirected", "refused `acme`"), name="acme")
    assert isinstance(first, pip_module("_internal.exceptions").PipError)
    assert isinstance(second, type(first))
    assert run.refusals == [error]
    assert len(logged(run, tmp_path).splitlines()) == 1


@pytest.mark.parametrize(("mode", "stops"), [("enforce", True), ("audit", False)])
def test_a_log_that_cannot_be_written_stops_pip_where_a_layer_that_enforces_says_so(
    run: Run, tmp_path: Path, pip_module: Callable[[str], Any], mode: str, stops: bool
) -> None:
    (tmp_path / "log").write_text("a file stands where the folder should be")
    run.layers = (*run.layers, layer(Policy(mode=mode, log_failure="block", path="policy.toml"), 2))
    if not stops:
        run.record("selected", None)
        return
    with pytest.raises(pip_module("_internal.exceptions").PipError) as caught:
        run.record("selected", None)
    assert "log-failed" in str(caught.value)
    # A refusal stays one, with its own words.
    assert "redirected" in str(run.refuse(GuardError("redirected", "refused `acme`"), name="acme"))


def test_a_log_that_cannot_be_written_is_one_warning(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "log").write_text("a file stands where the folder should be")
    run.record("refused", "redirected")
    run.record("refused", "redirected")
    assert len([record for record in caplog.records if record.name == "indexguard"]) == 1
