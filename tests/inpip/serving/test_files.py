"""The files of a page, by what a policy asks of them: a real pip, and pages that tell whatever they like."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from integration.harness.dists import Dist

from support.inpip_bench import Bench, Done

OLD, NEW = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


def publish(bench: Bench, told: dict[str, dict[str, Any]], **more: Any) -> None:
    """Offer versions of `foo` on the public index, on a JSON page that tells something of each."""
    files = []
    for version, says in told.items():
        dist = Dist("foo", version, f"public {version}")
        entry = {"filename": dist.filename, "url": bench.public.keep(dist), "hashes": {"sha256": dist.sha256}}
        files.append({**entry, **says})
    body = json.dumps({"meta": {"api-version": "1.1"}, "name": "foo", "files": files, **more}).encode()
    bench.public.answers["/simple/foo/"] = (200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, body)


def install(bench: Bench, asks: str, *args: str, more: str = "", **environ: str) -> Done:
    """Install `foo` where the public index asks something of its files."""
    return bench.install("foo", *args, policy=f"{bench.policy}{asks}\n{more}", **environ)


def events(done: Done, kind: str) -> list[dict[str, Any]]:
    """Return the events of one kind."""
    return [event for event in done.events if event["event"] == kind]


def test_what_is_dropped_and_why(bench: Bench) -> None:
    publish(bench, {"1.0": {"upload-time": OLD}, "2.0": {"upload-time": NEW}, "3.0": {}})
    done = install(bench, 'min-age = "3d"')
    assert (done.code, done.origins) == (0, {"foo": "public 1.0"})
    assert "dropped 3.0, 2.0 from " in done.output
    assert "(too-young: 3.0: nobody tells when it was uploaded); kept 1.0 from " in done.output
    assert "indexes.public.min-age in " in done.output
    (dropped,) = events(done, "dropped")
    assert dropped["rule"]["key"] == "indexes.public.min-age"
    assert dropped["message"] == "3.0: nobody tells when it was uploaded"
    assert [offer.get("uploaded") for offer in dropped["offered"]] == [None, NEW]
    (selected,) = events(done, "selected")
    assert selected["chosen"]["uploaded"] == OLD


@pytest.mark.parametrize(
    "told",
    [
        {"upload-time": ["2020-01-01T00:00:00Z"]},
        {"upload-time": {}},
        {"upload-time": "2020-01-01"},
        {"upload-time": 1577836800},
        {"upload-time": "\u0662\u0660\u0662\u0660-01-01T00:00:00Z"},
        {"upload-time": None},
    ],
)
def test_a_time_that_is_none(bench: Bench, told: dict[str, Any]) -> None:
    publish(bench, {"1.0": told})
    done = install(bench, 'min-age = "3d"')
    assert (done.code, done.origins, "Traceback" in done.output) == (1, {}, False)
    # pip >= 26.0 reads it too, and has no page where it is of another type.
    assert "too-young" in done.output or "index-failed" in done.output
    allowed = install(bench, 'min-age = { for = "3d", unknown = "allow" }')
    assert allowed.origins == ({"foo": "public 1.0"} if "too-young" in done.output else {})


def test_the_hint_says_until_when_and_what_is_old_enough(bench: Bench) -> None:
    publish(bench, {"1.0": {"upload-time": OLD}, "2.0": {"upload-time": NEW}})
    done = install(bench, 'min-age = "3d"', "foo>1")
    assert done.code == 1
    told = " ".join(done.output.split())
    assert "wait until 2999-01-04 00:00 UTC, when foo 2.0 is old enough; or ask for 1.0, the newest" in told
    # Who does what the hint says has what it says.
    assert install(bench, 'min-age = "3d"', "foo==1.0").origins == {"foo": "public 1.0"}
    waiver = '[[waive]]\ncode = "too-young"\npackages = ["foo==2.0"]\nreason = "SEC-1"\nexpires = 2999-01-01\n'
    done = install(bench, 'min-age = "3d"', "foo>1", more=waiver)
    assert done.origins == {"foo": "public 2.0"}
    (waived,) = events(done, "waived")
    assert (waived["code"], waived["rule"]["key"], waived["versions"]) == ("too-young", "waive[0]", ["2.0"])


def test_status_without_a_key(bench: Bench) -> None:
    for status, code in (("active", 0), ("quarantined", 1), ("archived", 0), ("of-a-later-version", 0)):
        publish(bench, {"1.0": {}}, **{"project-status": {"status": status}})
        done = install(bench, "")
        assert (status, done.code, ("noticed", "status") in done.codes) == (status, code, status == "archived")
        assert ("status.quarantined" in done.output) == (code == 1)
    done = install(bench, "", more='[status]\narchived = "warn"')
    assert "WARNING" not in done.output


def test_without_these_keys_nothing_of_it_is_loaded(bench: Bench) -> None:
    publish(bench, {"1.0": {"upload-time": OLD}}, **{"project-status": {"status": "active"}})
    quiet = install(bench, "", PYTHONVERBOSE="1")
    asked = install(bench, 'min-age = "3d"', PYTHONVERBOSE="1")
    for folder in ("/policy/serving/", "/inpip/serving/", "/decision/serving"):
        assert (f"indexguard{folder}" in quiet.output, f"indexguard{folder}" in asked.output) == (False, True), folder


def test_two_places_with_one_name(bench: Bench) -> None:
    for index, origin in ((bench.corp, "corp"), (bench.public, "public")):
        index.publish(Dist("foo", "1.0", origin), Dist("foo", "2.0", "alike"))
    policy = f"""
