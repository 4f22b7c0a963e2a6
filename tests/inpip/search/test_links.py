"""The names of files, as pip itself takes them from their URLs."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from indexguard.inpip.search.links import name_file, name_files

PARTS = st.sampled_from(["acme_core-1.0.zip", "a%2Bb-1.0.zip", "", "x", "?q", "#sha256=aa", "a b.zip", "é.zip"])
URLS = st.builds(
    "{}{}".format,
    st.sampled_from(["https://a.example/", "https://u:p@a.example:8443/", "http://a.example", "https://a.example//"]),
    st.lists(PARTS, max_size=3).map("/".join),
)


@given(st.lists(URLS, max_size=4))
@example(["https://a.example/files/a-1.zip", "https://b.example", "https://a.example/x/"])
@example(["https://u:p@a-1.zip"])
def test_many_at_once_are_named_as_each_is(urls: list[str]) -> None:
    from pip._internal.models.link import Link  # pip itself

    links: list[Any] = [Link(url) for url in urls]
    assert name_files(links) == [name_file(link) for link in links] == [link.filename for link in links]
