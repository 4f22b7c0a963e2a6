"""The guard inside pip against the model of its policy: what the model forbids never passes, what it allows always does.

The default number of worlds takes less than a minute. More of them, and the counts of what they met:

    python -m pytest tests/inpip/test_model.py --hypothesis-profile=long -s
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from environments import clean_environ
from indexguard.inpip.children import BOOTSTRAP
from policy_model import (
    PYPI_URL,
    TODAY,
    Answer,
    Expected,
    Failure,
    File,
    Layer,
    Lookup,
    Page,
    Passing,
    Redirect,
    World,
    judge,
    normal,
    place_of,
    )

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

WORLDS_PER_EXAMPLE = 15
"""How many worlds are played for one example that the profile of hypothesis asks for (100 by default)."""
PATIENCE = 60
"""Seconds after which a world has hung."""

# Worlds: few names and places, so that they meet.

NAMES = ("acme", "acme-core", "acmecorp", "team", "foo")
CORP = "https://corp.example/simple/"
TEAM = "https://corp.example/simple/team/"  # lies in the place above, and is the page of a name there
MIRROR = "https://mirror.example:8443/root/"
LINKS = "https://links.example/wheels/"
PLAIN = "http://corp.example/simple/"
LOOPBACK = "http://localhost:8080/simple/"
STRANGER = "https://stranger.example/simple/"
ROOTS = (CORP, PYPI_URL, TEAM, MIRROR, LINKS, PLAIN, LOOPBACK)
"""What policies name."""
NEAR = (STRANGER, "https://corp.example/simple-evil/", "https://corp.example:8443/simple/", "https://corp.example/")
"""What no policy names, however near it lies."""
UNKNOWN = (
    "https://stranger.example\\@corp.example/simple/",
    "https://corp.example@x@corp.example/simple/",
    "https://corp.example/simple%2F",
    "https://corp.example/simple/%5c/",
)
HOSTS = (
    "https://files.example/a/",
    "https://files.example/ab/",
    "https://FILES.example:8443/a/",
    "https://files.example@stranger.example/a/",
    "https://corp.example/files/",
    CORP,
    PYPI_URL,
)
LOCAL_HOSTS = ("file:///FOLDER/far/", "file://localhost/FOLDER/near/")
VERSIONS = ("1.0", "1.5", "2.0", "2.0+local", "3.0rc1")
RANGES = ("<2", ">=2", "==2.0", ">=1,<2", "!=1.5")
SPECIFIERS = ("", "", "<2", ">=2", "==1.0", "==2.0", ">=1.5,<3", ">3")
PATTERNS = ("acme*", "acme-*", "Acme_*", "acme", "Acme.Core", "acme-c*", "team", "te*", "foo", "f*")


def rarely(value: Any, other: Any) -> SearchStrategy[Any]:
    """Draw ``other`` mostly."""
    return st.sampled_from([other, other, other, value])


@st.composite
def spellings(draw: DrawFn, url: str) -> str:
    """Draw another spelling of a URL, of the same identity."""
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    for change in draw(st.lists(st.integers(0, 8), max_size=2, unique=True)):
        if change == 0:
            authority = authority.replace("example", "EXAMPLE")
        elif change == 1 and ":" not in authority:
            authority += {"https": ":443", "http": ":80"}[scheme]
        elif change == 2:
            path = path.rstrip("/")
        elif change == 3:
            path = f"/{path}"
        elif change == 4 and "@" not in authority:
            authority = f"user:secret@{authority}"
        elif change == 5:
            path = path.replace("m", "%6d", 1)
        elif change == 6:
            path = f"x/../{path}"
        elif change == 7:
            path = f"./{path}"
        elif change == 8:
            path = f"%2e%2E/{path}"
    return f"{scheme}://{authority}/{path}"


@st.composite
def spelled_names(draw: DrawFn, name: str) -> str:
    """Draw another spelling of a name."""
    return draw(st.sampled_from([name, name.upper(), name.replace("-", "_."), name.title()]))


def indexes_of_worlds(roots: Sequence[str], *, unknown: bool) -> SearchStrategy[tuple[str, ...]]:
    """Draw how pip is configured: mostly with these places."""
    root = st.sampled_from([*roots, *roots, *roots, *ROOTS, *NEAR])
    url = root.flatmap(spellings)
    if unknown:
        url = st.one_of(url, url, url, url, st.sampled_from(UNKNOWN))
    return st.lists(url, min_size=1, max_size=4).map(tuple)


@st.composite
def files(draw: DrawFn, names: Sequence[str], hosts: Sequence[str] = HOSTS) -> File:
    """Draw a file, mostly of one of these names."""
    project = draw(st.sampled_from([*names, *names, *names, *NAMES]))
    version = draw(st.sampled_from(VERSIONS))
    ending = draw(st.sampled_from(["-py3-none-any.whl", "-py3-none-any.whl", ".tar.gz", "-cp27-cp27m-win32.whl"]))
    filename = f"{project.replace('-', '_')}-{version}{ending}"
    # The same digest for the same version, mostly: then files are alike on several indexes.
    digest = draw(st.sampled_from([f"{VERSIONS.index(version)}" * 64] * 3 + ["f" * 64, None]))
    host = draw(st.sampled_from(hosts))
    return File(
        project,
        version,
        filename,
        host + quote(filename),
        digest,
        yanked=draw(rarely(value=True, other=False)),
        fits="win32" not in ending,
    )


def several_files(names: Sequence[str], hosts: Sequence[str] = HOSTS) -> SearchStrategy[tuple[File, ...]]:
    """Draw the files of a page: no URL twice."""
    return st.lists(files(names, hosts), min_size=1, max_size=5, unique_by=lambda file: file.url).map(tuple)


def pages(names: Sequence[str]) -> SearchStrategy[Page]:
    """Draw a page."""
    listed = several_files(names, [*HOSTS, *HOSTS, *LOCAL_HOSTS])
    return st.builds(Page, st.one_of(listed, listed, listed, st.just(())), st.sampled_from(["html", "json"]), st.booleans())


UNAUTHORISED, FORBIDDEN = Failure("status", 401), Failure("status", 403)
FAILURES = st.sampled_from(
    [*(Failure("status", status) for status in (404, 404, 410, 401, 403, 500, 503))]
    + [Failure("portal"), Failure("text"), Failure("unreachable")]
)


@st.composite
def webs(draw: DrawFn, urls: Sequence[str], names: Sequence[str], *, loops: bool) -> dict[str, Answer]:
    """Draw what answers under some URLs, and wherever they redirect to.

    :param loops: whether redirects may go on for ever.
    """
    web: dict[str, Answer] = {}
    known = set()
    waiting = list(urls)
    while waiting:
        url = waiting.pop(0)
        if place_of(url) in known:
            continue
        known.add(place_of(url))
        kind = draw(st.sampled_from(["page"] * 6 + ["failure"] + ["redirect"] * (2 if len(known) < 9 else 0)))
        if kind == "page":
            web[url] = draw(pages(names))
        elif kind == "failure":
            web[url] = draw(FAILURES)
        else:
            to = draw(redirects(url, names))
            if loops or place_of(to) not in known:
                web[url] = Redirect(to, draw(st.sampled_from([301, 302, 303, 307, 308])))
                waiting.append(to)
    return web


@st.composite
def redirects(draw: DrawFn, url: str, names: Sequence[str]) -> str:
    """Draw where a page sends."""
    other = draw(st.sampled_from([*ROOTS, *NEAR]))
    name = draw(st.sampled_from([*names, *NAMES]))
    return draw(
        st.sampled_from([f"{other}{name}/", f"{other}{name}/", f"{url}v2/", url])
        | spellings(f"{other}{name}/")
    )


# Policies


@st.composite
def entries(draw: DrawFn, pattern: str) -> Any:
    """Draw an entry of a policy: a pattern, with or without more."""
    more = draw(st.sampled_from(["", "", "", "range", "table"]))
    if more == "range":
        return pattern + draw(st.sampled_from(RANGES))
    if more == "":
        return pattern
    table: dict[str, Any] = {"name": pattern}
    if draw(st.booleans()):
        table["version"] = draw(st.sampled_from(RANGES))
    if draw(st.booleans()):
        table["expires"] = TODAY.replace(day=TODAY.day + draw(st.sampled_from([-1, 0, 1])))
    return table


FILES_FROM = st.lists(
    st.sampled_from(["files.example", "Files.Example", "https://files.example/a", "https://corp.example/files/"]),
    min_size=1,
    max_size=2,
    unique=True,
)


@st.composite
def indexes_of_policies(draw: DrawFn, root: str, mirror: str | None) -> dict[str, Any]:
    """Draw an index of a policy, without entries."""
    index: dict[str, Any] = {}
    url = "pypi" if root == PYPI_URL and draw(st.booleans()) else draw(spellings(root))
    index["url"] = url if mirror is None else [url, mirror]
    # PM-D: an explicit value beside the public index's own address.
    if PYPI_URL not in (root, mirror) and draw(st.booleans()):
        index["public"] = draw(st.booleans())
    if root == PLAIN:
        index["insecure"] = True
    if draw(rarely(value=True, other=False)):
        index["files-from"] = draw(FILES_FROM)
    return index


@st.composite
def plans(draw: DrawFn) -> dict[str, str]:
    """Draw which pattern belongs to which place; the layers of a world agree, mostly."""
    patterns = draw(st.lists(st.sampled_from(PATTERNS), max_size=4, unique_by=normal))
    plan = {pattern: draw(st.sampled_from([CORP, CORP, *ROOTS])) for pattern in patterns}
    return {**plan, "*": draw(st.sampled_from([PYPI_URL, PYPI_URL, PYPI_URL, *ROOTS]))}


@st.composite
def policies(draw: DrawFn, plan: Mapping[str, str]) -> dict[str, Any]:
    """Draw a policy without faults."""
    policy: dict[str, Any] = {"version": 1, "mode": draw(rarely("audit", "enforce"))}
    for key, value in (("local", "block"), ("when-nothing-left", "backtrack")):
        if draw(rarely(value=True, other=False)):
            policy[key] = value
    shadow = {"probe": draw(rarely("never", "always")), "action": draw(rarely("abort", "drop"))}
    policy["shadow"] = {key: value for key, value in shadow.items() if draw(st.booleans())}
    if draw(st.integers(0, 7)) == 7:
        return policy
    if draw(st.integers(0, 7)) == 7:
        policy["defaults"] = {"files-from": draw(FILES_FROM)}
    roots = list(dict.fromkeys([*plan.values(), *draw(st.lists(st.sampled_from(ROOTS), max_size=1))]))
    mirror = roots.pop() if len(roots) > 2 and roots[-1] != PLAIN and draw(st.booleans()) else None
    tables = {root: draw(indexes_of_policies(root, mirror if root is roots[0] else None)) for root in roots}
    merged: list[Any] = []
    for pattern, planned in plan.items():
        choice = draw(st.integers(0, 9))
        if choice == 0:
            continue
        home = planned if planned in tables and choice > 1 else draw(st.sampled_from(roots))
        if choice == 2 and len(roots) > 1:
            merged.append(draw(entries(pattern)))
        elif choice == 3 and normal(pattern) == "acme" and "acme-*" not in map(normal, plan):
            tables[home]["namespaces"] = [pattern]
        else:
            tables[home].setdefault("packages", []).append(draw(entries(pattern)))
    if merged:
        policy["merge"] = [{"packages": merged, "indexes": ["index0", "index1"]}]
    for number, table in enumerate(tables.values()):
        if "packages" not in table and "namespaces" not in table:
            table["packages"] = [f"spare{number}"]
    policy["indexes"] = {f"index{number}": table for number, table in enumerate(tables.values())}
    return policy


@st.composite
def layers(draw: DrawFn, plan: Mapping[str, str]) -> tuple[Layer, ...]:
    """Draw the layers of a run: none to three."""
    kinds = draw(st.lists(st.sampled_from(["machine", "interpreter", "user", "environment"]), max_size=3, unique=True))
    return tuple(Layer(kind, draw(policies(plan))) for kind in kinds)


# The whole


Played = tuple[World, tuple[Lookup, ...]]


@st.composite
def worlds(draw: DrawFn) -> Played:
    """Draw a world, and what pip looks up in it."""
    plan = draw(plans())
    found = draw(layers(plan))
    opinions = any(layer.enforces and layer.has_opinion for layer in found)
    indexes = draw(indexes_of_worlds(list(plan.values()), unknown=opinions)) if draw(st.integers(0, 9)) else ()
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
    asked = [f"{url}{'' if url.endswith('/') else '/'}{name}/" for url in indexes for name in names]
    links = []
    if draw(st.integers(0, 5)) == 5:
        links.append(draw(st.sampled_from([LINKS, LINKS, f"{CORP}{names[0]}/"]).flatmap(spellings)))
    links = [url for url in links if url not in asked]  # pip asks for a page that is both, twice
    link_files = draw(several_files(names)) if draw(st.integers(0, 7)) == 7 else ()
    web = draw(webs([url for url in [*links, *asked] if place_of(url) is not None], names, loops=bool(found)))
    world = World(
        found,
        indexes,
        (*links, *(file.url for file in link_files)),
        link_files,
        trusted=("corp.example",) if draw(st.integers(0, 7)) == 7 else (),
        web=web,
        folder=draw(several_files(names, ["file:///FOLDER/wheels/"])) if draw(st.integers(0, 5)) == 5 else None,
        local_page=draw(several_files(names, [*LOCAL_HOSTS, *HOSTS])) if draw(st.integers(0, 7)) == 7 else None,
        local_index=draw(several_files(names, [*LOCAL_HOSTS, *HOSTS])) if draw(st.integers(0, 7)) == 7 else None,
    )
    if any("@" in url for url in (*indexes, *links)):
        # With credentials for a host at hand, pip asks again after a 401.
        world = replace(world, web={url: FORBIDDEN if answer == UNAUTHORISED else answer for url, answer in web.items()})
    return world, tuple(draw(st.lists(lookups(names), min_size=1, max_size=3)))


@st.composite
def lookups(draw: DrawFn, names: Sequence[str]) -> Lookup:
    """Draw a requirement."""
    return Lookup(
        draw(st.sampled_from(names).flatmap(spelled_names)),
        draw(st.sampled_from(SPECIFIERS)),
        draw(rarely(("0" * 64,), ())),
        resolves=draw(rarely(value=False, other=True)),
    )


# What the stage gets


def write_toml(value: Any) -> str:
    """Write a value as TOML does, tables in one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {write_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(write_toml, value)) + "]"
    return value.isoformat() if isinstance(value, date) else json.dumps(value)


