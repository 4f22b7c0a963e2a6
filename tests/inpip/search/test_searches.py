"""The searches of one run, and what each thread looks for."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from indexguard.inpip.search.page import Page
from indexguard.inpip.search.searches import Searches
from indexguard.patterns import Name
from indexguard.policy.identity import parse_location
from support.strategies import PUBLIC_URL as PUBLIC
from support.strategies import make_run

ACME = Name("acme")


@pytest.fixture
def searches() -> Searches:
    """Those of a run that begins."""
    return Searches(make_run())


def test_a_search_lives_as_long_as_its_finder(searches: Searches) -> None:
    first: Any = SimpleNamespace()
    second: Any = SimpleNamespace()
    search = searches.of(first, ACME)
    assert searches.of(first, ACME) is search
    other = searches.of(second, ACME)
    assert other is not search
    third = searches.of(second, Name("foo"))
    assert searches.all(ACME) == [search, other]
    assert searches.all() == [search, other, third]
    assert searches.all(Name("bar")) == []


def test_each_thread_fetches_its_own_page(searches: Searches) -> None:
    page = Page(PUBLIC, f"{PUBLIC}acme/", parse_location(PUBLIC), is_index=True)
    seen: list[Any] = []
    with searches.fetching(page), searches.looking_up(hashed=True):
        assert (searches.page, searches.hashed) == (page, True)
        thread = threading.Thread(target=lambda: seen.extend([searches.page, searches.hashed]))
        thread.start()
        thread.join()
    assert seen == [None, False]
    assert (searches.page, searches.hashed) == (None, False)


def test_a_page_that_fails_is_fetched_no_longer(searches: Searches) -> None:
    page = Page(PUBLIC, f"{PUBLIC}acme/", parse_location(PUBLIC), is_index=True)
    with pytest.raises(ConnectionError), searches.fetching(page):
        raise ConnectionError
    assert searches.page is None


def test_lookups_nest(searches: Searches) -> None:
    with searches.looking_up(hashed=True):
        with searches.looking_up(hashed=False):
            assert not searches.hashed
        assert searches.hashed
