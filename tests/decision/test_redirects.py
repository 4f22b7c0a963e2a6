"""The heart: where a page, a probe, a file of an index and a reference may be led to, and what a status says."""

from __future__ import annotations

import pytest

from indexguard.decision.absence import is_shared, says_not_here
from indexguard.decision.authority import Authority
from indexguard.decision.redirects import (
    UNREAD,
    is_unverified_hop,
    judge_hop,
    judge_hop_of_file,
    judge_hop_of_probe,
    judge_hop_of_reference,
)
from indexguard.decision.verdict import PASS
from indexguard.patterns import normalise_name
from indexguard.policy.identity import PYPI, Location, find_reference, parse_location
from support.strategies import CORP, LOCAL, MIRROR, STORY, TODAY, codes, page, read

FILES = parse_location("https://files.corp.example/acme/acme_core-1.0-py3-none-any.whl")
WHEELS = "https://wheels.corp.example/wheels/"


def authority(name: str, *texts: str) -> Authority:
    """Return what policies, given as text, say of a name."""
    found = [read(text, number) for number, text in enumerate(texts or (STORY,))]
    return Authority(found, normalise_name(name), TODAY)


STORAGE = parse_location("https://storage.example/bucket/acme_core-1.0-py3-none-any.whl")


@pytest.mark.parametrize(
    ("name", "place", "found"),
    [
        ("acme-core", STORAGE, []),
        ("acme-core", FILES, []),
        ("acme-core", page(CORP, "files"), []),
        ("acme-core", parse_location("https://packages.corp.example/blobs/x.whl"), []),
        ("acme-core", parse_location("https://mirror.example/blobs/x.whl"), ["redirected"]),
        ("acme-core", page(MIRROR, "acme-core"), ["redirected"]),
        ("acme-core", page(PYPI, "packages"), ["redirected"]),
        ("acme-core", LOCAL, ["redirected"]),
        ("acme-core", None, ["redirected"]),
        ("mirrored", FILES, ["redirected"]),
        ("torch", page(PYPI, "packages"), []),
        ("torch", parse_location("https://mirror.example/blobs/x.whl"), []),
        ("requests", page(CORP, "requests"), ["redirected"]),
        ("acme-core", STORAGE._replace(segments=UNREAD), []),
        ("acme-core", page(CORP, "x")._replace(segments=UNREAD), []),
        ("acme-core", FILES._replace(segments=UNREAD), []),
        ("acme-core", page(MIRROR, "x")._replace(segments=UNREAD), ["redirected"]),
        ("acme-core", page(PYPI, "x")._replace(segments=UNREAD), ["redirected"]),
        ("mirrored", FILES._replace(segments=UNREAD), ["redirected"]),
    ],
)
def test_where_the_download_of_an_indexs_file_may_be_led_to(
    name: str, place: Location | None, found: list[str]
) -> None:
    assert codes(judge_hop_of_file(authority(name), place, unverified=False)) == found


def test_the_public_indexs_files_are_its_own_also_where_no_policy_names_it() -> None:
    text = '[indexes.corp]\nurl = "https://packages.corp.example/simple/"\nnamespaces = ["acme"]\n'
    assert codes(judge_hop_of_file(authority("acme-core", text), page(PYPI, "packages"), unverified=False)) == [
        "redirected"
    ]
    assert codes(judge_hop_of_file(authority("acme-core", text), STORAGE, unverified=False)) == []


SLASHED = """
[indexes.corp]
url = "https://packages.corp.example/api/team%2Fapp/simple/"
files-from = ["https://blobs.example/corp/"]
namespaces = ["acme"]
[indexes.other]
url = "https://packages.corp.example/api/other/simple/"
files-from = ["https://blobs.example/other/", "https://shared.example/other/"]
packages = ["*"]
"""


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://packages.corp.example/api/team%2Fapp/simple/x.whl", []),
        ("https://packages.corp.example/api/team%2fapp/files/x.whl", ["redirected"]),  # the other index is on the host
        ("https://packages.corp.example/api/team/app/files/x.whl", []),
        ("https://packages.corp.example/api/other/simple%2Fx.whl", ["redirected"]),
        ("https://blobs.example/corp/x.whl", []),
        ("https://blobs.example/other%2Fx.whl", ["redirected"]),
        ("https://shared.example/other%2Fx.whl", ["redirected"]),
        ("https://storage.example/a%2Fx.whl", []),
    ],
)
def test_an_encoded_slash_leads_into_no_index_that_may_not_serve_the_name(url: str, found: list[str]) -> None:
    assert codes(judge_hop_of_file(authority("acme-core", SLASHED), parse_location(url), unverified=False)) == found


