"""Sources without measure, and sources that somebody else may write."""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path

import pytest
from integration.bench.advisories import make_record, write_folder, write_zip

from indexguard.advisories import sorting, sources, store
from indexguard.advisories.advisories import Advisories
from indexguard.advisories.building import Counts
from indexguard.advisories.opening import open_advisories
from indexguard.advisories.sources import SourceError
from indexguard.advisories.store import Store
from indexguard.errors import PolicyError
from indexguard.patterns import Name
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy

MAL = ("MAL-",)
MANY = 600
"""Records of a source that is not small."""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of the indexes."""
    folder = tmp_path / "indexes"
    folder.mkdir(mode=0o755)
    return folder


@pytest.fixture
def shop(kept: Path) -> Store:
    """A store with that folder."""
    told: list[str] = []
    return Store(told.append, [str(kept)])


# Sources that would cost too much


def test_few_lines_that_do_not_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: Store) -> None:
    monkeypatch.setattr(sorting, "_BYTES", 5000)
    spilled: list[int] = []
    spill = sorting.SortedLines._spill  # noqa: SLF001  # what is counted

    def count(lines: sorting.SortedLines) -> None:
        spilled.append(1)
        spill(lines)

    monkeypatch.setattr(sorting.SortedLines, "_spill", count)
    versions = [str(number) for number in range(2000)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(make_record("a", "MAL-1", versions)))
    found = Advisories([shop.open(str(path), MAL)])
    assert spilled
    assert found.find_versions(Name("a"), "1999")


@pytest.mark.parametrize(
    ("bound", "says"),
    [
        (("MAX_LIST", 20_000), "the list of its files is larger than"),
        (("MAX_UNPACKED", 200_000), "it unpacks to more than"),
        (("_DEEPEST", 2), "its folders are nested too deeply"),
    ],
)
def test_a_source_without_measure_is_refused(
    shop: Store, kept: Path, monkeypatch: pytest.MonkeyPatch, bound: tuple[str, int], says: str
) -> None:
    monkeypatch.setattr(sources, *bound)
    make = write_folder if bound[0] == "_DEEPEST" else write_zip
    path = make(kept.parent / "records", MANY)
    with pytest.raises(SourceError, match=says):
        shop.open(str(path), MAL)
    assert list(kept.iterdir()) == []


@pytest.mark.parametrize("method", ["ZIP_DEFLATED", "ZIP_BZIP2", "ZIP_LZMA"])
def test_members_that_cannot_be_unpacked(tmp_path: Path, shop: Store, method: str) -> None:
    """Each method has errors of its own, and others that cannot be read do not hide what can."""
    path = tmp_path / "records.zip"
    bad = json.dumps(make_record("bad", "MAL-1", ["1"]))
    with zipfile.ZipFile(path, "w", getattr(zipfile, method)) as archive:
        archive.writestr("bad.json", bad)
        start = archive.infolist()[0].header_offset + 30 + len("bad.json")
        size = archive.infolist()[0].compress_size
        archive.writestr("good.json", json.dumps(make_record("good", "MAL-2", ["1"])))
    content = path.read_bytes()
    path.write_bytes(content[: start + 9] + b"\xff" * (size - 9) + content[start + size :])
    counts = Counts(**shop.open(str(path), MAL).header["counts"])
    assert (counts.records, counts.unreadable) == (1, 1)
    assert "bad.json: it cannot be unpacked: " in counts.problems[0]


# Who may write them


def make_open(path: Path, which: str) -> Path:
    """Have everybody be able to write a place below a folder; return it."""
    place = path / "osv/malicious/pypi/evil-1"
    if which == "folder":
        place.chmod(0o777)
        return place
    if which == "file":
        (place / "MAL-2026-1.json").chmod(0o666)
        return place / "MAL-2026-1.json"
    if which == "group":
        (path / "osv").chmod(0o775)
        os.chown(path / "osv", -1, 54321)
        return path / "osv"
    elsewhere = path.parent / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    (place / "MAL-2026-1.json").rename(elsewhere / "record")
    (place / "MAL-2026-1.json").symlink_to(elsewhere / "record")
    return elsewhere


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another group")
@pytest.mark.parametrize("which", ["folder", "file", "group", "link"])
@pytest.mark.parametrize("number", [3, MANY])
def test_what_others_may_write_below_a_folder(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, which: str, number: int
) -> None:
    monkeypatch.setattr(store, "machine_folder", lambda: str(kept))
    path = write_folder(tmp_path / "records", number)
    place = make_open(path, which)
    policy = tmp_path / "policy.toml"
    read = read_policy(b'version = 1\n[advisories]\npaths = ["records"]\n', str(policy))
    # One that is only looked at may be anybody's, and its index serves nobody else.
    told: list[str] = []
    assert open_advisories(Layer("file", str(policy), "", read), told.append) is not None
    with pytest.raises(PolicyError, match=re.escape(str(place))):
        open_advisories(Layer("environment", str(policy), "", read), told.append)
    assert told == []
    place.chmod(0o755 if place.is_dir() else 0o644)
    assert open_advisories(Layer("environment", str(policy), "", read), told.append) is not None
    assert len(list(kept.iterdir())) == (1 if number == MANY else 0)
