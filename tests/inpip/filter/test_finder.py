"""The filter, name by name: which hash counts, which index an answer belongs to, and what ends a run."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any, Callable

import pytest
from integration.harness.dists import Dist

from indexguard.decision import outcome
from indexguard.inpip.filter import ambiguous
from indexguard.inpip.filter.pages import configured_places
from indexguard.inpip.run import Run
from indexguard.inpip.search.page import Page
from indexguard.inpip.search.search import Search
from indexguard.patterns import Name
from indexguard.policy.identity import Location, parse_location
from support.inpip_bench import Bench
from support.strategies import make_run

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("fragment", "digest"),
    [
        (f"#sha256={A}", A),
        ("", None),
        (f"#md5={A[:32]}", None),
        (f"#sha512={A}{A}", None),
        # pip checks the first: the second says nothing of the file.
        (f"#md5={A[:32]}&sha256={B}", None),
    ],
)
def test_only_the_hash_that_pip_checks_counts(
    pip_module: Callable[[str], Any], fragment: str, digest: str | None
) -> None:
    link = pip_module("_internal.models.link").Link(f"https://h.example/acme-1.0.tar.gz{fragment}")
    assert ambiguous.sha256_of(link) == digest


def test_a_hash_in_the_query_counts_only_if_pip_checks_it(pip_module: Callable[[str], Any]) -> None:
    link = pip_module("_internal.models.link").Link(f"https://h.example/acme-1.0.tar.gz?x=1&sha256={B}#md5={A[:32]}")
    # pip < 22.3 does check the file against it.
    assert ambiguous.sha256_of(link) != B or link.hash == B


@pytest.fixture
def run() -> Run:
    """A run without a policy."""
    return make_run(built_in=True, pypi=None)


@pytest.mark.parametrize(
    ("answered", "identity"),
    [
        ("https://h.example/simple/acme/", "https://h.example/simple/"),
        ("https://h.example/simple/team/acme/", "https://h.example/simple/team/"),
        ("https://h.example/simple-evil/acme/", "https://h.example/simple-evil/"),
        ("https://moved.example/x/acme/", "https://moved.example/x/"),
        ("https://links.example/wheels/", "https://links.example/"),
    ],
)
def test_the_index_that_answered_is_the_longest_that_holds_the_page(
    run: Run, pip_module: Callable[[str], Any], answered: str, identity: str
) -> None:
    scope = pip_module("_internal.models.search_scope").SearchScope
    urls = ["https://h.example/simple/", "https://h.example/simple/team/"]
    options = {"no_index": False} if "no_index" in inspect.signature(scope.create).parameters else {}  # pip >= 22.3
    made: Any = SimpleNamespace(search_scope=scope.create(["https://links.example/"], urls, **options))
    page = Page(urls[0], f"{urls[0]}acme/", parse_location(urls[0]), is_index=True)
    page.answered = parse_location(answered)
    places = configured_places(run, made, Search(Name("acme"), run.authority(Name("acme"))))
    assert ambiguous.find_identity(places, page) == parse_location(identity)


def test_an_answer_without_identity_is_like_no_other() -> None:
    pages = [Page(f"https://{name}.example/", "", None, is_index=True) for name in ("one", "two")]
    first, second = (ambiguous.find_identity((), page) for page in pages)
    assert isinstance(first, Location)
    assert first != second


@pytest.mark.parametrize(
    ("specifier", "version", "satisfied"),
    [
        (None, "1.0", True),
        ("", "1.0", True),
        ("", "no version", True),
        ("<2", "1.0", True),
        ("<2", "2.0", False),
        (">=1", "2.0rc1", True),
        ("==1.0", "1.0+local", True),
        ("<2", "no version", False),
        # pip < 24.1 knows legacy specifiers; whether the file fits is not known, so it counts.
        ("~~nonsense", "1.0", True),
    ],
)
def test_whether_a_file_would_have_satisfied(specifier: str | None, version: str, *, satisfied: bool) -> None:
    assert outcome.satisfies(specifier or "", version) is satisfied


def test_the_attack_and_its_words(bench: Bench) -> None:
    done = bench.install("acme-core", "foo", policy=bench.policy)
    assert (done.code, done.origins) == (0, {"acme_core": "corp", "foo": "public"})
    assert (
        f"WARNING: indexguard: acme-core: dropped 99.0 from {bench.public.url} (shadowed-name); kept 1.0" in done.output
    )
    assert ("shadowed", "shadowed-name") in done.codes
    assert [event["name"] for event in done.events if event["event"] == "selected"] == ["acme-core", "foo"]


def test_nothing_is_left(bench: Bench) -> None:
    done = bench.install("acme-core>=2", policy=bench.policy)
    assert (done.code, done.origins) == (1, {})
    assert "shadowed-name" in done.output
    assert ("refused", "shadowed-name") in done.codes


def test_no_other_source_stands_in_for_an_index_that_failed(bench: Bench) -> None:
    bench.corp.answers["/simple/foo/"] = (503, {}, b"")
    policy = bench.policy + '[[merge]]\npackages = ["foo"]\nindexes = ["corp", "public"]\n'
    done = bench.install("foo", policy=policy)
    assert (done.code, done.origins) == (1, {})
    assert "index-failed" in done.output
    assert "unfit" not in done.output  # the other index has a file that fits


def test_the_same_index_in_two_spellings_is_one(bench: Bench) -> None:
    done = bench.install("foo", policy=bench.policy, PIP_EXTRA_INDEX_URL=f"{bench.public.url} {bench.public.url[:-1]}")
    assert (done.code, done.origins) == (0, {"foo": "public"})


def test_without_a_policy_a_name_that_two_offer_is_refused(bench: Bench) -> None:
    done = bench.install("acme-core")
    assert (done.code, done.origins) == (1, {})
    assert "ambiguous-name" in done.output
    assert "indexguard init" in done.output
    assert bench.install("foo").origins == {"foo": "public"}


LOOKED_UP_AGAIN = """
import sys
from pip._internal.commands import create_command
from pip._internal.utils.hashes import Hashes
command = create_command("install")
options, names = command.parse_args(sys.argv[1:])
with command.main_context():
    finder = command._build_package_finder(options, command.get_default_session(options))
    for name in names:
        name, _, digest = name.partition("#")
        if digest:  # as a requirement with a hash does
            finder.find_best_candidate(name, hashes=Hashes({"sha256": [digest]}))
            continue
        found = finder.find_all_candidates(name)
        print(name, sorted(str(candidate.version) for candidate in found))