@pytest.mark.parametrize(
    ("place", "found"),
    [
        (page(PYPI, "Acme_Core"), []),
        (page(MIRROR, "acme-core"), ["redirected"]),
        (page(CORP, "acme-core"), ["redirected"]),  # not even to the name's own index
        (STORAGE, ["redirected"]),
        (None, ["redirected"]),
    ],
)
def test_a_probe_is_led_nowhere_else(place: Location | None, found: list[str]) -> None:
    assert codes(judge_hop_of_probe(authority("acme-core"), PYPI, place, unverified=False)) == found
    assert codes(judge_hop_of_probe(authority("acme-core"), None, place, unverified=False)) == ["redirected"]


LED = f"""
[direct-urls]
allow = ["{WHEELS}"]
redirects = ["https://storage.example/bucket/"]
"""


@pytest.mark.parametrize(
    ("url", "target", "found"),
    [
        (f"{WHEELS}x.whl", "https://storage.example/bucket/x.whl?sig=1", []),
        (f"{WHEELS}x.whl", f"{WHEELS}y.whl", []),
        (f"{WHEELS}x.whl", "https://storage.example/bucket-2/x.whl", ["direct-url"]),
        (f"{WHEELS}x.whl", "https://storage.example/bucket/../x.whl", ["direct-url"]),
        (f"{WHEELS}x.whl", "http://storage.example/bucket/x.whl", ["direct-url"]),
        # They cover nothing by themselves, and help no reference that something else lets pass.
        ("https://storage.example/bucket/x.whl", "https://storage.example/bucket/y.whl", ["direct-url"]),
        ("https://elsewhere.example/x.whl", "https://storage.example/bucket/x.whl", ["direct-url"]),
    ],
)
def test_where_an_allowed_reference_may_be_led_to(url: str, target: str, found: list[str]) -> None:
    heart = authority("acme-core", STORY + LED)
    for requested in (True, False):
        assert (
            codes(judge_hop_of_reference(heart, find_reference(url), find_reference(target), requested=requested))
            == found
        )
    assert codes(heart.direct(find_reference("https://storage.example/bucket/x.whl"), requested=True)) == ["direct-url"]


def test_redirects_of_every_layer_must_cover() -> None:
    place, target = find_reference(f"{WHEELS}x.whl"), find_reference("https://storage.example/bucket/x.whl")
    other = STORY + LED.replace("bucket", "other")
    assert codes(judge_hop_of_reference(authority("acme-core", STORY + LED, other), place, target, requested=True)) == [
        "direct-url"
    ]


def test_a_local_file_is_no_place_for_redirects_where_those_are_blocked() -> None:
    text = 'local = "block"\n' + STORY + LED.replace("https://storage.example/bucket/", "file:///srv/")
    place, target = find_reference(f"{WHEELS}x.whl"), find_reference("file:///srv/x.whl")
    assert codes(judge_hop_of_reference(authority("acme-core", text), place, target, requested=True)) == ["local-path"]


@pytest.mark.parametrize(
    ("came_from", "url", "is_one"),
    [
        ("https://a.example/", "https://b.example/", False),
        ("https://a.example/", "http://a.example/", True),
        ("HTTPS://a.example/", "HTTP://a.example/", True),
        ("https://a.example/", "file:///srv/x", True),
        ("http://a.example/", "http://trusted.example/", False),
        ("http://a.example/", "https://b.example/", False),
        ("http://a.example/", "HTTPS://Trusted.example:8443/", True),
        ("https://a.example/", "https://ported.example/", False),
        ("https://a.example/", "https://ported.example:8443/", True),
    ],
)
def test_a_redirect_that_leaves_https(came_from: str, url: str, *, is_one: bool) -> None:
    assert is_unverified_hop(came_from, url, [("trusted.example", None), ("ported.example", 8443)]) is is_one


def test_a_redirect_that_leaves_https_is_judged_as_such_wherever_it_leads() -> None:
    heart, place = authority("acme-core"), page(CORP, "acme-core")
    assert codes(judge_hop(heart, PASS, place, unverified=False)) == []
    assert codes(judge_hop(heart, PASS, page(PYPI, "acme-core"), unverified=False)) == ["redirected"]
    found = [
        judge_hop(heart, PASS, place, unverified=True),
        judge_hop_of_probe(heart, PYPI, page(PYPI, "acme-core"), unverified=True),
        judge_hop_of_file(heart, STORAGE, unverified=True),
    ]
    assert list(map(codes, found)) == [["unverified-index"]] * 3


def test_what_a_status_says() -> None:
    says = STORY.replace('namespaces = ["acme"]', 'namespaces = ["acme"]\nnot-found-status = [403]')
    assert says_not_here(authority("acme-core", says), CORP, 403)
    assert not says_not_here(authority("acme-core", says), CORP, 402)
    assert not says_not_here(authority("acme-core", says), None, 403)
    assert not says_not_here(authority("acme-core", says), MIRROR, 403)
    assert not says_not_here(authority("acme-core", says, STORY), CORP, 403)  # every layer has to say so
    assert says_not_here(authority("acme-core", says, 'mode = "audit"\n' + STORY), CORP, 403)
    assert (is_shared(authority("torch")), is_shared(authority("acme-core"))) == (True, False)
