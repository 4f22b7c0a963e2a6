"""Draws worlds for what is seldom met otherwise: places of one rule at odds, and a lone index of whose files much is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hypothesis import strategies as st

from model.refusals import NAMES
from model.terms import TERMS, sightings
from model.web import Answer, Layer, Page, World
from model.worlds import CORP, HOSTS, MIRROR, Played, lookups, several_files, worlds, write_toml

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy


def all_worlds() -> SearchStrategy[Played]:
    """Draw a world: one in ten is at odds, and in one of ten a lone index is asked something."""
    seldom = {8: worlds_that_ask, 9: worlds_at_odds}
    return st.integers(0, 9).flatmap(lambda number: seldom.get(number, worlds)())


@st.composite
def worlds_at_odds(draw: DrawFn) -> Played:
    """Draw a world of one policy and two places, of a ``[[merge]]`` or of one ``url`` list, and what pip looks up."""
    name = draw(st.sampled_from(NAMES))
    pattern = draw(st.sampled_from(["*", name]))
    policy: dict[str, Any] = {"version": 1, "mode": draw(st.sampled_from(["enforce", "enforce", "audit"]))}
    if draw(st.booleans()):
        policy["indexes"] = {"index0": {"url": [CORP, MIRROR], "packages": [pattern]}}
    else:
        roots = {"index0": CORP, "index1": MIRROR}
        policy["indexes"] = {key: {"url": url, "packages": [f"spare-{key}"]} for key, url in roots.items()}
        policy["merge"] = [{"packages": [pattern], "indexes": list(roots)}]
    if draw(st.booleans()):
        policy["when-nothing-left"] = "backtrack"
    web = draw(pages_at_odds(name))
    layer = Layer(draw(st.sampled_from(["machine", "user", "environment"])), policy)
    world = World((layer,), draw(st.permutations([CORP, MIRROR]).map(tuple)), web=web)
    return world, draw(lookups([name]))


@st.composite
def worlds_that_ask(draw: DrawFn) -> Played:
    """Draw a world of one public index, of whose files a policy asks something, and what pip looks up."""
    name = draw(st.sampled_from(NAMES))
    pattern = draw(st.sampled_from(["*", name]))
    index = {"url": CORP, "public": True, "packages": [pattern], **draw(TERMS)}
    policy: dict[str, Any] = {"version": 1, "mode": draw(st.sampled_from(["enforce", "enforce", "audit"]))}
    policy["indexes"] = {"index0": index}
    remembers = draw(st.booleans()) or "first-seen" in write_toml(policy)
    if remembers:
        policy["ledger"] = {"path": "/FOLDER/ledger.db", "trust": "user"}
    layer = Layer(draw(st.sampled_from(["machine", "user", "environment"])), policy)
    web: dict[str, Answer] = {
        f"{CORP}{name}/": Page(draw(several_files([name], HOSTS)), draw(st.sampled_from(["html", "json", "json"])))
    }
    world = World((layer,), (CORP,), web=web, seen=draw(sightings(web)) if remembers else ())
    return world, draw(lookups([name]))


@st.composite
def pages_at_odds(draw: DrawFn, name: str) -> dict[str, Answer]:
    """Draw the pages of two places, the second of which lists a file of the first with another content, or without hash."""
    listed = draw(several_files([name], HOSTS))
    file = draw(st.sampled_from(listed))
    digest = draw(st.sampled_from(["d" * 64, "d" * 64, file.sha256, None]))
    other = replace(file, url=f"https://files.example/a/other/{quote(file.filename)}", sha256=digest)
    # With nothing beside them, nothing is left.
    alone = draw(st.booleans())
    more = () if alone else draw(several_files([name], HOSTS))
    forms = st.sampled_from(["html", "json"])
    return {
        f"{CORP}{name}/": Page((file,) if alone else listed, draw(forms)),
        f"{MIRROR}{name}/": Page((*(it for it in more if it.url != other.url), other), draw(forms)),
    }
