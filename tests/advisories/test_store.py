"""Sources and their indexes: what is found in them, when they are made anew, and which are believed."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from integration.bench.advisories import make_record, write_folder, write_zip

from indexguard.advisories import records, sorting, sources, store
from indexguard.advisories.advisories import Advisories, Hit
from indexguard.advisories.building import Counts, build
from indexguard.advisories.index import Index
from indexguard.advisories.opening import open_advisories
from indexguard.advisories.sources import SourceError, take_state
from indexguard.advisories.store import Store, index_name, machine_folder, own_folder
from indexguard.patterns import Name
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy

SHA256 = "c8784cf0aa8fa13a43614fbd6d51902feeecafdc06fc4db2695fd2572db66db8"
OTHER = "0" * 64
MAL = ("MAL-",)
NESTED = "nested"
MANY = 600
"""Records of a source that is not small."""


def put(path: Path, *records: dict[str, Any]) -> Path:
    """Write records into one file, or into files of a folder that is there."""
    if path.is_dir():
        for record in records:
            (path / f"{record['id']}.json").write_text(json.dumps(record))
    else:
        path.write_text(json.dumps(records if len(records) != 1 else records[0]))
    return path


@pytest.fixture
def told() -> list[str]:
    """What the user was told."""
    return []


@pytest.fixture
def shop(kept: Path, told: list[str]) -> Store:
    """A store with that folder."""
    return Store(told.append, [str(kept)])


def of(*indexes: Index) -> Advisories:
    """Return what indexes say."""
    return Advisories(indexes)


# What is found


@pytest.mark.parametrize("form", ["file", "folder", "zip"])
def test_found_by_version_and_by_content(tmp_path: Path, shop: Store, form: str) -> None:
    record = make_record("Evil_Twin", "MAL-2026-1", ["1.0"], sha256=[SHA256])
    path = tmp_path / "records"
    if form == "folder":
        path.mkdir()
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("deep/MAL-2026-1.json", json.dumps(record))
    else:
        put(path, record)
    found = of(shop.open(str(path), MAL))
    assert found.find_versions(Name("evil-twin"), "1.0.0") == (Hit("MAL-2026-1", by_sha256=False),)
    assert found.find_versions(Name("evil-twin"), "1.1") == ()
    assert found.find_versions(Name("evil-twin"), None) == ()
    assert found.find_versions(Name("evil"), "1.0") == ()
    assert found.find_file(SHA256.upper()) == (Hit("MAL-2026-1", by_sha256=True),)
    others = (OTHER, "", "x" * 64, SHA256[:-1], "é" * 64)
    for digest in others:
        assert found.find_file(digest) == ()
    blank = f" {SHA256[1:]}"
    many = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(1000)]
    for wrong in ([], many, [*others], [blank, blank], [*many, *others, blank]):
        assert found.may_know([*wrong, SHA256, *wrong])
    assert not found.may_know(many)
    assert not found.may_know([OTHER, SHA256[:-1]])
    assert found.knows(Name("evil-twin"))
    assert found.knows_files
    assert not found.is_empty


def test_several_records_of_one_project_and_one_of_several(tmp_path: Path, shop: Store) -> None:
    both = make_record("a", "MAL-3", ["3"])
    both["affected"] += make_record("b", "MAL-3", ["1"])["affected"]
    path = put(tmp_path / "records.json", make_record("a", "MAL-1", ["1"]), make_record("a", "MAL-2", ["1", "2"]), both)
    found = of(shop.open(str(path), MAL))
    assert [it.record for it in found.find_versions(Name("a"), "1")] == ["MAL-1", "MAL-2"]
    assert [it.record for it in found.find_versions(Name("a"), "3")] == ["MAL-3"]
    assert [it.record for it in found.find_versions(Name("b"), "1")] == ["MAL-3"]


def test_kinds(tmp_path: Path, shop: Store) -> None:
    path = put(tmp_path / "records.json", make_record("a", "MAL-1", ["1"]), make_record("a", "PYSEC-1", ["1"]))
    assert [it.record for it in of(shop.open(str(path), MAL)).find_versions(Name("a"), "1")] == ["MAL-1"]
    both = of(shop.open(str(path), ("MAL-", "PYSEC-")))
    assert [it.record for it in both.find_versions(Name("a"), "1")] == ["MAL-1", "PYSEC-1"]


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ({}, {"withdrawn": "2026-09-05T00:00:00Z"}, False),  # of one moment, the withdrawal
        ({"modified": "2026-09-06T00:00:00Z"}, {"withdrawn": "2026-09-05T00:00:00Z"}, True),
        ({"modified": "2026-09-04T00:47:46Z"}, {"withdrawn": "2026-09-05T00:00:00Z"}, False),  # older than 46.15
        ({"affected": []}, {"withdrawn": "2026-09-05T00:00:00Z"}, False),
    ],
)
def test_of_two_copies_the_newest_counts(
    tmp_path: Path, shop: Store, first: dict[str, Any], second: dict[str, Any], counts: bool
) -> None:
    """A mirror may keep a record that has moved to `osv/withdrawn`."""
    one = {**make_record("a", "MAL-1", ["1"], sha256=[SHA256]), **first}
    other = make_record("a", "MAL-1", ["1"], sha256=[SHA256], **second)
    paths = [put(tmp_path / "one.json", one), put(tmp_path / "other.json", other)]
    for found in (
        of(*(shop.open(str(path), MAL) for path in paths)),
        of(shop.open(str(put(tmp_path / "all.json", one, other)), MAL)),
    ):
        assert bool(found.find_versions(Name("a"), "1")) is counts
        assert bool(found.find_file(SHA256)) is counts


def test_counts(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mirror", 3)
    for place, text in {
        "osv/withdrawn/pypi/gentle/MAL-2026-9.json": json.dumps(
            make_record("gentle", "MAL-2026-9", ["1"], withdrawn="2026")
        ),
        "osv/malicious/pypi/bad/MAL-2026-8.json": "{",
        "osv/malicious/pypi/bare/MAL-2026-7.json": json.dumps(make_record("bare", "MAL-2026-7")),
        "osv/malicious/pypi/pysec/PYSEC-1.json": json.dumps(make_record("pysec", "PYSEC-1", ["1"])),
        "osv/malicious/pypi/strange/MAL-2026-6.json": json.dumps({"id": "MAL-2026-6", "affected": []}),
        "osv/malicious/npm/left/MAL-2026-5.json": "{",  # not looked at
        "osv/malicious/pypi/bad/README.md": "no record",
        ".git/objects/x.json": "{",
    }.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text)
    with zipfile.ZipFile(tmp_path / "mirror.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            if ".git" not in path.parts:
                archive.write(path, path.relative_to(folder))
    for path in (folder, tmp_path / "mirror.zip"):
        with (tmp_path / "scratch").open("w+b") as file:
            counts = build(str(path), take_state(str(path)), MAL, file)
        problems = counts.__dict__.pop("problems")
        assert vars(counts) == {
            "texts": 8, "records": 4, "withdrawn": 1, "other_kinds": 1, "other_ecosystems": 1, "unreadable": 1,
            "without_versions": 1, "names": 3, "files": 2,
        }  # fmt: skip
        assert problems == ["osv/malicious/pypi/bad/MAL-2026-8.json: it is not JSON"]


def test_few_questions_and_many_have_the_same_answers(tmp_path: Path, shop: Store) -> None:
    path = str(write_zip(tmp_path / "records.zip", MANY))
    names = [Name(f"{word}-{count}") for count in range(MANY) for word in ("evil", "good")]
    known = of(shop.open(path, MAL))
    answers = [known.knows(name) for name in names]
    assert answers == [True, False] * MANY
    assert [of(shop.open(path, MAL)).knows(name) for name in names[::40]] == answers[::40]


def test_lines_that_do_not_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: Store) -> None:
    monkeypatch.setattr(sorting, "_IN_MEMORY", 7)
    found = of(shop.open(str(write_zip(tmp_path / "records.zip", 100)), MAL))
    for count in range(100):
        version = "9" if count % 7 == 0 else "1.1"
        assert [it.record for it in found.find_versions(Name(f"evil-{count}"), version)] == [f"MAL-2026-{count}"]


# When an index is made anew


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_kept_until_the_source_changes(
    tmp_path: Path, shop: Store, kept: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path = tmp_path / "records"
    make = write_zip if form == "zip" else write_folder
    make(path, MANY)
    monkeypatch.setattr(sources, "_FEW", 10)
    first = shop.open(str(path), MAL)
    assert [it.name for it in kept.iterdir()] == [index_name(str(path), MAL)]
    made = (kept / index_name(str(path), MAL)).stat().st_ino
    assert shop.open(str(path), MAL).header == first.header
    assert (kept / index_name(str(path), MAL)).stat().st_ino == made
    if form == "zip":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("new.json", json.dumps(make_record("new", "MAL-9", ["1"])))
    else:
        (path / "osv/malicious/pypi/new").mkdir()
        put(path / "osv/malicious/pypi/new", make_record("new", "MAL-9", ["1"]))
    assert of(shop.open(str(path), MAL)).find_versions(Name("new"), "1")


def test_folder_edited_in_place_is_found_ten_minutes_later(
    tmp_path: Path, shop: Store, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_folder(tmp_path / "records", MANY)
    monkeypatch.setattr(sources, "_FEW", 10)
    shop.open(str(path), MAL)
    put(path / "osv/malicious/pypi/evil-1", make_record("later", "MAL-9", ["1"]))
    assert not of(shop.open(str(path), MAL)).find_versions(Name("later"), "1")
    (index,) = kept.iterdir()
    os.utime(index, (time.time() - 700,) * 2)
    assert of(shop.open(str(path), MAL)).find_versions(Name("later"), "1")


def test_checkout_is_looked_at_when_git_has_written(
    tmp_path: Path, shop: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_folder(tmp_path / "checkout", MANY)
    (path / ".git").mkdir()
    (path / ".git/index").write_text("1")
    monkeypatch.setattr(sources, "_FEW", 10)
    shop.open(str(path / "osv"), MAL)
    put(path / "osv/malicious/pypi/evil-1", make_record("later", "MAL-9", ["1"]))
    os.utime(path / ".git/index", (1, 1))
    assert of(shop.open(str(path / "osv"), MAL)).find_versions(Name("later"), "1")


def test_small_source_leaves_nothing_behind(tmp_path: Path, shop: Store, kept: Path) -> None:
    shop.open(str(put(tmp_path / "one.json", make_record("a", "MAL-1", ["1"]))), MAL)
    assert list(kept.iterdir()) == []
    assert shop.open(str(tmp_path / "one.json"), MAL, rebuild=True).place == str(next(kept.iterdir()))


# Which are believed


def damage(index: Path) -> None:
    """Cut an index."""
    index.write_bytes(index.read_bytes()[:-20])


def put_another(index: Path) -> None:
    """Put the index of nothing in the place of one."""
    (index.parent / "empty.json").write_text("[]")
    state = take_state(str(index.parent / "empty.json"))
    with index.open("w+b") as file:
        build(str(index.parent / "empty.json"), state, MAL, file)


@pytest.mark.parametrize(
    "change",
    [
        damage,
        put_another,
        lambda index: index.chmod(0o666),
        lambda index: index.parent.chmod(0o777),
        lambda index: index.write_bytes(b""),
    ],
)
def test_index_that_is_not_believed_is_made_anew(tmp_path: Path, shop: Store, kept: Path, change: Any) -> None:
    path = write_zip(tmp_path / "records.zip", MANY)
    shop.open(str(path), MAL)
    (index,) = kept.iterdir()
    made = index.stat().st_ino
    change(index)
    assert of(shop.open(str(path), MAL)).find_versions(Name("evil-1"), "1.0")
    assert index.stat().st_ino != made


def test_link_is_no_index(tmp_path: Path, shop: Store, kept: Path) -> None:
    path = write_zip(tmp_path / "records.zip", MANY)
    shop.open(str(path), MAL)
    (index,) = kept.iterdir()
    index.rename(tmp_path / "elsewhere")
    index.symlink_to(tmp_path / "elsewhere")
    shop.open(str(path), MAL)
    assert not index.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_user_keeps_no_index_of_a_source_of_root(
    tmp_path: Path, kept: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a user may write says nothing about the records of the machine."""
    path = write_zip(tmp_path / "records.zip", MANY)
    shop = Store(told.append, [str(kept)])
    shop.open(str(path), MAL)
    (index,) = kept.iterdir()
    os.chown(index, 54321, 54321)
    os.chown(kept, 54321, 54321)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    put_another(index)
    assert of(shop.open(str(path), MAL)).find_versions(Name("evil-1"), "1.0")
    assert "indexguard advisories build" in told[0]
    assert str(path) in told[0]
    # Of its own source it does.
    os.chown(path, 54321, 54321)
    told.clear()
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    shop.open(str(path), MAL)
    assert told == []


