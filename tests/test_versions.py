"""Versions and version ranges, beside what packaging itself says of them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from integration.harness.cases import read_cases

from indexguard._vendor.packaging.specifiers import SpecifierSet
from indexguard._vendor.packaging.version import Version
from indexguard.ranges import Range, parse_range
from indexguard.versions import newest_first, parse_version

CASES = read_cases(__file__)


@pytest.mark.parametrize(
    ("allowed", "version", "inside"),
    CASES["ranges"],
)
def test_ranges(allowed: str, version: str, *, inside: bool) -> None:
    assert parse_range(allowed).contains(version) is inside


@pytest.mark.parametrize("text", ["2.0", "=2", "=>2", ">=two", "^2", ">=2 <3", "~=1", "latest"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="PEP 440"):
        parse_range(text)


VERSIONS = st.one_of(
    st.from_regex(r"\A[0-9]{1,3}(\.[0-9]{1,2}){0,3}((a|rc|\.post|\.dev|\+l)[0-9])?\Z"), st.text("1.0ar-", max_size=4)
)
CLAUSES = st.from_regex(r"\A ?(==|!=|<=|>=|<|>|~=|===|=|=>|) ?v?[0-9]{1,2}(\.[0-9*x]{0,2}){0,2}(a1|\.\*|\+l)? ?\Z")


@given(st.lists(CLAUSES, max_size=3).map(",".join), VERSIONS)
@example("==" + "9" * 5000, "1")
@example("===1", "1")
@example("\u0662", "1")
def test_range_is_refused_at_once_or_never(text: str, version: str) -> None:
    try:
        packagings = SpecifierSet(text)
        packagings.contains("1")  # whether Python converts its numbers
    except ValueError:
        with pytest.raises(ValueError, match="PEP 440"):
            Range(text)
        return
    found = Range(text)
    parsed = parse_version(version)
    assert found.contains(version) is (parsed is not None and packagings.contains(parsed, prereleases=True))
    assert found.contains(version, unparsable=True) is (parsed is None or found.contains(version))
    assert (str(found), found, hash(found)) == (str(packagings), Range(f"{text} "), hash(packagings))


def test_newest_first() -> None:
    versions = {"1.10", "1.9", "2.0rc1", "weird", "1.9.post1", "1.9.0"}
    newest = ["2.0rc1", "1.10", "1.9.post1", "1.9.0", "1.9", "weird"]
    assert [newest_first(versions, limit) for limit in range(8)] == [newest[:limit] for limit in range(8)]


@given(st.sets(VERSIONS), st.integers(0, 5))
@example({"9" * 5000, "9" * 3999, "1" * 4001}, 2)
def test_the_newest_of_many_are_the_first_of_all(versions: set[str], limit: int) -> None:
    in_order = newest_first(versions, len(versions))
    assert sorted(in_order) == sorted(versions)
    assert newest_first(versions, limit) == in_order[:limit]
    parsed = [Version(text) for text in in_order if parse_range("").contains(text)]
    assert parsed == sorted(parsed, reverse=True)