[indexes.corp]
url = ["{bench.corp.url}", "{bench.public.url}"]
packages = ["foo"]
"""
    done = bench.install("foo", policy=policy)
    assert done.origins == {"foo": "alike"}
    (selected,) = events(done, "selected")
    chosen = selected["chosen"]
    assert [rival["index"] for rival in chosen["rivals"]] == [
        ({bench.corp.url, bench.public.url} - {chosen["index"]}).pop()
    ]
    assert chosen["why"] in [
        f"pip took the {place} of the indexes that list this file name" for place in ("first", "last")
    ]
    done = bench.install("foo<2", policy=policy)
    assert (done.code, done.origins, "hash-mismatch" in done.output) == (1, {}, True)


@pytest.mark.parametrize("asks", ['require-hashes = "index"', "[ledger]\npath = '{ledger}'"])
def test_pip_checks_the_hash_that_counts(bench: Bench, asks: str) -> None:
    dist = Dist("foo", "1.0", "public 1.0")
    md5 = hashlib.md5(dist.content, usedforsecurity=False).hexdigest()
    told = {"hashes": {"md5": md5, "sha256": "0" * 64}}
    publish(bench, {"1.0": told})
    assert install(bench, "").origins == {"foo": "public 1.0"}  # pip >= 23.0 looks at the first only
    done = install(bench, asks.format(ledger=bench.folder / "ledger.db"))
    assert (done.code, done.origins, "DO NOT MATCH THE HASHES" in done.output) == (1, {}, True), done.output
    publish(bench, {"1.0": {"hashes": {"md5": md5, "sha256": dist.sha256}}})
    done = install(bench, asks.format(ledger=bench.folder / "ledger2.db"))
    assert done.origins == {"foo": "public 1.0"}


def test_two_places_of_which_one_only_says_that_its_file_is_the_same(bench: Bench) -> None:
    true, evil = Dist("foo", "1.0", "true"), Dist("foo", "1.0", "evil")
    bench.corp.publish(true)
    md5 = hashlib.md5(evil.content, usedforsecurity=False).hexdigest()
    entry = {"filename": evil.filename, "url": bench.public.keep(evil), "hashes": {"md5": md5, "sha256": true.sha256}}
    body = json.dumps({"meta": {"api-version": "1.1"}, "name": "foo", "files": [entry]}).encode()
    bench.public.answers["/simple/foo/"] = (200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, body)
    done = bench.install(
        "foo", policy=f'[indexes.corp]\nurl = ["{bench.corp.url}", "{bench.public.url}"]\npackages = ["foo"]\n'
    )
    assert done.origins in ({}, {"foo": "true"}), done.output


def test_the_text_of_a_page_does_not_reach_the_terminal(bench: Bench) -> None:
    publish(bench, {"1.0": {"hashes": {"\x1b[31mevil\nname": "\x1b[2J", "md5": "\x1b[2J"}}})
    done = install(bench, 'require-hashes = "index"')
    assert (done.code, done.origins, "the page gives none" in done.output) == (1, {}, True)
    assert "\x1b[2J" not in done.output
    assert "evil" not in done.output


def test_a_lock_names_a_file_that_pip_passes_over_on_the_page(bench: Bench) -> None:
    dist = Dist("foo", "1.0", "public 1.0")
    publish(bench, {"1.0": {"upload-time": NEW, "requires-python": ">=99"}})
    lock = bench.folder / "pylock.toml"
    lock.write_text(
        f"""lock-version = "1.0"
