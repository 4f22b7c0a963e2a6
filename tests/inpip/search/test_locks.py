"""A file that a lock names, and the page of the name's own index that lists the very file, or does not."""

from __future__ import annotations

import hashlib
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from indexguard.decision.authority import Authority
from indexguard.inpip.search.locks import find_page
from indexguard.inpip.search.page import Page
from indexguard.inpip.search.search import Search
from indexguard.patterns import Name
from indexguard.policy.identity import parse_location
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy

CORP = "https://corp.example/simple/"
WHEEL = "acme_core-1.0-py3-none-any.whl"
POLICY = f"""
version = 1
[indexes.corp]
url = "{CORP}"
files-from = ["https://corp.example/files/"]
packages = ["acme-core>=1"]
"""
GOOD, EVIL = (hashlib.sha256(text).hexdigest() for text in (b"good", b"evil"))


def link(url: str, **hashes: str) -> Any:
    """Return what of pip's link is looked at."""
    name, digest = next(iter(hashes.items()), (None, None))
    return SimpleNamespace(
        url=url,
        filename=url.partition("?")[0].rpartition("/")[2],
        egg_fragment=None,
        hash_name=name,
        hash=digest,
        _hashes=hashes,
    )


def ask(listed: Any, locked: Any, **options: list[str]) -> tuple[bool, dict[str, list[str]]]:
    """Tell whether the page of the index, which lists one file, vouches for that of a lock; and what hashes pip is left."""
    layer = Layer("machine", "policy.toml", "", read_policy(POLICY.encode(), "policy.toml"))
    search = Search(Name("acme-core"), Authority((layer,), Name("acme-core"), date(2026, 1, 1)))
    page = Page(CORP, f"{CORP}acme-core/", parse_location(CORP), is_index=True)
    page.links, page.answered, page.answered_url = [listed], parse_location(page.page_url), page.page_url
    search.use(page)
    requirement: Any = SimpleNamespace(name="Acme.Core", hash_options=options)
    other: Any = SimpleNamespace(name="other", hash_options={"sha256": [EVIL]})
    found = find_page(search, locked, [other, requirement])
    assert other.hash_options == {"sha256": [EVIL]}
    return found is page, options


LISTED = f"https://corp.example/files/{WHEEL}"
ELSEWHERE = f"https://mirror.example/x/{WHEEL}"


@pytest.mark.parametrize(
    ("listed", "locked", "options", "left"),
    [
        # The same URL: its content is the index's own, whatever the lock says of it.
        (link(LISTED), link(LISTED), {"sha256": [GOOD]}, {"sha256": [GOOD]}),
        (
            link(LISTED),
            link("https://CORP.example:443/files/../files/" + WHEEL),
            {"sha256": [GOOD]},
            {"sha256": [GOOD]},
        ),
        (link(LISTED), link(f"{LISTED}?redirect=https://evil.example/"), {"sha256": [GOOD]}, None),
        # The same file name and sha256, and no other hash that might be another file's.
        (link(LISTED, sha256=GOOD), link(ELSEWHERE), {"sha256": [GOOD]}, {"sha256": [GOOD]}),
        (link(LISTED, sha256=GOOD.upper()), link(ELSEWHERE), {"sha256": [GOOD]}, {"sha256": [GOOD]}),
        (link(LISTED, sha256=GOOD), link(ELSEWHERE), {"sha256": [GOOD], "sha512": ["evil"]}, {"sha256": [GOOD]}),
        (link(LISTED, sha256=GOOD), link(ELSEWHERE), {"sha256": [EVIL, GOOD]}, {"sha256": [GOOD]}),
        (
            link(LISTED, sha256=GOOD, sha512="same"),
            link(ELSEWHERE),
            {"md5": ["x"], "sha256": [GOOD], "sha512": ["same"]},
            {"sha256": [GOOD], "sha512": ["same"]},
        ),
        (link(LISTED, sha256=GOOD), link(ELSEWHERE, sha256=GOOD), {"sha256": [GOOD]}, {"sha256": [GOOD]}),
        (link(LISTED, sha256=GOOD), link(ELSEWHERE, sha256=EVIL), {"sha256": [GOOD]}, None),
        (link(LISTED, sha256=GOOD), link(ELSEWHERE, md5="evil"), {"sha256": [GOOD]}, None),
        (link(LISTED, sha256=GOOD), link(ELSEWHERE), {"sha256": [EVIL]}, None),
        (link(LISTED, md5="same"), link(ELSEWHERE), {"md5": ["same"]}, None),
        (link(LISTED), link(ELSEWHERE), {"sha256": [GOOD]}, None),
        (link(LISTED, sha256=GOOD), link(ELSEWHERE.replace("1.0", "1.1")), {"sha256": [GOOD]}, None),
        # The page's entry is what is judged: its place, and its version.
        (link(f"https://pub.example/{WHEEL}", sha256=GOOD), link(ELSEWHERE), {"sha256": [GOOD]}, None),
        (
            link(LISTED.replace("1.0", "0.9"), sha256=GOOD),
            link(ELSEWHERE.replace("1.0", "0.9")),
            {"sha256": [GOOD]},
            None,
        ),
    ],
)
def test_what_a_page_vouches_for(
    listed: Any, locked: Any, options: dict[str, list[str]], left: dict[str, list[str]] | None
) -> None:
    before = {name: list(values) for name, values in options.items()}
    vouches, rest = ask(listed, locked, **{name: list(values) for name, values in options.items()})
    assert vouches is (left is not None)
    assert rest == (before if left is None else left)
