"""Rules by rank, indexes by place, and the public index by its token."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration.harness.cases import read_cases

from indexguard.errors import PolicyError
from indexguard.patterns import Name, Pattern, normalise_name, parse_pattern
from indexguard.policy.identity import PYPI, Location, find_location, parse_location
from indexguard.policy.log import LogSettings, SyslogAddress
from indexguard.policy.model import FilesFrom, Index, Layer, Policy
from indexguard.policy.reader import read_policy
from indexguard.policy.rules import Rule, Rules

CASES = read_cases(__file__)


def make_rules(*texts: str) -> Rules:
    """Return rules with these patterns; each has its text as key."""
    rules = Rules()
    for text in texts:
        assert rules.add(Rule(parse_pattern(text), ("a",), text)) is None
    return rules


@pytest.mark.parametrize(
    ("name", "key"),
    CASES["specific"],
)
def test_the_most_specific_pattern_decides(name: str, key: str) -> None:
    rules = make_rules("foo*", "*", "Foo", "foo-bar-*", "foo-*", "foo-bar-baz", "fooz")
    found = rules.find(Name(name))
    assert found is not None
    assert found.key == key


def test_rules_added_after_a_look_up_count() -> None:
    rules = make_rules("a-*")
    assert rules.find(Name("a-b-c")) == Rule(Pattern("a-", exact=False), ("a",), "a-*")
    rules.add(Rule(parse_pattern("a-b-*"), ("b",), "later"))
    found = rules.find(Name("a-b-c"))
    assert found is not None
    assert found.key == "later"


def test_the_same_pattern_is_not_added_twice() -> None:
    rules = make_rules("acme", "acme-*", "*")
    for text in ("ACME", "Acme_*", "*"):
        first = rules.add(Rule(parse_pattern(text), ("b",), "second"))
        assert first is not None
        assert first.indexes == ("a",)
    assert len(rules) == 3


def test_bare_names_are_added_at_once_or_not_at_all() -> None:
    rules = make_rules("x")
    assert rules.add_names([Name("a"), Name("b")], ("one",), "one.packages", [3, 7])
    assert not rules.add_names([Name("c"), Name("a")], ("two",), "two.packages")
    assert not rules.add_names([Name("c"), Name("c")], ("two",), "two.packages")
    assert not rules.add_names([Name("c"), Name("x")], ("two",), "two.packages")
    assert rules.find(Name("c")) is None
    assert rules.add_names([Name("c"), Name("d")], ("two",), "two.packages")
    assert [(str(rule.pattern), rule.indexes, rule.key) for rule in rules] == [
        ("x", ("a",), "x"),
        ("a", ("one",), "one.packages[3]"),
        ("b", ("one",), "one.packages[7]"),
        ("c", ("two",), "two.packages[0]"),
        ("d", ("two",), "two.packages[1]"),
    ]
    assert rules.add(Rule(parse_pattern("B"), ("z",), "z")) == rules.find(Name("b"))
    assert len(rules) == 5


def test_an_entry_is_valid_to_the_end_of_its_day() -> None:
    rule = Rule(parse_pattern("x"), ("a",), "k", expires=date(2027, 1, 31))
    assert not rule.is_expired(date(2027, 1, 31))
    assert rule.is_expired(date(2027, 2, 1))
    assert not rule._replace(expires=None).is_expired(date.max)


ALPHABET = "ab-"
NAMES = st.text(ALPHABET, min_size=1, max_size=6).map(normalise_name)
PATTERNS = st.builds(Pattern, NAMES | st.just(""), st.booleans()).filter(
    lambda pattern: pattern.stem or not pattern.exact
)


@given(st.lists(PATTERNS, max_size=12, unique=True), st.lists(NAMES, max_size=12, unique=True), NAMES)
def test_find_agrees_with_a_slow_search(patterns: list[Pattern], names: list[Name], asked: Name) -> None:
    patterns = [pattern for pattern in patterns if not pattern.exact or pattern.stem not in names]
    rules = Rules()
    assert rules.add_names(names, ("bulk",), "bulk")
    for pattern in patterns:
        assert rules.add(Rule(pattern, ("a",), str(pattern))) is None

    everything = [*patterns, *(Pattern(name, exact=True) for name in names)]
    matching = [pattern for pattern in everything if pattern.matches(asked)]

    found = rules.find(asked)
    assert (None if found is None else found.pattern) == max(matching, key=lambda pattern: pattern.rank, default=None)
    assert {rule.pattern for rule in rules} == set(everything)
    assert len(rules) == len(everything)


@given(st.lists(PATTERNS, max_size=8, unique=True), st.permutations(range(8)), NAMES)
def test_the_order_of_the_rules_does_not_count(patterns: list[Pattern], order: list[int], asked: Name) -> None:
    shuffled = [patterns[place] for place in order if place < len(patterns)]
    found = []
    for some in (patterns, shuffled):
        rules = Rules()
        for pattern in some:
            rules.add(Rule(pattern, ("a",), str(pattern)))
        found.append(rules.find(asked))
    assert found[0] == found[1]


@given(
    st.lists(PATTERNS, max_size=8, unique=True), st.text("abAB._-", max_size=8), st.text("._-", min_size=1, max_size=3)
)
def test_any_spelling_of_a_name_gives_the_same_rule(patterns: list[Pattern], text: str, separator: str) -> None:
    rules = Rules()
    for pattern in patterns:
        rules.add(Rule(pattern, ("a",), str(pattern)))
    spelled = separator.join(text.split("-")).upper()
    assert rules.find(normalise_name(spelled)) == rules.find(normalise_name(text))


# Indexes

CORP = Index("corp", (parse_location("https://corp.example/simple"), parse_location("https://new.example/")))
DEEP = Index("deep", (parse_location("https://corp.example/simple/deep"),))
PUBLIC = Index("public", (PYPI,), public=True)
SIMPLE = parse_location("https://index.example/simple/")


def test_asked_is_equal_and_answered_is_under() -> None:
    policy = Policy(indexes=(CORP, DEEP, PUBLIC))
    assert policy.find_index(parse_location("https://corp.example/simple/")) == CORP
    assert policy.find_index(parse_location("https://new.example")) == CORP
    assert policy.find_index(PYPI) == PUBLIC
    assert policy.find_index(parse_location("https://corp.example/simple/x/")) is None
    assert policy.find_owner(parse_location("https://corp.example/simple/acme/")) == CORP
    assert policy.find_owner(parse_location("https://corp.example/simple/deep/acme/")) == DEEP
    assert policy.find_owner(parse_location("https://corp.example/simple-evil/")) is None
    assert policy.find_owner(Location("pypi", "", 0, ("acme",))) == PUBLIC
    assert policy.index("deep") == DEEP
    with pytest.raises(KeyError):
        policy.index("none")


def test_the_public_index_by_its_address_is_the_token() -> None:
    named = Index("named", (SIMPLE, CORP.urls[0]))
    policy = Policy(indexes=(named, DEEP), path="policy.toml")
    resolved = policy.resolve_pypi(SIMPLE)
    assert resolved.indexes == (Index("named", (PYPI, CORP.urls[0]), public=True), DEEP)
    assert resolved.rules is policy.rules
    assert policy.resolve_pypi(parse_location("https://elsewhere.example/")) is policy


def test_an_index_that_says_that_it_is_not_public_is_not_by_its_address_either() -> None:
    for says in (False, True):
        policy = Policy(indexes=(Index("named", (SIMPLE,), public=False, says_public=says),))
        assert policy.resolve_pypi(SIMPLE).indexes[0].public is not says


def test_the_token_and_the_address_in_one_index_are_one_url() -> None:
    policy = Policy(indexes=(Index("both", (PYPI, SIMPLE)),))
    assert policy.resolve_pypi(SIMPLE).indexes[0].urls == (PYPI,)


def test_the_token_and_the_address_in_two_indexes_are_a_fault() -> None:
    policy = Policy(indexes=(PUBLIC, Index("again", (SIMPLE,))), path="policy.toml")
    with pytest.raises(PolicyError, match=r"(?s)policy\.toml.*indexes\.again\.url.*indexes\.public"):
        policy.resolve_pypi(SIMPLE)


def test_files_from() -> None:
    host = FilesFrom("files.example", None)
    assert host.covers(parse_location("https://files.example/a/b.whl"))
    assert host.covers(parse_location("https://files.example:8443/a/b.whl"))
    assert not host.covers(parse_location("https://files.example.evil.example/b.whl"))
    assert not host.covers(parse_location("https://evil.example/files.example/b.whl"))
    assert not host.covers(parse_location("file://files.example/b.whl"))
    prefix = FilesFrom(None, parse_location("https://files.example/pool"))
    assert prefix.covers(parse_location("https://files.example/pool/b.whl"))
    assert not prefix.covers(parse_location("https://files.example/pool-evil/b.whl"))
    assert not prefix.covers(parse_location("https://files.example/pool/../b.whl"))
    assert not prefix.covers(parse_location("http://files.example/pool/b.whl"))


def test_only_a_layer_in_audit_does_not_enforce() -> None:
    assert Layer("user", "policy.toml", "", Policy()).enforces
    assert not Layer("user", "policy.toml", "", Policy(mode="audit")).enforces


EVERYTHING_SAID = LogSettings(
    ("file", "syslog"), (SyslogAddress("unix", "/dev/log"),), max_size=1000, max_age=timedelta(days=1)
)


def test_log_settings_of_one_layer_are_all_kept() -> None:
    assert all(said != usual for said, usual in zip(EVERYTHING_SAID, LogSettings()))
    assert LogSettings.combine([EVERYTHING_SAID]) == EVERYTHING_SAID
    assert LogSettings.combine([]) == LogSettings()


def test_log_settings_of_several_layers_take_no_sink_away_and_the_smallest_limits() -> None:
    other = SyslogAddress("tcp", "logs.example", 601)
    again = EVERYTHING_SAID.syslog[0]._replace(form="rfc5424")  # what comes first says the form
    assert LogSettings.combine(
        [
            EVERYTHING_SAID,
            LogSettings(("syslog", "stderr"), (other, again), max_size=500),
            LogSettings(max_size=900, max_age=timedelta(hours=5)),
        ]
    ) == LogSettings(("file", "syslog", "stderr"), (*EVERYTHING_SAID.syslog, other), 500, timedelta(hours=5))


def test_an_index_whose_url_has_a_token_is_found_by_any_segment_there() -> None:
    policy = read_policy(
        b"""
