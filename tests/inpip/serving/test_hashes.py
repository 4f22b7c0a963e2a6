"""The hashes that a page gives of a file, and that pip checks: of several, pip would check one of its own choice."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from indexguard.decision.serving import FileFacts
from indexguard.inpip.serving.body import Body
from indexguard.inpip.serving.files import facts_of
from indexguard.inpip.serving.hashes import hashes_of

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://files.example/acme_core-1.0-py3-none-any.whl"
GOOD, EVIL = "a" * 64, "b" * 64
MD5 = "c" * 32


def given(link: Any) -> dict[str, Any]:
    """Return what pip holds of the hashes of a page."""
    return link._hashes  # type: ignore[no-any-return]  # noqa: SLF001


def in_order(*names: str) -> Callable[[Any], str | None]:
    """Return which hash a pip checks that goes by an order of its own; by that of the page without any."""
    return lambda link: next((name for name in names or given(link) if name in given(link)), None)


class Link23:
    """As pip 23.0 to 26.3 has it: the first is checked."""

    url = URL
    is_vcs = False
    choose = in_order()

    def __init__(self, hashes: dict[str, Any]) -> None:
        self._hashes = hashes

    @property
    def hash_name(self) -> str | None:
        """Which hash is checked."""
        return type(self).choose(self)

    @property
    def hash(self) -> Any:
        """What is checked."""
        return self._hashes.get(self.hash_name or "")


class Link222(Link23):
    """As pip 22.2 has it: the longest is checked."""

    choose = in_order("sha512", "sha384", "sha256", "sha224", "sha1", "md5")


class LinkHash(SimpleNamespace):
    """As pip 22.3 has it."""

    def __init__(self, name: str, value: str) -> None:
        super().__init__(name=name, value=value)


class Link223:
    """As pip 22.3 has it: that of the URL is checked, or none."""

    url = URL
    is_vcs = False

    def __init__(self, hashes: dict[str, Any], link_hash: LinkHash | None = None) -> None:
        self._hashes, self.link_hash = hashes, link_hash

    hash_name = property(lambda self: self.link_hash and self.link_hash.name)
    hash = property(lambda self: self.link_hash and self.link_hash.value)


@pytest.mark.parametrize("kind", [Link23, Link222, Link223])
@pytest.mark.parametrize(
    ("told", "checked"),
    [
        ({"sha256": GOOD}, ("sha256", GOOD)),
        ({"md5": MD5, "sha256": GOOD}, ("sha256", GOOD)),
        ({"sha512": "d" * 128, "sha256": GOOD}, ("sha256", GOOD)),
        ({"md5": MD5, "sha512": "d" * 128}, ("sha512", "d" * 128)),
        ({"sha256": "no digest", "sha512": "d" * 128}, ("sha512", "d" * 128)),
        ({"sha256": ["a"], "sha384": "d" * 96, "md5": MD5}, ("sha384", "d" * 96)),
    ],
)
def test_pip_checks_what_was_looked_at(kind: Any, told: dict[str, Any], checked: tuple[str, str]) -> None:
    link = kind(dict(told))
    found = hashes_of(link)
    assert (link.hash_name, link.hash) == checked
    assert found[checked[0]] == checked[1]
    assert all(found[name] == told[name] for name in found)


def test_what_pip_checks_by_itself_stays_as_it_is() -> None:
    told = {"md5": MD5, "\x1b[31mevil": "x", "sha1": "short", "blake9": "a" * 64}
    link = Link23(told)
    assert (hashes_of(link), given(link)) == ({"md5": MD5}, told)  # type: ignore[arg-type]
    assert hashes_of(Link23({})) == {}  # type: ignore[arg-type]


def test_a_strong_hash_that_pip_cannot_be_made_to_check_counts_for_nothing() -> None:
    link: Any = SimpleNamespace(url=URL, is_vcs=False, hash_name="md5", hash=MD5, _hashes={"sha256": GOOD, "md5": MD5})
    assert hashes_of(link) == {"md5": MD5}
    assert given(link) == {"sha256": GOOD, "md5": MD5}


def test_the_url_says_another_hash_than_the_page() -> None:
    link: Any = Link223({"sha256": GOOD}, LinkHash("sha256", EVIL))
    assert (hashes_of(link), link.hash) == ({"sha256": GOOD}, GOOD)


def test_the_links_of_the_real_pip(pip_module: Callable[[str], Any]) -> None:
    make = pip_module("_internal.models.link").Link
    for fragment, hashes in (("", {"md5": MD5, "sha256": GOOD}), (f"#md5={MD5}", {"sha256": GOOD})):
        link = make(URL + fragment, hashes=hashes)
        assert (hashes_of(link)["sha256"], link.hash_name, link.hash) == (GOOD, "sha256", GOOD)
        assert given(link) == {"sha256": GOOD, "md5": MD5}
        assert link.url == URL + fragment
    assert link.__class__.__module__ in sys.modules


@pytest.mark.parametrize("scheme", ["git+https", "GIT+SSH", "hg+http"])
def test_a_repository_has_neither_hash_nor_age(pip_module: Callable[[str], Any], scheme: str) -> None:
    url = f"{scheme}://host.example/acme_core-1.0.zip#egg=acme-core-1.0&sha256={GOOD}"
    link = pip_module("_internal.models.link").Link(url)
    told = Body(
        {"acme_core-1.0.zip": "2020-01-01T00:00:00Z"}, frozenset(["acme_core-1.0.zip"]), tells_provenance=True
    )
    candidate: Any = SimpleNamespace(version="1.0", link=link)
    assert facts_of(candidate, told) == FileFacts("acme_core-1.0.zip", "1.0", "sdist", {}, None, attested=False)
    link = pip_module("_internal.models.link").Link(url.replace(scheme, "https"))
    candidate.link = link
    assert facts_of(candidate, told)[3:] == ({"sha256": GOOD}, datetime(2020, 1, 1, tzinfo=timezone.utc), True)
