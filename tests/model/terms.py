"""What policies ask of files, drawn; and what a ledger remembers of a drawn web."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from hypothesis import strategies as st

from model.web import Answer, Page, Seen, normal, place_of, plain

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn


UPLOADED = (
    None,
    "2026-05-01T00:00:00Z",
    "2026-06-12T12:00:00.000000Z",  # three days ago, to the second
    "2026-06-15T00:30:00+02:00",
    "2026-06-15T11:00:00.5Z",
    "2026-06-20T00:00:00Z",  # by a clock that goes wrong
)
FIRST_SEEN = {"for": "3d", "unknown": "first-seen"}
AGES = st.sampled_from(
    [
        "3d",
        "3d",
        "12h",
        "1w",
        "0d",
        {"for": "3d", "unknown": "allow"},
        {"for": "3d", "unknown": "drop"},
        FIRST_SEEN,
        FIRST_SEEN,
    ]
)
TERMS = st.one_of(
    st.builds(lambda age: {"min-age": age}, AGES),
    st.builds(lambda age: {"min-age": age}, AGES),
    st.sampled_from(
        [{"formats": ["wheel"]}, {"formats": ["sdist"]}, {"formats": ["sdist"]}, {"formats": ["wheel", "sdist"]}]
    ),
    st.sampled_from([{"require-hashes": need} for need in ("index", "index", "pinned", "off")]),
)
"""What is asked of files."""


@st.composite
def sightings(draw: DrawFn, web: Mapping[str, Answer]) -> tuple[Seen, ...]:
    """Draw what a ledger remembers of the pages of a web: the files that they list, and some with another content."""
    listed = [
        (plain(url.rstrip("/").rpartition("/")[0] + "/"), file)
        for url, answer in web.items()
        if isinstance(answer, Page) and place_of(url) is not None
        for file in answer.files
    ]
    if not listed:
        return ()
    found = []
    for index, file in draw(
        st.lists(st.sampled_from(listed), min_size=1, max_size=6, unique_by=lambda it: it[1].filename)
    ):
        digest = draw(st.sampled_from([file.sha256, "e" * 64, "e" * 64, None]))
        first_seen = draw(st.sampled_from(["2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z", "2026-06-14T00:00:00Z"]))
        found.append(Seen(index, normal(file.project), file.filename, digest, first_seen))
    return tuple(found)


@st.composite
def others_of_one_name(draw: DrawFn, web: Mapping[str, Answer]) -> dict[str, Answer]:
    """Draw pages that list, beside their own, a file of another page's name with another content."""
    pages = [(url, page) for url, page in web.items() if isinstance(page, Page) and any(it.sha256 for it in page.files)]
    if len(pages) < 2:  # two are at odds
        return {}
    first, page = draw(st.sampled_from(pages))
    file = draw(st.sampled_from([it for it in page.files if it.sha256]))
    other = replace(file, url=f"https://files.example/a/other/{quote(file.filename)}", sha256="d" * 64)
    # With nothing beside them, nothing is left.
    alone = draw(st.booleans())
    found: dict[str, Answer] = {first: replace(page, files=(file,) if alone else page.files)}
    for url, other_page in pages:
        if url != first:
            found[url] = replace(other_page, files=(other,) if alone else (*other_page.files, other))
    return found


def write_seen(seen: Seen) -> str:
    """Write what a ledger remembers as a line of an export."""
    told = {"index": seen.index, "name": seen.project, "file": seen.filename, "version": "1.0", "sha256": seen.sha256}
    return json.dumps({"ledger": 1, **told, "first_seen": seen.first_seen}) + "\n"