"""


@pytest.mark.parametrize(
    "names",
    [
        ("acme-core", "Acme_Core", "acme-core"),
        ("Acme_Core", "acme.core", "ACME-core", "Acme_Core", "acme.core"),
        (f"Acme_Core#{'0' * 64}", "acme-core", "Acme_Core"),
    ],
)
def test_a_name_that_is_spelt_in_several_ways_stays_ambiguous(bench: Bench, names: tuple[str, ...]) -> None:
    # pip makes a list for each spelling, and comes back to the first one long after its pages are forgotten.
    both = Dist("acme-core", "0.5", "corp")
    for index in (bench.corp, bench.public):
        index.publish(both)
        index.list(
            "acme-core", *(f"{index.keep(it)}#sha256={it.sha256}" for it in (both, Dist("acme-core", "9", index.url)))
        )
    environ = {"PIP_INDEX_URL": bench.corp.url, "PIP_EXTRA_INDEX_URL": bench.public.url}
    done = bench.python("-c", LOOKED_UP_AGAIN, *names, environ=environ)
    assert done.code == 0, done.output
    plain = tuple(name for name in names if "#" not in name)
    lines = [line for line in done.output.splitlines() if line.startswith(plain)]
    assert lines == [f"{name} ['0.5', '0.5']" for name in plain]


def test_a_file_of_another_name_is_an_offer_if_pip_takes_it_for_one(bench: Bench) -> None:
    evil = bench.public.keep(Dist("acme-core", "99.0", "public", kind="sdist"))
    bench.public.answers["/files/x.tar.gz"] = bench.public.answers[evil]
    bench.public.list("acme-core", "/files/x.tar.gz#egg=acme-core-99.0")
    done = bench.install("acme-core", "--no-build-isolation")
    assert (done.code, done.origins) == (1, {})
    assert "ambiguous-name" in done.output


def test_alike_is_said_of_the_file_that_pip_will_take(bench: Bench) -> None:
    genuine = Dist("acme-core", "1.0", "corp")
    evil = bench.public.keep(Dist("acme-core", "1.0", "evil"), "/evil")
    bench.public.publish(genuine)
    assert bench.install("acme-core").origins == {"acme_core": "corp"}
    bench.public.list("acme-core", evil, f"{bench.public.keep(genuine)}#sha256={genuine.sha256}")
    done = bench.install("acme-core")
    assert (done.code, done.origins) == (1, {})


@pytest.mark.parametrize(
    ("filename", "digest", "is_it"),
    [
        ("a-1.0.whl", "1" * 64, True),
        ("a-1.0.whl", "2" * 64, False),
        ("a-1.0.whl", None, False),
        ("b.whl", "1" * 64, False),
    ],
)
def test_a_file_that_no_index_lists_must_be_the_very_one_that_all_offer(
    filename: str, digest: str | None, *, is_it: bool
) -> None:
    # Which of two files of one name and version pip takes is its own matter, so that a whole run would prove nothing.
    link: Any = SimpleNamespace(filename=filename, hash_name=digest and "sha256", hash=digest)
    assert ambiguous.is_among({"a-1.0.whl": "1" * 64}, link) is is_it


@pytest.mark.parametrize("spelt", ["htps://corp.example/simple/", "corp.example:8080/simple/", "//corp.example/"])
def test_without_a_policy_an_index_that_nobody_can_read_is_one_that_failed(bench: Bench, spelt: str) -> None:
    done = bench.install("foo", PIP_EXTRA_INDEX_URL=spelt, PIP_INDEX_URL=bench.public.url)
    assert (done.code, done.origins) == (1, {})
    assert "index-failed" in done.output
