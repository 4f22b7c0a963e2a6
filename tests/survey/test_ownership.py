"""Whose files are: distributions with a RECORD, and packages of Debian."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from indexguard.survey.ownership import Owner, find_owners


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a file and a distribution that has installed it."""
    folder = tmp_path / "site"
    info = folder / "some_dist-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "a.pth").write_text("import os\n")
    digest = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(b"import os\n").digest()).decode().rstrip("=")
    (info / "RECORD").write_text(f'"a,b.pth",,\na.pth,{digest},10\n../up.py,md5=xyz,\nsome/a.pth,,\n')
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Some.Dist\nVersion: 1.0+local\n\nVersion: 9\n")
    return folder


def test_owner_by_record(site: Path) -> None:
    names = ["a.pth", "a,b.pth", "../up.py", "foreign.pth", "b.pth"]
    owners = find_owners([str(site / name) for name in names], [str(site), str(site / "missing")])
    assert owners[str(site / "a,b.pth")] == Owner("Some.Dist", "1.0+local", "record")
    assert owners[str(site / "../up.py")].name == "Some.Dist"
    assert set(owners) == {str(site / name) for name in names[:3]}


def test_owner_of_an_altered_file(site: Path, tmp_path: Path) -> None:
    path = str(site / "a.pth")
    altered = find_owners([path], [str(site)])[path].altered
    (tmp_path / "link").symlink_to(site)
    other = str(tmp_path / "link" / "a.pth")
    assert find_owners([path, other], [str(site)])[other].altered is altered
    (site / "a.pth").write_text("import os, evil\n")
    assert find_owners([path], [str(site)])[path].altered
    assert not altered


def test_lists_that_are_none(site: Path) -> None:
    path = str(site / "a.pth")
    (site / "some_dist-1.0.dist-info" / "METADATA").unlink()
    assert find_owners([path], [str(site)])[path] == Owner("some_dist", "1.0", "record")
    record = site / "some_dist-1.0.dist-info" / "RECORD"
    record.write_bytes(b'\xff\0"a.pth\r,"""x\n')
    assert find_owners([path], [str(site)]) == {}
    record.unlink()
    record.mkdir()
    assert find_owners([path], [str(site)]) == {}


def test_owner_by_an_old_list(site: Path) -> None:
    info = site / "old-2.0-py3.9.egg-info"
    info.mkdir()
    (info / "installed-files.txt").write_text("../old.pth\nPKG-INFO\n")
    (info / "PKG-INFO").write_text("Name: old\nVersion: 2.0\n")
    (site / "egg.egg-info").touch()
    path = str(site / "old.pth")
    assert find_owners([path], [str(site)]) == {path: Owner("old", "2.0", "record")}


def test_package_of_debian(tmp_path: Path) -> None:
    (tmp_path / "a.list").write_text("/.\n/usr\n/lib/python3.99/sitecustomize.py\n")
    (tmp_path / "b:amd64.list").write_text("/usr/lib/python3/dist-packages/b.pth")
    (tmp_path / "c.list").mkdir()
    paths = ["/usr/lib/python3.99/sitecustomize.py", "/usr/lib/python3/dist-packages/b.pth"]
    others = ["/usr/lib/python3/dist-packages/x.pth", "/usr/local/lib/b.pth", "/home/b.pth"]
    owners = find_owners([*paths, *others], [], tmp_path)
    assert owners == {paths[0]: Owner("a", None, "dpkg"), paths[1]: Owner("b:amd64", None, "dpkg")}
    assert find_owners(paths, [], tmp_path / "missing") == {}
