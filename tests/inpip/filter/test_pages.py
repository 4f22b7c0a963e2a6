"""The filter, page by page: what is asked, what an index may say, and what only a probe meets."""

from __future__ import annotations

import inspect
import json
from types import SimpleNamespace
from typing import Any, Callable

import pytest
from integration.harness.children import write_policy
from integration.harness.dists import Dist

from indexguard.inpip.filter.pages import find_index_pages
from support.inpip_bench import Bench, Body, Done


def test_an_index_that_no_rule_names_is_not_asked(bench: Bench) -> None:
    policy = bench.policy.replace(bench.public.url, "https://public.example/")
    done = bench.install("acme-core", policy=policy)
    assert (done.code, done.origins) == (0, {"acme_core": "corp"})
    assert bench.public.asked == []
    assert f"{bench.public.url} is not asked (unknown-index" in done.output


def test_the_name_stays_in_the_house(bench: Bench) -> None:
    done = bench.install("acme-core", policy=bench.policy + '[shadow]\nprobe = "never"\n')
    assert (done.origins, bench.public.asked) == ({"acme_core": "corp"}, [])
    assert ("not-asked", "claimed-elsewhere") in done.codes


def test_an_index_that_forwards_is_refused(bench: Bench) -> None:
    bench.corp.answers["/simple/acme-core/"] = (302, {"Location": f"{bench.public.url}acme-core/"}, b"")
    done = bench.install("acme-core", policy=bench.policy + '[shadow]\nprobe = "never"\n')
    assert (done.code, done.origins) == (1, {})
    assert f"whatever it has from {bench.public.url}acme-core/ by way of {bench.corp.url} (redirected)" in done.output
    assert bench.public.asked == []
    (refused,) = [event for event in done.events if event["event"] == "refused"]
    assert (refused["index_asked"], refused["index_answered"]) == (bench.corp.url, f"{bench.public.url}acme-core/")


def test_a_range_and_the_place_of_files(bench: Bench) -> None:
    bench.public.publish(Dist("foo", "1.0", "public"), Dist("foo", "2.0", "public"))
    policy = bench.policy.replace('["*"]', '["*", "foo<2"]')
    assert bench.install("foo", policy=policy).origins == {"foo": "public"}
    done = bench.install("foo==2.0", policy=policy)
    assert (done.code, "version-not-allowed" in done.output) == (1, True)
    done = bench.install("foo", policy=policy.replace("public = true", 'public = true\nfiles-from = ["files.example"]'))
    assert (done.code, "file-elsewhere" in done.output) == (1, True)


HOSTILE = {
    "control characters": ["/f/acme-core-9%1b%5b31m%07%0aWARNING%3a+forged.tar.gz"],
    "a version without end": ["/f/acme-core-" + "9" * 5000 + ".tar.gz"],
    "a version that is none": ["/f/acme-core-not%20a%20version.tar.gz"],
    "a thousand files": [f"/f/acme-core-{number}.0.tar.gz" for number in range(1000)],
}


@pytest.mark.parametrize("links", HOSTILE.values(), ids=list(HOSTILE))
def test_a_squatter_changes_nothing_whatever_its_files_are_called(bench: Bench, links: list[str]) -> None:
    bench.public.list("acme-core", *links)
    done = bench.install("acme-core", policy=bench.policy)
    assert (done.code, done.origins) == (0, {"acme_core": "corp"})
    (warning,) = [line for line in done.output.splitlines() if "WARNING" in line]
    assert "shadowed-name" in warning
    assert len(warning) < 2000
    assert all(char.isprintable() for char in done.output if char != "\n")
    assert ("shadowed", "shadowed-name") in done.codes


def as_json(text: str) -> Body:
    return 200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, text.encode()