def write_html(listed: Sequence[File], base: str | None = None) -> str:
    """Write a page of links."""
    lines = ["<!DOCTYPE html><html><head>"]
    if base is not None:
        lines.append(f'<base href="{base}">')
    lines.append("</head><body>")
    for file in listed:
        href = file.url if base is None else file.url.removeprefix(base)
        digest = "" if file.sha256 is None else f"#sha256={file.sha256}"
        yanked = ' data-yanked=""' if file.yanked else ""
        lines.append(f'<a href="{href}{digest}"{yanked}>{file.filename}</a><br>')
    return "\n".join([*lines, "</body></html>"])


def write_json(listed: Sequence[File]) -> str:
    """Write a page as PEP 691 describes it."""
    told = [
        {
            "filename": file.filename,
            "url": file.url,
            "hashes": {} if file.sha256 is None else {"sha256": file.sha256},
            "yanked": file.yanked,
        }
        for file in listed
    ]
    return json.dumps({"meta": {"api-version": "1.0"}, "name": "x", "files": told})


def write_answer(answer: Answer) -> dict[str, Any]:
    """Write what a server answers."""
    html = {"Content-Type": "text/html; charset=utf-8"}
    if isinstance(answer, Page):
        body = write_html(answer.files, "https://files.example/" if answer.based else None)
        more = {"json": write_json(answer.files)} if answer.form == "json" else {}
        return {"status": 200, "headers": html, "body": body, **more}
    if isinstance(answer, Redirect):
        return {"status": answer.status, "headers": {"Location": answer.to}, "body": ""}
    if answer.kind == "unreachable":
        return {"unreachable": True}
    bodies = {"portal": '<form action="/login"><input name="user"></form>', "text": "words", "status": "no page"}
    headers = {"Content-Type": "text/plain"} if answer.kind == "text" else html
    return {"status": answer.status, "headers": headers, "body": bodies[answer.kind]}