def test_folder_that_cannot_be_made_is_told_and_not_fatal(tmp_path: Path, told: list[str]) -> None:
    (tmp_path / "file").write_text("")
    path = write_zip(tmp_path / "records.zip", MANY)
    found = of(Store(told.append, [str(tmp_path / "file" / "indexes")]).open(str(path), MAL))
    assert found.find_versions(Name("evil-1"), "1.0")
    assert "cannot be kept" in told[0]
    found = of(Store(told.append, []).open(str(path), MAL))
    assert found.find_versions(Name("evil-1"), "1.0")
    assert "no folder to keep" in told[1]


def test_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/elsewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert own_folder(0) == machine_folder()
    own = own_folder(os.getuid() or 1)
    assert own is None or "elsewhere" not in own
    assert own_folder(4_000_000) is None
    assert machine_folder("darwin").startswith("/Library/")


# What cannot be read


def test_source_that_is_not_there(tmp_path: Path, shop: Store) -> None:
    with pytest.raises(SourceError, match="not there"):
        shop.open(str(tmp_path / "nothing"), MAL)
    path = write_zip(tmp_path / "records.zip", MANY)
    shop.open(str(path), MAL)
    path.unlink()
    with pytest.raises(SourceError, match="not there"):
        shop.open(str(path), MAL)