BROKEN: dict[str, Body] = {
    "a declaration without end": "<!DOCTYPE html><html><body><![foo[ bar",
    "broken JSON": as_json("[{]"),
    "JSON of another shape": as_json("[]"),
    "a URL that is none": as_json(
        json.dumps(
            {"meta": {"api-version": "1.0"}, "files": [{"filename": "acme_core-9-py3-none-any.whl", "url": "//[x"}]}
        )
    ),
    "an unknown encoding": (200, {"Content-Type": "text/html; charset=no-such"}, b"<html></html>"),
    "endless redirects": (302, {"Location": "/simple/acme-core/"}, b""),
    "a redirect to nowhere": (302, {"Location": "http://[x/"}, b""),
    "what is not compressed": (200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, b"plain"),
    "an error": (500, {}, b""),
    "another type": (200, {"Content-Type": "text/plain"}, b"words"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=list(BROKEN))
def test_a_probe_never_changes_the_outcome(bench: Bench, answer: Body) -> None:
    bench.public.answers["/simple/acme-core/"] = answer
    done = bench.install("acme-core", policy=bench.policy)
    assert (done.code, done.origins) == (0, {"acme_core": "corp"})
    assert "Traceback" not in done.output


@pytest.mark.parametrize("kind", ["a declaration without end", "an error", "another type"])
def test_the_names_own_index_must_answer_with_a_page(bench: Bench, kind: str) -> None:
    bench.corp.answers["/simple/acme-core/"] = BROKEN[kind]
    done = bench.install("acme-core", policy=bench.policy)
    assert (done.code, done.origins) == (1, {})
    assert "index-failed" in done.output
    assert "Traceback" not in done.output


def audit(bench: Bench) -> Done:
    """Install acme-core under a user's policy in audit mode, beside one that allows everything: it has the built-in rule."""
    folder = bench.folder / "config"
    write_policy(folder / "indexguard" / "policy.toml", f'version = 1\nmode = "audit"\n{bench.policy}')
    everything = f"""
[indexes.corp]
url = "{bench.corp.url}"
[indexes.public]
url = "{bench.public.url}"
[[merge]]
packages = ["*"]
indexes = ["corp", "public"]
"""
    return bench.install("acme-core", policy=everything, XDG_CONFIG_HOME=str(folder))


def test_audit_mode_asks_every_index_and_says_one_thing_of_it(bench: Bench) -> None:
    done = audit(bench)
    assert (done.code, done.origins) == (0, {"acme_core": "public"})
    found = [(event["event"], event["code"]) for event in done.events]
    assert found == [("would-refuse", "shadowed-name"), ("selected", None), ("sealed", None)]


INDEXES = ["https://h.example/simple/", "https://h.example/simple/team", "https://u:p@h.example/x/"]


def test_every_page_has_the_index_that_pip_was_told_of(pip_module: Callable[[str], Any]) -> None:
    scope = pip_module("_internal.models.search_scope").SearchScope
    options = {"no_index": False} if "no_index" in inspect.signature(scope.create).parameters else {}  # pip >= 22.3
    assert find_index_pages(scope.create([], INDEXES, **options), "Acme.Core") == {
        "https://h.example/simple/acme-core/": "https://h.example/simple/",
        "https://h.example/simple/team/acme-core/": "https://h.example/simple/team",
        "https://u:p@h.example/x/acme-core/": "https://u:p@h.example/x/",
    }


def test_a_pip_that_asks_other_indexes_for_a_project() -> None:
    # As pipenv's does: only the index that the Pipfile names for it.
    pages = ["https://u:p@h.example/x/acme-core/", "https://other.example/simple/acme-core/"]
    scope = SimpleNamespace(index_urls=INDEXES, get_index_urls_locations=lambda _name: pages)
    assert find_index_pages(scope, "acme-core") == {
        pages[0]: "https://u:p@h.example/x/",
        pages[1]: "https://other.example/simple/",
    }


@pytest.mark.parametrize("kind", ["a declaration without end", "endless redirects"])
def test_audit_mode_lets_no_other_index_stand_in_for_a_page_that_breaks_pip(bench: Bench, kind: str) -> None:
    bench.corp.answers["/simple/acme-core/"] = BROKEN[kind]
    done = audit(bench)
    # Unguarded, pip ends with a traceback of its own.
    assert (done.code != 0, done.origins) == (True, {})
    assert "index-failed" in done.output
    assert "Traceback" not in done.output


def test_without_a_policy_no_other_index_stands_in_for_a_page_that_breaks_pip(bench: Bench) -> None:
    bench.corp.answers["/simple/acme-core/"] = BROKEN["endless redirects"]
    done = bench.install("acme-core")
    assert (done.code, done.origins) == (1, {})
    assert "index-failed" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (["other-1.0.tar.gz"], "answered, but lists no file of this name (others, such as other-1.0.tar.gz)"),
        (["acme-1.0.tar.gz", "acme_corp-1.0.zip"], "answered, but lists no file of this name (others, such as acme-1.0"),
        ([], "answered, but lists no file\n"),
    ],
)
def test_a_page_that_lists_no_file_of_the_name_says_so(
    bench: Bench, listed: list[str], told: str, *, as_json: bool
) -> None:
    bench.corp.list("acme-core", *listed)
    if as_json:
        files = ", ".join(f'{{"filename": "{name}", "url": "{name}", "hashes": {{}}}}' for name in listed)
        body = f'{{"meta": {{"api-version": "1.0"}}, "name": "acme-core", "files": [{files}]}}'
        headers = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
        bench.corp.answers["/simple/acme-core/"] = 200, headers, body.encode()
    bench.public.publish(Dist("acme-core", "99.0", "public"))
    done = bench.install("acme-core", policy=bench.policy)
    assert (done.code, done.origins) == (1, {})
    assert f"{bench.corp.url} {told}" in done.output
