"""When two URLs are one index, which have no single reading, and what is shown of a URL."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexguard.policy.identity import (
    PYPI,
    Location,
    UnknownLocation,
    find_location,
    find_reference,
    locate,
    parse_location,
    redact,
)

BASE = "https://packages.example/simple/"

SAME = [
    "https://packages.example/simple",
    "HTTPS://PACKAGES.Example/simple/",
    "https://packages.example:443/simple/",
    "https://packages.example:/simple/",
    "https://user@packages.example/simple/",
    "https://user:pass%40word@packages.example/simple/",
    "https://packages.example/simple/?query=1",
    "https://packages.example/simple/#fragment",
    "https://packages.example//simple//",
    "https://packages.example/./simple/.",
    "https://packages.example/other/../simple/",
    "https://packages.example/../../simple/",
    "https://packages.example/other/%2e%2E/simple/",
    "https://packages.example/%73%69mple/",
]

OTHER = [
    "http://packages.example/simple/",
    "https://packages.example:8443/simple/",
    "https://packages.example/Simple/",
    "https://packages.example/simple-evil/",
    "https://packages.example/simple/x/",
    "https://packages.example/",
    "https://packages.example.evil.example/simple/",
    "https://evil.example/packages.example/simple/",
    "https://packages.example@evil.example/simple/",
    "https://packages.example:x@evil.example/simple/",
    "https://evil.example?@packages.example/simple/",
    "https://evil.example#@packages.example/simple/",
    "https://packages.example./simple/",
    "https://packages.example/%2573imple/",
    "https://packages.example/simple/%2525/..%25/",
    "file:///simple/",
    "file://packages.example/simple/",
]

UNKNOWN = {
    "https://evil.example\\@packages.example/simple/": "backslash",
    "https://packages.example/simple\\..\\x/": "backslash",
    "https://packages.example/sim ple/": "white space",
    " https://packages.example/simple/": "white space",
    "https://packages.example/simple/\n": "white space",
    "https://packages.exa\tmple/simple/": "white space",
    "https://packages.example/simple/\x00": "control",
    "https://packages.example/simple/\x85": "control",
    "https://packages.example/\u2028simple/": "white space",
    "https://packages.example/\ud800/": "control",
    "https://packages.example/simple%2Fx/": "encoded separator",
    "https://packages.example/simple%2f..%2fx/": "encoded separator",
    "https://packages.example/simple%5cx/": "encoded separator",
    "https://packages.example/100%/simple/": "encodes nothing",
    "https://packages.example/%zz/": "encodes nothing",
    "https://user@packages.example@evil.example/simple/": "more than one `@`",
    "https://a:b@c:d@packages.example/simple/": "more than one `@`",
    "https:///packages.example/simple/": "host name",
    "https:packages.example/simple/": "host name",
    "https://pack%61ges.example/simple/": "host name",
    "https://packages.example%40evil.example/simple/": "host name",
    "https://packages.example,evil.example/simple/": "host name",
    "https://*.example/simple/": "host name",
    f"https://{'a' * 256}.example/": "host name",
    "https://packages.example:0/simple/": "port is 0",
    "https://packages.example:65536/simple/": "cannot be read",
    "https://packages.example:8o/simple/": "cannot be read",
    "https://packages.example:-1/simple/": "cannot be read",
    "https://[::1/simple/": "cannot be read",
    "https://[::1%25eth0]/simple/": "host|cannot be read",
    "https://[:::::]/simple/": "host|cannot be read",
    "https://[::1]evil.example/simple/": "host|cannot be read",
    "https://stra\u00dfe.example/simple/": "IDNA",
    "https://\u03c3\u03c2.example/simple/": "IDNA",
    "https://a\u200db.example/simple/": "IDNA",
    "https://packages\u3002example/simple/": "IDNA",
    "https://\uff50ackages.example/simple/": "IDNA",
    "https://\u00fc..example/simple/": "host name",
    "https://packages\u2100example.example/simple/": "host|cannot be read",
    "ftp://packages.example/simple/": "scheme",
    "git+https://packages.example/simple/": "scheme",
    "//packages.example/simple/": "scheme",
    "packages.example/simple/": "scheme",
    "/srv/simple": "scheme",
    "PyPI": "scheme",
    "": "scheme",
}


@pytest.mark.parametrize("url", SAME)
def test_one_index_in_many_spellings(url: str) -> None:
    assert parse_location(url) == parse_location(BASE)
    assert str(parse_location(url)) == BASE


@pytest.mark.parametrize("url", OTHER)
def test_near_is_not_the_same(url: str) -> None:
    assert parse_location(url) != parse_location(BASE)


@pytest.mark.parametrize(("url", "reason"), UNKNOWN.items(), ids=map(ascii, UNKNOWN))
def test_what_can_be_read_in_two_ways_is_unknown(url: str, reason: str) -> None:
    with pytest.raises(UnknownLocation, match=reason):
        parse_location(url)
    assert find_location(url) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://b\u00fccher.example/", "https://XN--BCHER-KVA.example/"),
        ("https://B\u00dcCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://[::1]:8080/", "https://[0:0::0:1]:8080/"),
        ("https://[2001:DB8::A]/", "https://[2001:db8:0::a]:443"),
        ("https://packages.example/caf\u00e9/", "https://packages.example/caf%C3%A9/"),
        ("https://packages.example/a|b/", "https://packages.example/a%7cb/"),
        ("https://packages.example/~user/", "https://packages.example/%7Euser/"),
        ("file:///srv/wheels/", "file://localhost/srv/wheels"),
        ("file:///srv/wheels/", "file:/srv/wheels"),
    ],
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
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.3.4", True),
        ("[::1]", True),
        ("[0:0::1]", True),
        ("127.0.0.256", False),
        ("127.1", False),
        ("127.0.0.01", False),
        ("127.0.0.1.example", False),
        ("128.0.0.1", False),
        ("[::2]", False),
        ("localhost.example", False),
        ("evil-localhost", False),
        ("0x7f.0.0.1", False),
    ],
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
    [
        (BASE, BASE),
        ("https://user:pass@packages.example/simple/", BASE),
        ("https://token@packages.example/simple/?a=b#c", BASE),
        ("https://us:er:pa@ss@packages.example/simple/", BASE),
        ("https://packages.example:8443/simple?x=user:pass", "https://packages.example:8443/simple"),
        ("git+ssh://git@code.example:22/acme.git@v1.0#egg=acme", "git+ssh://code.example:22/acme.git@v1.0"),
        ("git+https://code.example/acme.git@v1.0", "git+https://code.example/acme.git@v1.0"),
        ("git+https://user:pass@code.example/acme.git@v1.0", "git+https://***@v1.0"),
        ("https://user:pa/ss@packages.example/simple/", "https://***@packages.example/simple/"),
        ("https://user:pa#ss@packages.example/simple/", "https://***@packages.example/simple/"),
        ("https://user:p@s/s@packages.example/simple/", "https://***@packages.example/simple/"),
        ("https://user:12/3@packages.example/simple/", "https://***@packages.example/simple/"),
        ("https:\\\\user:pass@packages.example/simple/", "***@packages.example/simple/"),
        ("//user:pass@packages.example/", "***@packages.example/"),
        ("user:pass@packages.example", "***@packages.example"),
        ("see https://user:pass@packages.example/ there", "***@packages.example/ there"),
        ("https://proxy.example/https://user:pass@packages.example/", "https://***@packages.example/"),
        ("file:///srv/a@b/", "file:///srv/a@b/"),
        ("name@host", "name@host"),
        ("https://packages.example/\x1b[31m", "https://packages.example/\\x1b[31m"),
        ("pypi", "pypi"),
    ],
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


@given(st.text(max_size=40) | st.text("https:/@\\.%2eF[]?#a1 ", max_size=40).map("https://".__add__))
def test_any_text_has_one_identity_or_none(text: str) -> None:
    location = find_location(text)
    if location is None or location.scheme == "pypi":
        return
    assert ".." not in location.segments
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


@pytest.mark.parametrize("url", ["file:///tmp%2Fx.whl", "file://localhost/a%5Cb", "FILE:/100%/x.whl"])
def test_a_file_of_this_machine_is_local_however_its_path_may_be_read(url: str) -> None:
    place = find_reference(url)
    assert place is not None
    assert place.is_local
    assert not place.is_at_or_under(parse_location("file:///tmp"))
    assert find_location(url) is None


@pytest.mark.parametrize(
    "url", ["file://files.example/a%2Fb", "file:\\\\files.example\\b", "https://[/x", "git+file:///a%2Fb"]
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
    assert locate("https://a.example/%2F", own) is None
