"""Draws worlds for ``test_model``, few names and places, so that they meet; and writes them as the stage reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import quote

from hypothesis import strategies as st

from model.one_policy import TODAY
from model.policy import Lookup
from model.refusals import NAMES, RECORDS, VERSIONS, WAIVERS, refusing_layers, write_records
from model.terms import TERMS, UPLOADED, others_of_one_name, sightings, write_seen
from model.web import (
    PYPI_URL,
    Answer,
    Download,
    Failure,
    File,
    Layer,
    Page,
    Redirect,
    World,
    normal,
    place_of,
)

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

CORP = "https://corp.example/simple/"
TEAM = "https://corp.example/simple/team/"  # lies in the place above, and is the page of a name there
MIRROR = "https://mirror.example:8443/top/"
LINKS = "https://links.example/wheels/"
PLAIN = "http://corp.example/simple/"
LOOPBACK = "http://localhost:8080/simple/"
STRANGER = "https://stranger.example/simple/"
ROOTS = (CORP, PYPI_URL, TEAM, MIRROR, LINKS, PLAIN, LOOPBACK)
"""What policies name."""
TRUSTED = ("corp.example", "corp.example", "corp.example:443", "corp.example:8443", "public.example")
NEAR = (STRANGER, "https://corp.example/simple-evil/", "https://corp.example:8443/simple/", "https://corp.example/")
"""What no policy names, however near it lies."""
UNKNOWN = (
    "https://stranger.example\\@corp.example/simple/",
    "https://corp.example@x@corp.example/simple/",
    "https://corp.example/simple/..%2F",
    "https://corp.example/simple/..;/",
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
PREFIXES = (
    "https://files.example/a",
    "https://FILES.example:443/ab/../a/",
    "https://corp.example/files/",
    "https://direct.example/x/",
    "git+https://git.example/team/",
    "file:///FOLDER/near",
)
"""What policies allow direct references under."""
LOCAL_HOSTS = ("file:///FOLDER/far/", "file://localhost/FOLDER/near/")
RANGES = ("<2", ">=2", "==2.0", ">=1,<2", "!=1.5")
SPECIFIERS = ("", "", "<2", ">=2", "==1.0", "==2.0", ">=1.5,<3", ">3")
PATTERNS = ("acme*", "acme-*", "Acme_*", "acme", "Acme.Core", "acme-c*", "team", "te*", "foo", "f*")


def rarely(value: Any, other: Any) -> SearchStrategy[Any]:
    """Draw ``other`` mostly."""
    return st.sampled_from([other, other, other, value])


SPELT: tuple[Callable[[str, str, str], tuple[str, str]], ...] = (
    lambda _, authority, path: (authority.replace("example", "EXAMPLE"), path),
    lambda scheme, authority, path: (f"{authority}:{443 if scheme == 'https' else 80}", path),
    lambda _, authority, path: (f"user:secret@{authority}", path),
    lambda _, authority, path: (authority, path.rstrip("/")),
    lambda _, authority, path: (authority, f"/{path}"),
    lambda _, authority, path: (authority, path.replace("m", "%6d", 1)),
    lambda _, authority, path: (authority, f"x/../{path}"),
    lambda _, authority, path: (authority, f"./{path}"),
    lambda _, authority, path: (authority, f"%2e%2E/{path}"),
)
"""Other spellings of scheme, authority and path, of the same identity."""


@st.composite
def spellings(draw: DrawFn, url: str) -> str:
    """Draw another spelling of a URL, of the same identity."""
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    usable = SPELT if ":" not in authority else (SPELT[0], *SPELT[2:])
    for spell in draw(st.lists(st.sampled_from(usable), max_size=2, unique=True)):
        authority, path = spell(scheme, authority, path)
    return f"{scheme}://{authority}/{path}"


@st.composite
def spelled_names(draw: DrawFn, name: str) -> str:
    """Draw another spelling of a name."""
    return draw(st.sampled_from([name, name.upper(), name.replace("-", "_."), name.title()]))


def indexes_of_worlds(roots: Sequence[str], *, unknown: bool) -> SearchStrategy[tuple[str, ...]]:
    """Draw how pip is configured: mostly with these places."""
    url = st.sampled_from([*roots, *roots, *ROOTS, *NEAR]).flatmap(spellings)
    if unknown:
        url = st.one_of(url, url, url, url, st.sampled_from(UNKNOWN))
    # Mostly every index that the policies are about is there; what is wrong with a world is elsewhere.
    planned = st.tuples(*(spellings(root) for root in dict.fromkeys(roots)))
    more = st.lists(url, min_size=1, max_size=4).map(tuple)
    return st.one_of(planned, planned, planned, more)


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
    uploaded = draw(st.sampled_from(UPLOADED))
    return File(
        project,
        version,
        filename,
        host + quote(filename),
        digest,
        yanked=draw(rarely(value=True, other=False)),
        fits="win32" not in ending,
        uploaded=uploaded,
    )


def several_files(names: Sequence[str], hosts: Sequence[str] = HOSTS) -> SearchStrategy[tuple[File, ...]]:
    """Draw the files of a page: no URL twice."""
    sizes = st.sampled_from([1, 2, 2, 3, 3, 4, 5])  # lists of hypothesis are short
    return sizes.flatmap(
        lambda size: st.lists(files(names, hosts), min_size=size, max_size=size, unique_by=lambda file: file.url)
    ).map(tuple)


def pages(names: Sequence[str]) -> SearchStrategy[Page]:
    """Draw a page."""
    listed = several_files(names, [*HOSTS, *HOSTS, *LOCAL_HOSTS])
    return st.builds(
        Page, st.one_of(listed, listed, listed, st.just(())), st.sampled_from(["html", "json"]), st.booleans()
    )


UNAUTHORISED, FORBIDDEN = Failure("status", 401), Failure("status", 403)
FAILURES = st.sampled_from(
    [Failure("portal"), Failure("text"), Failure("unreachable")]
    + [Failure("status", status) for status in (404, 404, 410, 401, 403, 500, 503)]
)


@st.composite
def webs(draw: DrawFn, urls: Sequence[str], names: Sequence[str], *, loops: bool) -> dict[str, Answer]:
    """Draw what answers under some URLs, and wherever they redirect to.

    :param loops: whether redirects may go on for ever; pip ends there, unless the guard counts failures.
    """
    web: dict[str, Answer] = {}
    known = set()
    waiting = list(urls)
    while waiting:
        url = waiting.pop(0)
        if place_of(url) in known:
            continue
        known.add(place_of(url))
        kind = draw(st.sampled_from(["page"] * 6 + ["failure"] + ["redirect"] * (4 if len(known) < 9 else 0)))
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
    name = draw(st.sampled_from([*names, *names, *names, *names, *NAMES]))
    elsewhere = spellings(f"{other}{name}/")
    return draw(st.one_of(elsewhere, elsewhere, elsewhere, st.sampled_from([f"{url}v2/", url])))


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
    if draw(st.integers(0, 3)) == 3:
        table |= draw(TERMS)
    if draw(st.booleans()):
        table["expires"] = TODAY.replace(day=TODAY.day + draw(st.sampled_from([-1, 0, 1])))
    return table


FILES_FROM = st.lists(
    st.sampled_from(
        ["files.example", "Files.Example", "https://files.example/a", "https://corp.example/files/", "public.example"]
    ),
    min_size=1,
    max_size=2,
    unique=True,
)


DIRECT_URLS = st.fixed_dictionaries(
    {},
    optional={
        "requested": st.sampled_from(["allow", "block"]),
        "transitive": st.sampled_from(["allow", "allow", "block"]),
        "allow": st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=2, unique=True),
    },
)


@st.composite
def indexes_of_policies(draw: DrawFn, root: str, mirror: str | None) -> dict[str, Any]:
    """Draw an index of a policy, without entries."""
    index: dict[str, Any] = {}
    url = "pypi" if root == PYPI_URL and draw(st.booleans()) else draw(spellings(root))
    index["url"] = url if mirror is None else [url, mirror]
    # Beside the public index's own address the default is true, and that is another way of saying it.
    if PYPI_URL not in (root, mirror) and draw(st.booleans()):
        index["public"] = draw(st.booleans())
    if root == PLAIN:
        index["insecure"] = True
    if draw(rarely(value=True, other=False)):
        index["files-from"] = draw(FILES_FROM)
    if draw(rarely(value=True, other=False)):
        index |= draw(TERMS)
    return index


@st.composite
def plans(draw: DrawFn) -> dict[str, str]:
    """Draw which pattern belongs to which place; the layers of a world agree, mostly."""
    size = draw(st.sampled_from([1, 2, 2, 3, 4]))
    patterns = draw(st.lists(st.sampled_from(PATTERNS), min_size=size, max_size=size, unique_by=normal))
    plan = {pattern: draw(st.sampled_from([CORP, CORP, *ROOTS])) for pattern in patterns}
    return {**plan, "*": draw(st.sampled_from([PYPI_URL, PYPI_URL, PYPI_URL, *ROOTS]))}


@st.composite
def policies(draw: DrawFn, plan: Mapping[str, str]) -> dict[str, Any]:
    """Draw a policy without faults."""
    settings = {"local": "block", "when-nothing-left": "backtrack"}
    policy: dict[str, Any] = {key: value for key, value in settings.items() if draw(rarely(value=True, other=False))}
    policy |= {"version": 1, "mode": draw(st.sampled_from([*["enforce"] * 7, "audit"]))}
    if draw(st.integers(0, 4)) == 4:
        policy["direct-urls"] = draw(DIRECT_URLS)
    shadow = {"probe": draw(rarely("never", "always")), "action": draw(st.sampled_from(["abort", "drop"]))}
    policy["shadow"] = {key: value for key, value in shadow.items() if draw(rarely(value=False, other=True))}
    if draw(st.integers(0, 7)) == 7:
        return policy
    if draw(st.integers(0, 7)) == 7:
        policy["defaults"] = {"files-from": draw(FILES_FROM)}
    if draw(st.integers(0, 7)) == 7:
        policy["defaults"] = {**policy.get("defaults", {}), **draw(TERMS)}
    if draw(st.booleans()):
        # Nearly two of the names of these worlds.
        policy["typosquat"] = {
            "action": draw(st.sampled_from(["block", "block", "off", "warn"])),
            "protect": draw(st.sampled_from([["acmecrop"], ["Acme_Cores"], ["acme-cores", "acmecrop"]])),
        }
    if draw(st.integers(0, 7)) == 7:
        policy["waive"] = draw(st.lists(WAIVERS, min_size=1, max_size=2))
    roots = list(dict.fromkeys([*plan.values(), *draw(st.lists(st.sampled_from(ROOTS), max_size=1))]))
    mirror = roots.pop() if len(roots) > 2 and roots[-1] != PLAIN and draw(st.booleans()) else None
    tables = {root: draw(indexes_of_policies(root, mirror if root is roots[0] else None)) for root in roots}
    merged = draw(entries_of_tables(plan, tables))
    if merged:
        policy["merge"] = [{"packages": merged, "indexes": ["index0", "index1"]}]
    policy["indexes"] = {f"index{number}": table for number, table in enumerate(tables.values())}
    if draw(st.booleans()) or "first-seen" in write_toml(policy):
        # Whoever runs the test, what the ledger says counts.
        policy["ledger"] = {"path": "/FOLDER/ledger.db", "trust": "user"}
    return policy


@st.composite
def entries_of_tables(draw: DrawFn, plan: Mapping[str, str], tables: dict[str, dict[str, Any]]) -> list[Any]:
    """Give each index its entries, mostly as planned; return those of ``[[merge]]``."""
    merged: list[Any] = []
    for pattern, planned in plan.items():
        choice = draw(st.integers(0, 9))
        if choice == 0:
            continue
        home = planned if planned in tables and choice > 1 else draw(st.sampled_from(list(tables)))
        if choice in (2, 3) and len(tables) > 1:
            merged.append(draw(entries(pattern)))
        elif choice == 4 and normal(pattern) == "acme" and "acme-*" not in map(normal, plan):
            tables[home]["namespaces"] = [pattern]
        else:
            tables[home].setdefault("packages", []).append(draw(entries(pattern)))
    for number, table in enumerate(tables.values()):
        if "packages" not in table and "namespaces" not in table:
            table["packages"] = [f"spare{number}"]
    return merged


@st.composite
def layers(draw: DrawFn, plan: Mapping[str, str]) -> tuple[Layer, ...]:
    """Draw the layers of a run: none to three."""
    kinds = draw(st.permutations(["machine", "interpreter", "user", "environment"]))
    number = draw(st.sampled_from([1, 1, 1, 1, 2, 2, 3, 0, 0]))
    return tuple(Layer(kind, draw(policies(plan))) for kind in kinds[:number])


# The whole


Played = tuple[World, tuple[Lookup, ...]]


@st.composite
def worlds(draw: DrawFn) -> Played:
    """Draw a world, and what pip looks up in it."""
    plan = draw(plans())
    found = draw(layers(plan).flatmap(refusing_layers))
    opinions = any(layer.enforces and layer.has_opinion for layer in found)
    indexes = draw(indexes_of_worlds(list(plan.values()), unknown=opinions)) if draw(st.integers(0, 9)) else ()
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
    asked = [f"{url}{'' if url.endswith('/') else '/'}{name}/" for url in indexes for name in names]
    links = []
    if draw(st.integers(0, 5)) == 5:
        links.append(draw(st.sampled_from([LINKS, LINKS, f"{CORP}{names[0]}/"]).flatmap(spellings)))
    links = [url for url in links if url not in asked]  # pip asks for a page that is both, twice
    link_files = draw(several_files(names)) if draw(st.integers(0, 7)) == 7 else ()
    web = draw(webs([url for url in [*links, *asked] if place_of(url) is not None], names, loops=opinions))
    if draw(st.integers(0, 3)) == 3:
        web |= draw(others_of_one_name(web))
    world = World(
        found,
        indexes,
        (*links, *(file.url for file in link_files)),
        link_files,
        trusted=(draw(st.sampled_from(TRUSTED)),) if draw(st.integers(0, 5)) == 5 else (),
        web=web,
        folder=draw(several_files(names, ["file:///FOLDER/wheels/"])) if draw(st.integers(0, 5)) == 5 else None,
        local_page=draw(several_files(names, [*LOCAL_HOSTS, *HOSTS])) if draw(st.integers(0, 7)) == 7 else None,
        local_index=draw(several_files(names, [*LOCAL_HOSTS, *HOSTS])) if draw(st.integers(0, 7)) == 7 else None,
        records=tuple(draw(st.lists(RECORDS, max_size=3, unique_by=lambda record: record.id))),
    )
    if any("ledger" in layer.policy for layer in found):
        world = replace(world, seen=draw(sightings(web)))
    if any("@" in url for url in (*indexes, *links, *(it.to for it in web.values() if isinstance(it, Redirect)))):
        # With credentials for a host at hand, pip asks again after a 401.
        world = replace(
            world, web={url: FORBIDDEN if answer == UNAUTHORISED else answer for url, answer in web.items()}
        )
    return world, draw(lookups(names))


@st.composite
def lookups(draw: DrawFn, names: Sequence[str]) -> tuple[Lookup, ...]:
    """Draw what one finder looks up: it has a resolver, or it only looks, and remembers what it has found."""
    one = st.builds(
        Lookup,
        st.sampled_from(names).flatmap(spelled_names),
        st.sampled_from(SPECIFIERS),
        rarely(("0" * 64,), ()),
        resolves=st.just(draw(rarely(value=False, other=True))),
    )
    return tuple(draw(st.lists(one, min_size=1, max_size=3)))


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
            **({} if file.uploaded is None else {"upload-time": file.uploaded}),
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
    if isinstance(answer, Download):
        wheel = {"filename": answer.filename, "name": answer.told_name, "requires": answer.requires}
        return {"status": 200, "headers": {"Content-Type": "application/octet-stream"}, "wheel": wheel}
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
        "base/etc/indexguard/policy.toml" if layer.kind == "interpreter" else f"{layer.kind}.toml": "\n".join(
            f"{key} = {write_toml(value)}" for key, value in layer.policy.items()
        )
        for layer in world.layers
    }
    if world.seen:
        # As another pip leaves it that had no time to write the ledger.
        kept["ledger.db.1-seed.side"] = "".join(map(write_seen, world.seen))
    kept |= {place: write_records(world.records) for place in ("records.json", "base/etc/indexguard/records.json")}
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