def write_world(world: World, looked_up: Sequence[Lookup]) -> dict[str, Any]:
    """Write a world as the stage reads it."""
    kept = {
        f"base/etc/indexguard/policy.toml" if layer.kind == "interpreter" else f"{layer.kind}.toml": "\n".join(
            f"{key} = {write_toml(value)}" for key, value in layer.policy.items()
        )
        for layer in world.layers
    }
    arguments = []
    indexes = list(world.indexes)
    links = list(world.links)
    if world.folder is not None:
        kept |= {f"wheels/{file.filename}": "" for file in world.folder} | {"wheels/.keep": ""}
        links.append("/FOLDER/wheels")
    if world.local_page is not None:
        kept["links.html"] = write_html(world.local_page)
        links.append("/FOLDER/links.html")
    if world.local_index is not None:
        names = {normal(lookup.name) for lookup in looked_up}
        kept |= {f"simple/{name}/index.html": write_html(world.local_index) for name in names}
        indexes.append("file:///FOLDER/simple/")
    for option, url in zip(["--index-url", *["--extra-index-url"] * len(indexes)], indexes):
        arguments += [option, url]
    arguments += [] if indexes else ["--no-index"]
    for url in links:
        arguments += ["--find-links", url]
    for host in world.trusted:
        arguments += ["--trusted-host", host]
    return {
        "files": kept,
        "arguments": arguments,
        "web": {url: write_answer(answer) for url, answer in world.web.items()},
        "lookups": [
            {"name": each.name, "specifier": each.specifier, "hashes": each.hashes, "resolves": each.resolves}
            for each in looked_up
        ],
    }


