"""What never comes in, by ways that a page, a requirement or a file may take round the first look."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from integration.bench.advisories import make_record
from integration.harness.dists import Dist

from support.inpip_bench import Bench

EVIL = Dist("foo", "1.1", "public")


def by_records(bench: Bench, folder: Path, *records: dict[str, Any]) -> str:
    """Return the policy that goes by records."""
    (folder / "records.json").write_text(json.dumps(records))
    return f'{bench.policy}[advisories]\npaths = ["{folder / "records.json"}"]\n'


def named_by_content(dist: Dist) -> dict[str, Any]:
    """Return a record that names a file, as another project's."""
    return make_record("another", "MAL-2026-1", ["6.6"], sha256=[dist.sha256])


def test_a_pinned_hash_is_not_the_pages(bench: Bench, tmp_path: Path) -> None:
    """A requirement's own hash makes pip pass over the one in the URL."""
    bench.public.list("foo", f"{bench.public.keep(EVIL)}#sha256={'0' * 64}")
    (tmp_path / "requirements.txt").write_text(f"foo==1.1 --hash=sha256:{EVIL.sha256}\n")
    done = bench.install(
        "-r", tmp_path / "requirements.txt", policy=by_records(bench, tmp_path, named_by_content(EVIL))
    )
    assert (done.code, done.origins) == (1, {})


def test_a_file_of_a_local_page(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / EVIL.filename).write_bytes(EVIL.content)
    policy = by_records(bench, tmp_path, named_by_content(EVIL))
    done = bench.install("foo", "--find-links", tmp_path, policy=policy)
    assert (done.code, done.origins) == (0, {"foo": "public"})
    assert ("dropped", "advisory") in done.codes
    assert "dropped 1.1 of a file or link (advisory: MAL-2026-1, by the file's sha256)" in done.output
    assert bench.install(tmp_path / EVIL.filename, policy=policy).origins == {}


def test_metadata_of_another_version_than_the_files(bench: Bench) -> None:
    """The legacy resolver does not compare the two."""
    lying = Dist(
        "foo",
        "1.0",
        "public",
        more=(("foo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: foo\nVersion: 6.6\n"),),
    )
    bench.public.publish(lying)
    policy = f'{bench.policy}[[deny]]\npackages = ["foo==6.6"]\n'
    done = bench.install("foo", "--use-deprecated=legacy-resolver", policy=policy)
    assert (done.code, done.origins) == (1, {})


@pytest.mark.parametrize("command", [("index", "versions", "foo"), ("download", "foo")])
def test_other_commands(bench: Bench, tmp_path: Path, command: tuple[str, ...]) -> None:
    bench.public.publish(Dist("foo", "1.0", "public"), EVIL)
    done = bench.pip(*command, policy=by_records(bench, tmp_path, make_record("foo", "MAL-2026-1", ["1.1"])))
    assert done.code == 0
    assert "1.1 from" in done.output
    assert ("dropped", "advisory") in done.codes


def test_audit_of_a_reference(bench: Bench, tmp_path: Path) -> None:
    policy = 'mode = "audit"\n' + by_records(bench, tmp_path, make_record("foo", "MAL-2026-1", ["1.1"]))
    done = bench.install(f"foo @ {bench.public.url[:-8]}{bench.public.keep(EVIL)}", policy=policy)
    assert (done.code, done.origins) == (0, {"foo": "public"})
    assert [event["code"] for event in done.events if event["event"] == "would-refuse"] == ["advisory"]


def test_records_that_say_nothing_and_some_that_cannot_be_read(bench: Bench, tmp_path: Path) -> None:
    done = bench.install("foo", policy=by_records(bench, tmp_path))
    assert (done.code, "no source holds a record of PyPI that counts (MAL-)" in done.output) == (0, True)
    policy = by_records(bench, tmp_path)
    (tmp_path / "records.json").write_bytes(b"PK\x03\x04")
    done = bench.install("foo", policy=policy)
    assert (done.code, "it is no zip file that can be read" in done.output) == (1, True)
    assert "policy-unreadable" in done.output


UNREADABLE = {
    "a file that ends in an error": lambda place: place.symlink_to("/proc/self/mem"),
    "one that nobody may open": lambda place: place.symlink_to("/proc/sys/vm/compact_memory"),
    "one that is not there": lambda place: place.symlink_to("nowhere"),
    "a folder": Path.mkdir,
}


@pytest.mark.skipif(sys.platform != "linux", reason="the files that cannot be read are Linux's")
@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_is_no_trouble_to_others(
    bench: Bench, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """A pip does not open what it does not choose; what cannot be read cannot be installed either."""
    good = Dist("foo", "0.9", "local")
    (tmp_path / good.filename).write_bytes(good.content)
    make(tmp_path / "foo-1.1-py3-none-any.whl")
    policy = by_records(bench, tmp_path, named_by_content(EVIL))
    done = bench.install("foo==0.9", "--find-links", tmp_path, policy=policy)
    assert (done.code, done.origins) == (0, {"foo": "local"}), done.output


@pytest.mark.skipif(sys.platform != "linux", reason="the files that cannot be read are Linux's")
@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_is_refused_by_pip_itself(
    bench: Bench, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / EVIL.filename)
    policy = by_records(bench, tmp_path, named_by_content(EVIL))
    done = bench.install(tmp_path / EVIL.filename, policy=policy)
    assert (done.code, done.origins) == (1, {})
    assert "guard-broken" not in done.output
    assert "Traceback" not in done.output


def test_a_reason_is_shown_as_it_is_no_terminals(bench: Bench) -> None:
    policy = f'{bench.policy}[[deny]]\npackages = ["foo"]\nreason = "\\u001b[31mred\\nand more"\n'
    done = bench.install("foo", policy=policy)
    assert done.code == 1
    assert "\x1b" not in done.output
    assert "\\x1b[31mred" in done.output