def test_source_of_another_kind(tmp_path: Path, shop: Store) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="neither"):
        shop.open(str(tmp_path / "pipe"), MAL)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "pipe.json")
    (tmp_path / "folder" / "gone.json").symlink_to("nothing")
    assert of(shop.open(str(tmp_path / "folder"), MAL)).is_empty


def test_zip_that_is_damaged(tmp_path: Path, shop: Store, kept: Path) -> None:
    path = write_zip(tmp_path / "records.zip", MANY)
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    with pytest.raises(SourceError, match="no zip file"):
        shop.open(str(path), MAL)
    assert list(kept.iterdir()) == []
    path.write_bytes(whole[:200] + b"\0" * 100 + whole[300:])
    header = shop.open(str(path), MAL).header
    assert header["counts"]["unreadable"] >= 1
    assert header["counts"]["records"] >= MANY - 5


def test_text_that_is_too_large(tmp_path: Path, shop: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_TEXT", 2**20)
    folder = tmp_path / "records"
    folder.mkdir()
    put(folder, make_record("a", "MAL-1", ["1"]), make_record("b", "MAL-2", ["1"], details="x" * 2**20))
    counts = Counts(**shop.open(str(folder), MAL, rebuild=True).header["counts"])
    assert (counts.records, counts.unreadable) == (1, 1)
    assert "larger than 1 MiB" in counts.problems[0]


def test_store_is_what_the_module_says() -> None:
    assert store.machine_folder("linux") == "/var/lib/indexguard/advisories"


def test_a_bad_record_of_a_list_is_noted_and_the_others_count(tmp_path: Path, shop: Store) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps([make_record("a", "MAL-1", ["1"]), {"id": 1}, make_record("b", "MAL-2", ["1"])]))
    index = shop.open(str(path), MAL)
    counts = Counts(**index.header["counts"])
    assert (counts.records, counts.unreadable) == (2, 1)
    assert counts.problems == [f"{path}: [1]: it has no `id`, or one that is none"]
    assert of(index).find_versions(Name("b"), "1")