class Stage:
    """The process in which worlds are played."""

    def __init__(self, home: Path) -> None:
        script = Path(__file__).with_name("model_stage.py")
        public, host = PYPI_URL.removesuffix("simple/"), "files.example"
        self._process = subprocess.Popen(
            [sys.executable, str(script), public, host],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environ(home, PYTHONPATH=str(BOOTSTRAP), TMPDIR=str(home)),
            text=True,
        )

    def play(self, world: World, looked_up: Sequence[Lookup]) -> list[dict[str, Any]]:
        """Return what became of each lookup."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(write_world(world, looked_up)) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        assert ready, f"nothing after {PATIENCE} seconds"
        told = json.loads(self._process.stdout.readline())
        assert "crash" not in told, told["crash"]
        return list(told["lookups"])

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage, once for all worlds."""
    pytest.importorskip("pip")
    made = Stage(tmp_path_factory.mktemp("stage"))
    yield made
    made.close()


def compare(expected: Expected, told: Mapping[str, Any], *, first: bool) -> None:
    """Compare what the model says with what pip did.

    :param first: whether pip was asked for this very name for the first time; else it asks nobody anew.
    """
    asked = Counter(map(place_of, told["asked"]))
    assert asked == (expected.asked if first else Counter()), "asked"
    if told["refused"] is None:
        assert not expected.refused or expected.may_go_on, "the run is to be refused"
    else:
        assert told["refused"] in expected.refused, "the run is not to be refused for that"
    assert set(told["logged"]) <= expected.reasons, "the log"
    if told["passing"] is not None:
        passing = Counter(
            Passing(page and place_of(page), place_of(url), version) for page, url, version in told["passing"]
        )
        assert passing == expected.passing, "what reaches pip's selection"


def count(counts: Counter[str], expected: Expected, told: Mapping[str, Any]) -> None:
    """Count what a lookup met."""
    counts["lookups"] += 1
    counts["files let through"] += expected.passing.total()
    for code, number in expected.dropped.items():
        counts["files forbidden"] += number
        counts[f"files forbidden: {code}"] += number
    if told["refused"]:
        counts["runs refused"] += 1
        counts[f"runs refused: {told['refused']}"] += 1
        event(f"refused: {told['refused']}")


def test_the_guard_does_what_the_model_says(stage: Stage) -> None:
    counts: Counter[str] = Counter()

    @settings(
        max_examples=WORLDS_PER_EXAMPLE * settings.default.max_examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds())
    def check(played: Played) -> None:
        world, looked_up = played
        counts["worlds"] += 1
        seen = set()
        for lookup, told in zip(looked_up, stage.play(world, looked_up)):
            expected = judge(world, lookup)
            compare(expected, told, first=lookup.name not in seen)
            seen.add(lookup.name)
            count(counts, expected, told)

    try:
        check()
    finally:
        sys.stdout.write("\n".join(["", *(f"{what}: {number}" for what, number in sorted(counts.items())), ""]))
