"""What `init` writes is what the reader reads."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from indexguard.cli.policy.policy_text import IndexTable, render
from indexguard.patterns import normalise_name
from indexguard.policy.reader import read_policy

NAMES = st.lists(
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,30}[A-Za-z0-9])?", fullmatch=True), min_size=1, max_size=40
)


@settings(deadline=None)  # not a benchmark
@given(NAMES, st.text(), st.booleans())
def test_round_trip(names: list[str], comment: str, insecure: bool) -> None:
    unique = tuple({normalise_name(name): name for name in names}.values())
    tables = [
        IndexTable("corp-1", "http://corp.example/simple/", (), unique, insecure=True, comments=(comment,)),
        IndexTable("pypi", "pypi", (), ("*",), insecure=insecure, comments=(comment, comment)),
    ]
    policy = read_policy(render([comment], tables).encode("utf-8", "surrogatepass"), "test")
    assert {str(rule.pattern) for rule in policy.rules} == {*map(normalise_name, unique), "*"}
    assert [index.name for index in policy.indexes] == ["corp-1", "pypi"]


def test_text_is_what_a_person_would_write() -> None:
    text = render(
        ["One sentence."],
        [IndexTable("corp", "https://corp.example/", ("acme",), tuple(f"name-{n}" for n in range(12)))],
    )
    assert text.splitlines()[:7] == [
        "# One sentence.",
        "version = 1",
        "",
        "[indexes.corp]",
        'url = "https://corp.example/"',
        'namespaces = ["acme"]',
        "packages = [",
    ]


def test_a_secret_of_whoever_runs_init_is_not_written() -> None:
    secret = "C4dyQKtkHBgCrqspXX"  # noqa: S105  # planted
    tables = [
        IndexTable("corp", f"https://dl.example/{secret}/org/simple/", ("acme",), ()),
        IndexTable("rest", f"https://dl.example/{secret}/", (), ("*",)),
    ]
    policy = read_policy(render([], tables).encode(), "test")
    assert [str(index.urls[0]) for index in policy.indexes] == [
        "https://dl.example/{token}/org/simple/",
        f"https://dl.example/{secret}/",
    ]
