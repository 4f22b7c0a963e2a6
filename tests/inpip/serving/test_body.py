"""What the body of a page tells beside its links, whatever an index sends."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.inpip.serving.body import NOTHING, Body, name_of, read_body

NOON = "2026-11-30T12:00:00Z"


def read(content: Any) -> Body:
    """Read a body as the answer of a server."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    answer: Any = SimpleNamespace(content=data)
    return read_body(answer)


def entry(name: str = "a-1.0.tar.gz", /, **told: Any) -> dict[str, Any]:
    """Return a file as a page lists it."""
    return {"filename": name, "url": f"https://files.example/x/{name}", **told}


def test_what_a_page_tells() -> None:
    body = read(
        {
            "files": [
                entry(**{"upload-time": NOON}),
                entry("b-1.0.tar.gz", provenance="https://files.example/b.provenance"),
                entry("c-1.0.tar.gz", provenance=None),
            ],
            "project-status": {"status": "Archived", "reason": "moved"},
        }
    )
    assert body == Body(
        {"a-1.0.tar.gz": NOON, "b-1.0.tar.gz": None, "c-1.0.tar.gz": None},
        frozenset(["b-1.0.tar.gz"]),
        "archived",
        True,
        is_json=True,
    )


def test_of_a_file_that_is_listed_twice_what_speaks_against_it_counts() -> None:
    times = [NOON, "2020-01-01T00:00:00Z"]
    body = read(
        {"files": [entry(**{"upload-time": time, "provenance": "x" if time < "2026" else None}) for time in times]}
    )
    assert (body.times, body.attested) == ({"a-1.0.tar.gz": NOON}, frozenset())
    body = read({"files": [entry(**{"upload-time": times[1]}), entry()]})
    assert body.times == {"a-1.0.tar.gz": None}
    body = read({"files": [entry(provenance="x"), entry(provenance="x"), entry("b-1.0.tar.gz", provenance="x")]})
    assert body.attested == {"a-1.0.tar.gz", "b-1.0.tar.gz"}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'<html><head><meta name="pypi:project-status" content="quarantined"></head></html>', "quarantined"),
        (b"<meta content='Archived' name='pypi:project-status'/>", "archived"),
        (
            b'<meta name="pypi:project-status-reason" content="because"><meta name="pypi:project-status" content="archived">',
            "archived",
        ),
        (b"<p>pypi:project-status</p>", None),
        (b'<meta name="pypi:project-status">', None),
        (b"\xff<meta name='pypi:project-status' content='\xff'>", "\ufffd"),
    ],
)
def test_status_of_an_html_page(content: bytes, status: str | None) -> None:
    assert read(content).status == status


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"upload-time"',
        b'{"upload-time"',
        b'{"files": {"upload-time": 1}}',
        b'{"files": [1], "provenance": 1}',
        b'{"project-status": 1}',
        b'{"project-status": {"status": 1}}',
        b'{"files": [{"url": 1, "upload-time": 1}]}',
        b"\xff{",
    ],
)
def test_whatever_an_index_sends(content: bytes) -> None:
    body = read(content)
    assert (dict(body.times), body.status, body.tells_provenance) == ({}, None, False)


def test_a_deep_body() -> None:
    assert read(b'{"upload-time":' + b"[" * 100_000) == NOTHING


@given(st.dictionaries(st.sampled_from(["upload-time", "provenance", "url"]), st.none() | st.integers() | st.text()))
def test_odd_entries(odd: dict[str, Any]) -> None:
    body = read({"files": [odd], "upload-time": 1})
    assert all(body.uploaded(name) is None for name in body.times)


def test_no_answer() -> None:
    assert read_body(None) == NOTHING
    error: Any = OSError("reset")
    assert read_body(error) == NOTHING


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://files.example/x/a-1.0.tar.gz", "a-1.0.tar.gz"),
        ("a-1.0.tar.gz", "a-1.0.tar.gz"),
        ("../../a-1.0.tar.gz#sha256=00", "a-1.0.tar.gz"),
        ("https://files.example/a-1.0.tar.gz?x=/b.whl", "a-1.0.tar.gz"),
        ("https://files.example/a-1.0%2Blocal.tar.gz", "a-1.0+local.tar.gz"),
        ("https://files.example/x%2Fa-1.0.tar.gz", "a-1.0.tar.gz"),
        ("https://files.example/a-1.0.tar.gz/", "a-1.0.tar.gz"),
        ("https://[files.example/a%20b", ""),
    ],
)
def test_name_of_a_file(url: str, name: str) -> None:
    assert name_of(url) == name
