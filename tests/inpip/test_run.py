"""The facts of one run."""

from __future__ import annotations

import pytest

from indexguard.inpip.run import Run
from indexguard.policy.identity import PYPI, parse_location
from support.strategies import PUBLIC_URL as PUBLIC
from support.strategies import make_run


@pytest.fixture
def run() -> Run:
    """A run of this pip in which `pypi` means an example."""
    return make_run()


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
