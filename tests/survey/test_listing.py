"""What the root pages of real servers list, read with real pips: cases in the file beside this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from integration.harness.cases import read_cases

from indexguard.survey.pip_facts import Listing, ask_pip

if TYPE_CHECKING:
    from support.shell import ListingIndex, Shell

LISTINGS: dict[str, dict[str, Any]] = read_cases(__file__)["listings"]
PIPS = ("20.3.4", "26.3")


class Recorder(dict[str, str]):
    """Pages that note what is asked for."""

    def __init__(self, pages: dict[str, str], asked: list[str]) -> None:
        super().__init__(pages)
        self._asked = asked

    def __contains__(self, path: object) -> bool:
        self._asked.append(str(path))
        return super().__contains__(path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test runs on each of the pips that it asks for."""
    if "python" in metafunc.fixturenames:
        metafunc.parametrize("python", ["own", *PIPS], indirect=True, scope="module")


@pytest.mark.parametrize("name", LISTINGS)
def test_root_page(shell: Shell, indexes: list[ListingIndex], python: str, name: str) -> None:
    corp, _ = indexes
    case = LISTINGS[name]
    corp.pages = case["pages"]
    shell.configure(f"http://127.0.0.1:{corp.port}{case.get('root', '/simple/')}")
    listing = ask_pip([0], python=python).listings[0]
    expected: dict[str, Any] = {
        key: tuple(tuple(item) if isinstance(item, list) else item.replace("{port}", str(corp.port)) for item in items)
        for key, items in case.items()
        if key not in ("pages", "root")
    }
    assert listing == Listing(**expected)


def test_list_that_breaks_off_is_none(shell: Shell, indexes: list[ListingIndex]) -> None:
    corp, _ = indexes
    corp.pages = {"/simple/": 'cut: <a href="acme-core/">acme-core</a>'}
    shell.configure(corp.url)
    (listing,) = ask_pip([0]).listings.values()
    assert listing == Listing(problem="it broke off its answer")


def test_list_that_is_believed(shell: Shell, indexes: list[ListingIndex]) -> None:
    corp, _ = indexes
    asked: list[str] = []
    corp.pages = Recorder(LISTINGS["stray-files-and-folders"]["pages"], asked)
    shell.configure(corp.url)
    (listing,) = ask_pip(believed=[0]).listings.values()
    assert listing.names == ("acme-core", "robots.txt", "static", "tools")
    assert set(asked) == {"/simple/"}