def test_a_list_that_is_cut_off_counts_as_far_as_it_goes(tmp_path: Path, shop: Store) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps([make_record(name, f"MAL-{name}", ["1"]) for name in "abc"])[:-30])
    counts = Counts(**shop.open(str(path), MAL).header["counts"])
    assert (counts.records, counts.unreadable) == (2, 1)


@pytest.mark.parametrize("text", ["{", "[1, 2]", '[{"id": "MAL-1", "affected": [', '{"vulns": [1]}', ""])
def test_one_file_of_which_nothing_can_be_read_is_refused(tmp_path: Path, shop: Store, kept: Path, text: str) -> None:
    path = tmp_path / "records.json"
    path.write_text(text)
    for rebuild in (False, True):
        with pytest.raises(SourceError, match="no record that can be read"):
            shop.open(str(path), MAL, rebuild=rebuild)
    assert list(kept.iterdir()) == []


def test_a_file_may_be_larger_than_a_record(tmp_path: Path, shop: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_RECORD", 3000)
    path = put(
        tmp_path / "records.json",
        *(make_record(f"a{number}", f"MAL-{number}", ["1"]) for number in range(20)),
        make_record("large", "MAL-99", ["1"], details='{"[\\\\"' * 3000),
        make_record("nested", "MAL-98", ["1"], details=NESTED),
        make_record("last", "MAL-97", ["1"]),
    )
    path.write_text(path.read_text().replace(json.dumps(NESTED), "[" * 100_000 + "]" * 100_000))
    counts = Counts(**shop.open(str(path), MAL).header["counts"])
    assert (counts.records, counts.unreadable) == (21, 2)
    assert "too large" in counts.problems[0]
    assert "nested" in counts.problems[1] or "too large" in counts.problems[1]  # as deep as this Python goes
    answer = tmp_path / "answer.json"
    answer.write_text(f'{{ "vulns" : {path.read_text()}, "next_page_token": "x"}}')
    assert Counts(**shop.open(str(answer), MAL).header["counts"]).records == counts.records
    answer.write_text(json.dumps(make_record("large", "MAL-99", ["1"], details="x" * 3000)))
    with pytest.raises(SourceError, match="too large for a record"):
        shop.open(str(answer), MAL)


def test_what_cannot_be_read_is_told_in_a_run(tmp_path: Path) -> None:
    (tmp_path / "records.json").write_text(json.dumps([1, make_record("a", "MAL-1", ["1"])]))
    text = b'version = 1\n[advisories]\npaths = ["records.json"]\n'
    policy = str(tmp_path / "policy.toml")
    told: list[str] = []
    assert open_advisories(Layer("environment", policy, "", read_policy(text, policy)), told.append) is not None
    (line,) = told
    assert "records.json: 1 record that cannot be read does not count: " in line
    assert "[0]: it is no record" in line


def test_an_index_of_roots_is_not_looked_through_by_others(
    tmp_path: Path, shop: Store, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes an index of root's")
    path = write_folder(tmp_path / "records", MANY)
    monkeypatch.setattr(sources, "_FEW", 10)
    shop.open(str(path), MAL)
    (index,) = kept.iterdir()
    os.utime(index, (time.time() - 700,) * 2)
    monkeypatch.setattr(os, "geteuid", lambda: 61234)

    def refuse(_path: str) -> None:
        raise AssertionError("it was looked through")

    monkeypatch.setattr(sources, "_take_folder", refuse)
    assert of(shop.open(str(path), MAL)).find_versions(Name("evil-1"), "1.1")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(AssertionError, match="looked through"):
        shop.open(str(path), MAL)


def test_several_threads_may_ask(tmp_path: Path, shop: Store) -> None:
    path = str(write_zip(tmp_path / "records.zip", MANY))
    names = [Name(f"{word}-{count}") for count in range(150) for word in ("evil", "good")]
    known = of(shop.open(path, MAL))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(known.knows, names))
    finally:
        sys.setswitchinterval(before)
    assert answers == [True, False] * 150