created-by = "somebody"
[[packages]]
name = "foo"
version = "1.0"
[[packages.wheels]]
name = "{dist.filename}"
url = "{bench.public.url.replace("/simple/", "/files/")}{dist.filename}"
hashes = {{ sha256 = "{dist.sha256}" }}
"""
    )
    policy = f'{bench.policy}files-from = ["127.0.0.1"]\nmin-age = "3d"\n'
    done = bench.install("-r", str(lock), policy=policy)
    assert (done.code, done.origins, "too-young" in done.output) == (1, {}, True), done.output
    publish(bench, {"1.0": {"upload-time": OLD, "requires-python": ">=99"}})
    done = bench.install("-r", str(lock), policy=policy)
    assert done.origins == {"foo": "public 1.0"}, done.output


def test_a_requirement_without_a_hash(bench: Bench) -> None:
    publish(bench, {"1.0": {}})
    done = install(bench, 'require-hashes = "pinned"')
    assert (done.code, "the requirement carries no --hash" in done.output) == (1, True)
    # The mark of a build is a variable of the environment, which loosens nothing.
    marked = install(bench, 'require-hashes = "pinned"', _INDEXGUARD_PARENT="run:requested:/nowhere")
    assert (marked.code, "hash-missing" in marked.output) == (1, True)
    digest = Dist("foo", "1.0", "public 1.0").sha256
    file = bench.folder / "requirements.txt"
    file.write_text(f"foo==1.0 --hash=sha256:{digest}\n")
    done = bench.install("-r", str(file), policy=f'{bench.policy}require-hashes = "pinned"\n')
    assert done.origins == {"foo": "public 1.0"}


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_url_that_is_listed_twice_the_first_hash_counts(bench: Bench, order: int) -> None:
    """An index lists another content beside the one that the ledger knows: pip takes the first of one URL, and checks it."""
    more = f"[ledger]\npath = '{bench.folder / 'ledger.db'}'\n[[deny]]\npackages = ['foo==9.0']\n"
    publish(bench, {"1.0": {"upload-time": OLD}})
    assert install(bench, 'min-age = "3d"', more=more).origins == {"foo": "public 1.0"}
    before, after = Dist("foo", "1.0", "public 1.0"), Dist("foo", "1.0", "public other")
    url = bench.public.keep(after)
    files = [
        {"filename": it.filename, "url": url, "hashes": {"sha256": it.sha256}, "upload-time": OLD}
        for it in (before, after)
    ]
    body = json.dumps({"meta": {"api-version": "1.1"}, "name": "foo", "files": files[::order]}).encode()
    bench.public.answers["/simple/foo/"] = (200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, body)
    done = install(bench, 'min-age = "3d"', more=more)
    assert (done.code, done.origins) == (1, {})
    dropped = [event for event in events(done, "dropped") if event["code"] == "hash-changed"]
    hashes = [[offer["hash"] for offer in event["offered"]] for event in dropped]
    assert hashes == ([] if order == 1 else [[f"sha256:{after.sha256}"]])
    assert ("THESE PACKAGES DO NOT MATCH THE HASHES" in done.output) is (order == 1)
