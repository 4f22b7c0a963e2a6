"""A source whose time has changed, and its content has not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from integration.bench.advisories import write_zip

from indexguard.advisories import building, sources
from indexguard.advisories.advisories import Advisories
from indexguard.advisories.store import Store
from indexguard.patterns import Name

MAL = ("MAL-",)
MANY = 600
"""Records of a source that is not small."""


@pytest.fixture
def shop(kept: Path) -> Store:
    """A store with that folder, which has nothing to tell."""
    return Store(pytest.fail, [str(kept)])


def test_same_bytes_written_again_need_no_new_index(
    tmp_path: Path, shop: Store, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the layers of a container image, whose times are cut: the source is read once more, and then no more."""
    path = write_zip(tmp_path / "records.zip", MANY)
    before = shop.open(str(path), MAL)
    (index,) = kept.iterdir()
    mode = index.stat().st_mode
    monkeypatch.setattr(building, "build", None)
    os.utime(path, (1, 1))
    shop.open(str(path), MAL)
    monkeypatch.setattr(sources, "_digest", None)
    after = shop.open(str(path), MAL)
    assert {**after.header, "state": None} == {**before.header, "state": None}
    assert sources.State(*after.header["state"]) == sources.State(*before.header["state"])._replace(time=10**9)
    assert (
        Advisories([after]).find_versions(Name("evil-1"), "1.0")
        == Advisories([before]).find_versions(Name("evil-1"), "1.0")
        != ()
    )
    assert (list(kept.iterdir()), index.stat().st_mode) == ([index], mode)


def test_an_index_that_cannot_be_written_again_counts_as_it_is(
    tmp_path: Path, shop: Store, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "records.zip", MANY)
    shop.open(str(path), MAL)
    (index,) = kept.iterdir()
    made = index.stat().st_ino
    monkeypatch.setattr(building, "build", None)
    os.utime(path, (1, 1))

    def refuse(**_: object) -> None:
        raise PermissionError(13, "refused")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert Advisories([shop.open(str(path), MAL)]).find_versions(Name("evil-1"), "1.0")
    assert index.stat().st_ino == made
