"""Draws errands for ``test_model``, runs of pip with references that go round every index; and writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from model.reference import Errand, Parent, Reference
from model.refusals import NAMES
from model.web import PYPI_URL, Answer, Download, File, Page, Redirect, World, place_of
from model.worlds import CORP, DIRECT_URLS, STRANGER, layers, plans, rarely, write_world

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

FREE = ("lib", "tool")
"""Names that only `*` matches, beside those that a policy may claim."""
PLACES = (
    "https://files.example/a/",
    "https://files.example/ab/",
    "https://corp.example/files/",
    "https://direct.example/x/",
    "https://direct.example:443/y/%2e%2E/x/",
    "https://direct.example/xy/",
    "https://user:secret@direct.example/x/",
    "http://direct.example/x/",
    CORP,
    PYPI_URL,
    STRANGER,
)
LOCAL_PLACES = ("file:///FOLDER/near/", "file:///FOLDER/far/")
REPOSITORIES = (
    "git+https://git.example/team/",
    "git+https://GIT.example/team/../team/",
    "git+https://git.example/other/",
    "git+ssh://git@git.example/team/",
    "git+file:///FOLDER/near/",
)
BACKEND = """
import pathlib

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    metadata = pathlib.Path(__file__).with_name("METADATA").read_text()
    name = metadata.partition("Name: ")[2].partition("\\n")[0].replace("-", "_")
    info = pathlib.Path(folder, f"{name}-1.0.dist-info")
    info.mkdir()
    info.joinpath("METADATA").write_text(metadata)
    return info.name

def build_wheel(*_args):
    raise RuntimeError("nothing is built")
