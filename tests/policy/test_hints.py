"""What a person probably meant: a URL that pip has and that is nearly the policy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.errors import PolicyError
from indexguard.policy.hints import HOMES, find_home, find_nearest, find_reason, find_token
from indexguard.policy.identity import find_location, parse_location
from indexguard.policy.model import Index, Policy
from indexguard.policy.reader import read_policy

POLICY = read_policy(
    b"""
version = 1
[indexes.corp]
url = ["https://packages.example/Org/feed/simple/", "https://packages.example/team%2Fapp/simple/"]
packages = ["acme"]
[indexes.token]
url = "https://dl.example/{token}/org/simple/"
packages = ["token"]
[indexes.lab]
url = "http://127.0.0.1:8080/simple/"
packages = ["*"]
""",
    "policy.toml",
)


@pytest.mark.parametrize(
    ("url", "index", "words"),
    [
        ("https://packages.example/Org/feed/", "corp", "pip lacks `/simple` at the end"),
        ("https://packages.example/Org/feed/simple/simple/", "corp", "the policy lacks `/simple` at the end"),
        ("https://packages.example/org/Feed/simple", "corp", "`org` and `Org`, `Feed` and `feed`"),
        ("http://packages.example/Org/feed/simple/", "corp", "pip has http, the policy https"),
        ("https://packages.example:8443/Org/feed/simple/", "corp", "pip has port 8443, the policy 443"),
        ("https://packages.example./Org/feed/simple/", "corp", "`packages.example.`"),
        ("https://packages.example/team/app/simple/", "corp", "`%2F` in the one is `/` in the other"),
        ("https://dl.example/s3cret/Org/simple/", "token", "`Org` and `org`"),
        ("https://dl.example/s3cret/org/", "token", "pip lacks `/simple`"),
        ("http://localhost:8080/simple/", "lab", "pip has the host `localhost`, the policy `127.0.0.1`"),
        ("http://127.0.0.1:8081/simple/", None, ""),
        ("https://packages.example/other/feed/simple/", None, ""),
        ("https://packages.example/Org/feed/simple/evil/", None, ""),
        ("https://evil.example/Org/feed/simple/", None, ""),
        ("file:///Org/feed/simple/", None, ""),
    ],
)
def test_what_differs_from_the_nearest_index(url: str, index: str | None, words: str) -> None:
    found = find_nearest(parse_location(url), POLICY)
    assert (None if found is None else found[0]) == index
    assert found is None or words in found[2]
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://me@corp.example:pw@packages.example/simple/", "%40"),
        ("https://packages.example\\simple/", "write `/`"),
        ("https://packages.example/100%/", "%25"),
        ("https://my name:pw@packages.example/", "%20"),
    ],
)
def test_a_url_that_nobody_can_read_is_told_with_how_to_write_it(url: str, words: str) -> None:
    assert words in str(find_reason(url))
    assert find_reason("https://packages.example/my feed/") is None


@given(
    st.lists(st.sampled_from(["simple", "Simple", "org", "ORG", "x%2Fy", "x", "y"]), max_size=4),
    st.sampled_from(["", "."]),
)
def test_what_is_the_same_is_not_near_and_near_is_told_both_ways(path: list[str], dot: str) -> None:
    place = parse_location(f"https://packages.example{dot}/" + "/".join(path))
    other = find_location("https://packages.example/org/x%2Fy/simple/")
    assert other is not None

    def near(one: str, two: str) -> bool:
        index = Index("corp", (parse_location(two),))
        return find_nearest(parse_location(one), Policy(indexes=(index,))) is not None

    assert near(str(place), str(other)) is near(str(other), str(place))
    assert not near(str(place), str(place))


def test_a_segment_that_looks_like_a_secret_is_told_as_one_for_all_users() -> None:
    policy = Policy(indexes=(Index("corp", (parse_location("https://dl.example/C4dyQKtkHBgCrqspXX/org/simple/"),)),))
    found = find_token(parse_location("https://dl.example/anothersToken/org/simple/"), policy)
    assert found is not None
    assert (found[0], str(found[1])) == ("corp", "https://dl.example/{token}/org/simple/")
    for url in (
        "https://dl.example/x/team/simple/",
        "https://dl.example:8443/x/org/simple/",
        "https://dl.example/x/org/",
    ):
        assert find_token(parse_location(url), policy) is None
    names = Policy(indexes=(Index("corp", (parse_location("https://dl.example/team/org/simple/"),)),))
    assert find_token(parse_location("https://dl.example/evil/org/simple/"), names) is None


@pytest.mark.parametrize("name", sorted(HOMES))
def test_a_key_in_a_foreign_table_is_told_where_it_belongs(name: str) -> None:
    head = '[indexes.corp]\nurl = "https://packages.example/simple/"\npackages = ["acme"]\n'
    with pytest.raises(PolicyError) as caught:
        read_policy(f"version = 1\n{head}{name} = 1\n".encode(), "policy.toml")
    (fault,) = [fault for fault in caught.value.faults if fault.key == f"indexes.corp.{name}"]
    assert fault.message == f"unknown key here: {find_home('indexes.corp', name)}"

    # And there it is none that nobody knows.
    home = HOMES[name]
    text = f"version = 1\n{head}[{home}]\n{name} = 1\n" if home else f"{name} = 1\n{head}"
    with pytest.raises(PolicyError) as caught:  # of its own value, or of the lack of one
        read_policy(text.encode().replace(b"version = 1\n", b"version = 2\n"), "policy.toml")
    assert not [fault for fault in caught.value.faults if fault.message.startswith("unknown key")]


def test_a_key_that_belongs_nowhere_has_no_home() -> None:
    assert find_home("indexes.corp", "colour") is None
    assert find_home("shadow", "probe") is None