version = 1
[indexes.corp]
url = ["https://dl.example/{token}/org/simple/", "https://dl.example/team%2Fapp/simple/"]
files-from = ["https://dl.example/{token}/org/files/"]
packages = ["acme"]
[indexes.other]
url = "https://dl.example/{token}/other/simple/"
packages = ["*"]
""",
        "policy.toml",
    )
    asked = {
        "https://dl.example/s3cret/org/simple": "corp",
        "https://dl.example/anybody%40s/org/simple/": "corp",
        "https://dl.example/s3cret/other/simple/": "other",
        "https://dl.example/team%2fapp/simple/": "corp",
        "https://dl.example/team/app/simple/": None,
        "https://dl.example/a%2Fb/org/simple/": None,
        "https://dl.example/org/simple/": None,
        "https://dl.example/../org/simple/": None,
        "https://dl.example/a/b/org/simple/": None,
        "https://dl.example/s3cret/org/simple/acme/": None,
        "https://dl.example:8443/s3cret/org/simple/": None,
    }
    found = {url: None if (place := find_location(url)) is None else policy.find_index(place) for url in asked}
    assert {url: index and index.name for url, index in found.items()} == asked
    owner = policy.find_owner(parse_location("https://dl.example/s3cret/org/simple/acme/"))
    assert owner is policy.index("corp")
    assert policy.find_owner(parse_location("https://dl.example/s3cret/org/simple/acme%2Fx/")) is None
    places = policy.index("corp").files_from or ()
    assert [place.covers(parse_location("https://dl.example/x/org/files/a.whl")) for place in places] == [True]
    assert [place.covers(parse_location("https://dl.example/x/org%2Ffiles/a.whl")) for place in places] == [False]