"""


DEPTH = 2
"""How far what the user gives may bring references that bring references."""


def wheel_name(name: str, version: str = "1.0") -> str:
    """Return the file name of a wheel."""
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


@st.composite
def references(draw: DrawFn, names: list[str], depth: int, others: Sequence[Reference], *, locked: bool) -> Reference:
    """Draw a reference, and what it brings.

    :param names: that have not been drawn; a name is taken out.
    :param others: what the user gives already: a distribution may bring the very same.
    """
    if others and (not names or draw(st.integers(0, 4)) == 4):
        return draw(st.sampled_from(others))
    name = names.pop()
    kind = "wheel" if locked else draw(st.sampled_from(["wheel"] * 12 + ["repository", "repository", "project"]))
    if kind == "repository":
        revision = draw(st.sampled_from(["", "@main"]))
        # pip <= 21.1 cannot read a local one in the metadata of a distribution.
        place = draw(st.sampled_from(REPOSITORIES if depth == DEPTH else REPOSITORIES[:-1]))
        return Reference(name, f"{place}{name}.git{revision}", name)
    brings = []
    if names and depth and not locked and draw(st.integers(0, 2)) == 2:
        brings.append(draw(references(names, depth - 1, others, locked=False)))
    if kind == "project":
        return Reference(name, f"file:///FOLDER/projects/{name}", name, tuple(brings))
    told = draw(rarely("other", rarely(name.upper(), name))) if not locked else name
    told = told if isinstance(told, str) else draw(told)
    version = draw(st.sampled_from(["1.0", "2.0"]))
    place = draw(st.sampled_from([*PLACES, *PLACES, *LOCAL_PLACES]))
    return Reference(name, place + wheel_name(name, version), told, tuple(brings), version)


def every(found: Sequence[Reference]) -> Iterator[Reference]:
    """Yield references, and what they bring."""
    for reference in found:
        yield reference
        yield from every(reference.brings)


def requirements_of(brings: Sequence[Reference]) -> tuple[str, ...]:
    """Return what stands in the metadata of a distribution."""
    return tuple(f"{reference.name} @ {reference.url}" for reference in brings)


@st.composite
def downloads(draw: DrawFn, url: str, download: Download, web: dict[str, Answer]) -> None:
    """Put a distribution behind a URL, perhaps with redirects on the way to it."""
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        to = draw(st.sampled_from(PLACES)) + draw(st.sampled_from(["", "moved/"])) + download.filename
        if place_of(to) in map(place_of, [*web, url]):
            break
        web[url] = Redirect(to, draw(st.sampled_from([301, 302, 303, 307, 308])))
        url = to
    if draw(st.integers(0, 19)):
        web[url] = download


@st.composite
def errands(draw: DrawFn, *, locks: bool) -> Errand:
    """Draw an errand.

    :param locks: whether this pip reads lock files.
    """
    found = tuple(
        replace(layer, policy={**layer.policy, "direct-urls": draw(DIRECT_URLS)}) if draw(st.booleans()) else layer
        for layer in draw(layers(draw(plans())))
    )
    names = list(draw(st.permutations([*NAMES, *FREE])))
    locked = locks and draw(st.integers(0, 2)) == 2
    given = [draw(references(names, DEPTH, (), locked=locked)) for _ in range(draw(st.sampled_from([1, 1, 2])))]
    parents = []
    web: dict[str, Answer] = {}
    for _ in range(0 if locked else draw(st.sampled_from([0, 0, 1]))):
        name = names.pop()
        brings = [
            draw(references(names, DEPTH - 1, given, locked=False)) for _ in range(draw(st.sampled_from([0, 1, 1])))
        ]
        index, place = draw(st.sampled_from([CORP, PYPI_URL])), draw(st.sampled_from(PLACES))
        parent = Parent(name, f"{place}index/{wheel_name(name)}", tuple(brings))
        web[f"{index}{name}/"] = Page((File(name, "1.0", wheel_name(name), parent.url),))
        told = draw(rarely("other", name))
        draw(downloads(parent.url, Download(wheel_name(name), told, requirements_of(brings)), web))
        parents.append(parent)
    if draw(st.booleans()):
        given = given[1:] if parents else given
    world = World(found, (CORP, PYPI_URL), web=web)
    for reference in every([*given, *(brought for parent in parents for brought in parent.brings)]):
        if reference.url.startswith("http") and place_of(reference.url) not in map(place_of, web):
            wheel = Download(reference.url.rpartition("/")[2], reference.told_name, requirements_of(reference.brings))
            draw(downloads(reference.url, wheel, web))
    return Errand(world, tuple(given), tuple(parents), locked)


@st.composite
def ways(draw: DrawFn, errand: Errand) -> list[str]:
    """Draw how each reference is given: by name, bare, in a file, as a constraint."""
    kinds = []
    for reference in errand.given:
        is_bare = not reference.is_repository and reference.told_name != "other"
        kinds.append(draw(st.sampled_from(["named", "file", "constraint", *(["bare"] if is_bare else [])])))
    return kinds


Sent = tuple[Errand, list[str], bool]
"""An errand, how its references are given, and whether pip is to use its legacy resolver."""


def sent_errands(*, locks: bool, constrains: bool) -> SearchStrategy[Sent]:
    """Draw errands, and the ways in which they are given.

    :param constrains: whether the new resolver takes URLs as constraints.
    """

    @st.composite
    def sent(draw: DrawFn) -> Sent:
        errand = draw(errands(locks=locks))
        legacy = not errand.locked and draw(rarely(value=True, other=False))
        given = draw(ways(errand))
        if not constrains:
            given = [way.replace("constraint", "named") for way in given]
        return errand, given, legacy

    return sent()


def write_lock(given: Sequence[Reference]) -> str:
    """Write a lock file."""
    lines = ['lock-version = "1.0"', 'created-by = "somebody"', ""]
    for reference in given:
        place = "path" if reference.url.startswith("file:") else "url"
        url = reference.url.replace("file://", "")
        lines += ["[[packages]]", f'name = "{reference.name}"', f'version = "{reference.version}"']
        lines += ["[[packages.wheels]]", f'name = "{url.rpartition("/")[2]}"', f'{place} = "{url}"']
        lines += [f'hashes = {{ sha256 = "HASH {reference.name}." }}', ""]
    return "\n".join(lines)


def write_errand(sent: Sent) -> dict[str, Any]:
    """Write an errand as the stage reads it."""
    errand, given, legacy = sent
    written = write_world(errand.world, ())
    del written["lookups"]
    arguments: list[str] = written["arguments"]
    arguments += ["--use-deprecated", "legacy-resolver"] if legacy else []
    arguments += [parent.name for parent in errand.parents]
    written["wheels"] = {}
    if errand.locked:
        written["files"]["pylock.toml"] = write_lock(errand.given)
        written["hashed"] = {
            f"HASH {each.name}.": {"filename": each.url.rpartition("/")[2], "name": each.told_name, "requires": ()}
            for each in errand.given
        }
        arguments += ["-r", "/FOLDER/pylock.toml"]
    else:
        give(errand.given, given, written)
    for reference in every([*errand.given, *(each for parent in errand.parents for each in parent.brings)]):
        requires = requirements_of(reference.brings)
        path = reference.url.replace("file:///FOLDER/", "")
        if reference.is_project:
            written["files"] |= write_project(path, reference, requires)
        elif reference.url.startswith("file:"):
            wheel = {"filename": path.rpartition("/")[2], "name": reference.told_name, "requires": requires}
            written["wheels"][path] = wheel
    return written


def give(given: Sequence[Reference], ways: Sequence[str], written: dict[str, Any]) -> None:
    """Write references as the user gives them."""
    lines: dict[str, list[str]] = {"file": [], "constraint": []}
    for reference, way in zip(given, ways):
        text = reference.url if way == "bare" else f"{reference.name} @ {reference.url}"
        lines.get(way, []).append(text)
        if way != "file":
            written["arguments"].append(reference.name if way == "constraint" else text)
    for way, option in (("file", "-r"), ("constraint", "-c")):
        if lines[way]:
            written["files"][f"{way}.txt"] = "\n".join(lines[way]) + "\n"
            written["arguments"] += [option, f"/FOLDER/{way}.txt"]


def write_project(path: str, reference: Reference, requires: Sequence[str]) -> Mapping[str, str]:
    """Write a local project, which is never built: to tell its metadata is enough."""
    metadata = f"Metadata-Version: 2.1\nName: {reference.name}\nVersion: 1.0\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    return {f"{path}/pyproject.toml": build, f"{path}/backend.py": BACKEND, f"{path}/METADATA": metadata}
