"""When two URLs are one index, which have no single reading, and what is shown of a URL."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from integration.harness.cases import read_cases

from indexguard.errors import TOKEN
from indexguard.policy.identity import (
    PYPI,
    Location,
    UnknownLocation,
    find_location,
    find_reference,
    locate,
    parse_location,
    parse_reference,
    redact,
)

CASES = read_cases(__file__)

BASE = "https://packages.example/simple/"

SAME = CASES["same"]

OTHER = CASES["other"]

UNKNOWN = CASES["unknown"]


@pytest.mark.parametrize("url", SAME)
def test_one_index_in_many_spellings(url: str) -> None:
    assert parse_location(url) == parse_location(BASE)
    assert str(parse_location(url)) == BASE


@pytest.mark.parametrize("url", OTHER)
def test_near_is_not_the_same(url: str) -> None:
    assert parse_location(url) != parse_location(BASE)


# No TOML file can hold the first.
UNKNOWN |= {"https://packages.example/\ud800/": "control", f"https://{'a' * 256}.example/": "host name"}


@pytest.mark.parametrize(("url", "reason"), UNKNOWN.items(), ids=map(ascii, UNKNOWN))
def test_what_can_be_read_in_two_ways_is_unknown(url: str, reason: str) -> None:
    with pytest.raises(UnknownLocation, match=reason):
        parse_location(url)
    assert find_location(url) is None


@pytest.mark.parametrize(
    ("one", "other"),
    CASES["spellings"],
)
def test_other_spellings_of_one_place(one: str, other: str) -> None:
    assert parse_location(one) == parse_location(other)


def test_a_relative_file_url_is_local_and_another_place() -> None:
    relative = parse_location("file:srv/wheels")
    assert relative.is_local
    assert relative != parse_location("file:///srv/wheels")


def test_a_file_of_another_host_is_not_local() -> None:
    assert parse_location("file:///srv/wheels").is_local
    for url in (
        "file://server/srv/wheels",
        "file://127.0.0.1/srv",
        "file://localhost:80/srv",
        "file://x@localhost/srv",
    ):
        assert not parse_location(url).is_local
    assert not parse_location(BASE).is_local


@pytest.mark.parametrize(
    ("host", "loopback"),
    CASES["loopback"],
)
def test_loopback(host: str, *, loopback: bool) -> None:
    assert parse_location(f"http://{host}:8080/").is_loopback is loopback


def test_prefixes_go_by_segment() -> None:
    base = parse_location("https://packages.example/simple")
    assert parse_location("https://packages.example/simple/").is_at_or_under(base)
    assert parse_location("https://packages.example/simple/acme/").is_at_or_under(base)
    for url in (
        "https://packages.example/simple-evil/acme/",
        "https://packages.example/",
        "https://packages.example/simple/../evil/",
        "https://packages.example/simple/%2e%2e/evil/",
        "http://packages.example/simple/acme/",
        "https://packages.example:444/simple/acme/",
        "https://evil.example/simple/acme/",
    ):
        assert not parse_location(url).is_at_or_under(base)


def test_the_token() -> None:
    assert parse_location("pypi") == PYPI
    assert str(PYPI) == "pypi"
    page = Location("pypi", "", 0, ("acme",))
    assert str(page) == "pypi/acme"
    assert page.parent == PYPI
    assert page.is_at_or_under(PYPI)
    assert not PYPI.is_local


@pytest.mark.parametrize(
    ("url", "shown"),
    CASES["shown"],
)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    assert redact(url) == shown


ANY = st.text(max_size=12)
SECRET = "hunter2"  # noqa: S105  # planted


@given(
    before=ANY,
    scheme=st.sampled_from(["https://", "http://", "git+https://", "https:/", "https:\\\\", "//", "", "HTTPS://"]),
    user=ANY,
    secret=st.tuples(ANY, ANY).map(SECRET.join),
    after=ANY,
)
@example(before="", scheme="https://", user="", secret=f"1/{SECRET}", after="host")
@example(before="https://a.example/", scheme="https://", user="b", secret=SECRET, after="c@d/e@f")
def test_no_text_leaks_a_planted_password(before: str, scheme: str, user: str, secret: str, after: str) -> None:
    shown = redact(f"{before}{scheme}{user}:{secret}@{after}")
    assert SECRET not in shown.replace(after, "")
    assert shown.isprintable()


def _climbs(segment: str) -> bool:
    """Tell whether a server that takes ``%2F`` for a separator, or drops parameters, leaves the place by a segment."""
    parts = segment.replace("%2F", "/").split("/")
    return any(part in (".", "..") for part in parts if len(parts) > 1) or any(
        part.startswith((".;", "..;")) for part in parts
    )


@given(
    st.text(max_size=40)
    | st.text("https:/@\\.%2eF[]?#a1 ;+B", max_size=40).map("https://".__add__)
    | st.lists(st.sampled_from(["/", "%2F", "%2f", ".", "%2e", ";", "%3B", "a", "%2B", "@", " "]), max_size=12)
    .map("".join)
    .map("https://a.example/".__add__)
)
def test_any_text_has_one_identity_or_none(text: str) -> None:
    location = find_location(text)
    if location is None or location.scheme == "pypi":
        return
    assert not {"..", ""} & set(location.segments)
    assert not any(_climbs(segment) for segment in location.segments)
    assert not {"@", "\\", "%", " "} & set(location.host if location.scheme != "file" else "")
    if "." not in location.segments:
        assert parse_location(str(location)) == location


@given(st.lists(st.sampled_from(["simple", "acme", "..", ".", "", "%2e%2E", "%61cme", "x"]), max_size=6))
def test_dot_segments_as_the_standard_resolves_them(segments: list[str]) -> None:
    expected: list[str] = []
    for segment in segments:
        plain = {"%2e%2E": "..", "%61cme": "acme"}.get(segment, segment)
        if plain == "..":
            expected = expected[:-1]
        elif plain not in ("", "."):
            expected.append(plain)
    assert list(parse_location("https://a.example/" + "/".join(segments)).segments) == expected


PIECES = st.lists(
    st.sampled_from(
        ["simple", "team%2Fapp", "team%2fapp", "team", "app", "+f", "%2Bf", "a b", "a%20b", "..", "{token}"]
    ),
    max_size=5,
)


@given(base=PIECES, more=PIECES)
@example(base=["simple"], more=["acme%2Fcore"])
@example(base=["team%2Fapp"], more=["simple"])
def test_an_encoded_slash_is_under_a_place_only_where_that_has_it_too(base: list[str], more: list[str]) -> None:
    place = find_location("https://a.example/" + "/".join(base))
    page = find_location("https://a.example/" + "/".join([*base, *more]))
    if place is None or page is None or ".." in more:
        return
    assert page.is_at_or_under(place) is not any("%2F" in segment.upper() for segment in more)
    # Nobody is under what the same URL with a separator is.
    plain = place._replace(segments=tuple("/".join(place.segments).replace("%2F", "/").split("/")))
    assert place.is_at_or_under(plain) is (place == plain)


@given(text=st.text(min_size=1, max_size=8), others=st.lists(st.sampled_from(["org", "simple", "x"]), max_size=3))
@example(text="a/b", others=[])
@example(text="a%2Fb", others=[])
@example(text="..", others=[])
@example(text="{token}", others=["x"])
def test_a_token_stands_for_one_segment(text: str, others: list[str]) -> None:
    pattern = parse_location("https://a.example/x/org/simple/")._replace(segments=(TOKEN, "org", "simple"))
    url = find_location("/".join(["https://a.example", text, "org", "simple", *others]))
    if url is None:
        return
    is_one = url.segments[1:3] == ("org", "simple") and "%2F" not in url.segments[0]
    assert url.is_at_or_under(pattern) is is_one
    assert url.is_at(pattern) is (is_one and len(url.segments) == len(pattern.segments))
    assert TOKEN not in url.segments


def test_a_revision_is_cut_before_anything_is_decoded() -> None:
    place = parse_reference("git+https://code.example/team%40x/acme.git@v1%2F..%2F..%2Fevil")
    assert place.segments == ("team@x", "acme.git")
    assert parse_reference("git+https://code.example/team/acme%2Egit") == parse_reference(
        "git+https://code.example/team/acme.git@main"
    )


@pytest.mark.parametrize("url", ["file:///tmp%2F../x.whl", "file://localhost/a%5Cb", "FILE:/100%/x.whl"])
def test_a_file_of_this_machine_is_local_however_its_path_may_be_read(url: str) -> None:
    place = find_reference(url)
    assert place is not None
    assert place.is_local
    assert not place.is_at_or_under(parse_location("file:///tmp"))
    assert find_location(url) is None


@pytest.mark.parametrize(
    "url", ["file://files.example/a%5Cb", "file:\\\\files.example\\b", "https://[/x", "git+file:///a%2F.."]
)
def test_no_other_reference_with_two_readings_is_local(url: str) -> None:
    place = find_reference(url)
    assert place is None or not place.is_local


def test_what_lies_under_the_own_public_index_is_the_tokens() -> None:
    own = parse_location("https://mirror.example/simple/")
    assert locate("https://mirror.example/simple/", own) == PYPI
    assert str(locate("https://mirror.example/simple/acme/", own)) == "pypi/acme"
    for pypi, url in ((own, "https://mirror.example/simpler/"), (None, "https://mirror.example/simple/acme/")):
        assert locate(url, pypi) == parse_location(url)
    assert locate("https://a.example/%5C", own) is None
    climbing = locate("https://mirror.example/simple/acme%2Fcore/", own)
    assert climbing is not None
    assert climbing.scheme == "https"
    assert not climbing.is_at_or_under(PYPI)
