"""Names, patterns, version ranges, and the versions that file names claim."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from integration.harness.cases import read_cases

from indexguard._vendor.packaging.utils import canonicalize_name
from indexguard.patterns import (
    Name,
    Pattern,
    find_names,
    find_version,
    normalise_name,
    normalise_names,
    parse_pattern,
    split_entry,
)

CASES = read_cases(__file__)


@pytest.mark.parametrize("name", ["Acme_Core", "acme.core", "ACME-CORE", "acme-_.core", "acme--core"])
def test_names_compare_normalised(name: str) -> None:
    assert normalise_name(name) == "acme-core"
    assert parse_pattern(name) == Pattern("acme-core", exact=True)


@pytest.mark.parametrize(
    ("text", "stem", "exact"),
    CASES["patterns"],
)
def test_patterns(text: str, stem: str, *, exact: bool) -> None:
    pattern = parse_pattern(text)
    assert pattern == Pattern(stem, exact)
    assert parse_pattern(str(pattern)) == pattern
    assert pattern.is_catch_all is (text == "*")


NO_STAR = ["", " ", "-a", "a-", "a ", "!a", "^a", "a|b", "[ab]", "a?", "a\n", "a>=1", "a[x]", "a/b", "a@b", "a;b"]
NOT_ASCII = ["\u00e9", "\u212a"]
MISPLACED_STAR = ["**", "a*b", "*a", "a**", "-*", "_*", "a*\n"]


@pytest.mark.parametrize("text", [*NO_STAR, *NOT_ASCII, *MISPLACED_STAR])
def test_everything_else_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match="is not a project name"):
        parse_pattern(text)


def test_a_namespace_does_not_cover_its_neighbour() -> None:
    unit = (parse_pattern("acme"), parse_pattern("acme-*"))
    matched = [name for name in ("acme", "acme-x", "acmecorp", "acm") if any(p.matches(Name(name)) for p in unit)]
    assert matched == ["acme", "acme-x"]


def test_rank() -> None:
    texts = ["*", "a*", "abc*", "abc-*", "a", "abcde"]
    assert sorted({*texts}, key=lambda text: parse_pattern(text).rank) == texts


ENTRIES = st.lists(st.text("aB1-_.*>\n \u212a", max_size=6) | st.integers() | st.text(max_size=4), max_size=8)


@given(ENTRIES)
@example([])
@example(["", "a"])
@example(["a\nb", "c"])
@example(["a--b", "c._-.d"])
@example(["a", 1, "B-", "-c", "D.e"])
def test_names_in_bulk_are_the_names_one_by_one(entries: list[object]) -> None:
    places, names = [], []
    for place, entry in enumerate(entries):
        try:
            pattern = parse_pattern(entry) if isinstance(entry, str) else None
        except ValueError:
            continue
        if pattern is not None and pattern.exact:
            places.append(place)
            names.append(pattern.stem)

    bare = normalise_names(entries)

    assert (list(bare.places), list(bare.names)) == (places, names)
    assert sorted([*bare.places, *bare.others]) == list(range(len(entries)))


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True))
def test_a_normalised_name_is_its_own(name: str) -> None:
    assert normalise_name(normalise_name(name)) == normalise_name(name) == parse_pattern(name).stem


# Versions


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ("numpy", ("numpy", "")),
        ("numpy>=2,<3", ("numpy", ">=2,<3")),
        (" numpy == 2.* ", ("numpy", "== 2.*")),
        ("types-*!=1", ("types-*", "!=1")),
        ("x~=1.2", ("x", "~=1.2")),
        ("x===1.0", ("x", "===1.0")),
    ],
)
def test_split_entry(entry: str, parts: tuple[str, str]) -> None:
    assert split_entry(entry) == parts


@pytest.mark.parametrize(
    "entry", ["x[extra]", "x[extra]>=1", "x; python_version>'3'", "x @ https://a.example/", "x (>=1)", "x y"]
)
def test_what_a_requirement_may_hold_beside(entry: str) -> None:
    with pytest.raises(ValueError, match="is not a name or pattern"):
        split_entry(entry)


@pytest.mark.parametrize(
    ("filename", "version"),
    [*CASES["claims"], *((name, None) for name in CASES["claims_none"])],
)
def test_the_version_that_a_file_name_claims(filename: str, version: str | None) -> None:
    assert find_version(filename, Name("acme-core")) == version


@given(st.text("acme-core1._wheltrgz", max_size=30), st.sampled_from(["acme", "acme-core", "1"]))
@example("acme-core-acme-1.tar.gz", "acme-core")
@example("-".join("acme-core-1-1-1-1-1-1-1-1") + ".zip", "acme-core")
def test_any_file_name_has_a_version_or_none(filename: str, name: str) -> None:
    version = find_version(filename, Name(name))
    assert version is None or version in filename
    names = find_names(filename)
    assert version is None or names is None or name in names


@given(st.text(alphabet="abzABZ019-_.\u0130\u00df", max_size=20))
def test_normalisation_is_that_of_packaging(name: str) -> None:
    assert str(normalise_name(name)) == canonicalize_name(name)


@pytest.mark.parametrize(
    "filename", ["a-" * 100_000 + ".tar.gz", "a" + "-_" * 100_000 + ".zip", "foo-1" + "-py3\n" * 50_000 + "x.tar.gz"]
)
def test_a_long_file_name_is_read_in_few_steps(filename: str) -> None:
    steps = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event == "c_call"

    sys.setprofile(count)
    try:
        find_version(filename, Name("foo"))
    finally:
        sys.setprofile(None)
    assert 0 < steps < 100
