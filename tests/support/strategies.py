"""Policies, layers, names and places, made at random for the property tests: few of each, so that they meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from indexguard.decision.outcome import Settings
from indexguard.decision.verdict import Verdict
from indexguard.inpip.run import Run
from indexguard.patterns import Name, normalise_name, parse_pattern
from indexguard.policy.identity import Location, parse_location
from indexguard.policy.model import FilesFrom, Index, Layer, Policy
from indexguard.policy.reader import read_policy
from indexguard.policy.rules import Rule, Rules
from indexguard.ranges import parse_range

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

# Property tests take the time that a busy machine needs.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

TODAY = date(2026, 6, 15)
YESTERDAY = date(2026, 6, 14)

NAMES = st.sampled_from(["acme", "acme-core", "acme-web", "acmecorp", "foo", "foobar", "numpy"]).map(normalise_name)
PATTERNS = ["*", "acme*", "acme-*", "acme", "acme-core", "acme-c*", "foo*", "foo", "numpy"]
PLACES = [
    parse_location(url)
    for url in (
        "https://corp.example/simple/",
        "https://corp.example/simple/team/",  # lies in the place above
        "https://mirror.example/",
        "https://public.example/simple/",
        "pypi",
    )
]
STRANGER = parse_location("https://stranger.example/simple/")
"""A place that no policy names."""
LOCATIONS = st.sampled_from([*PLACES, STRANGER]) | st.none()
VERSIONS = st.sampled_from(["1.0", "1.5", "2.0", "2.0+local", "3.0rc1", "not-a-version"])
RANGES = st.sampled_from(["<2", ">=2", "==2.0", ""]).map(parse_range)


def pages_of(name: Name) -> SearchStrategy[Location | None]:
    """Final URLs of pages for a name."""
    return LOCATIONS.map(lambda place: place and place._replace(segments=(*place.segments, name)))


FILES = st.sampled_from(
    [*PLACES, parse_location("https://files.example/a/b"), parse_location("https://corp.example/files")]
).map(lambda place: place._replace(segments=(*place.segments, "file.whl")))


@st.composite
def spellings(draw: DrawFn, name: Name) -> str:
    """Draw another spelling of a name, such as ``Acme_.Core``."""
    return "".join(
        draw(st.text("-_.", min_size=1, max_size=3)) if char == "-" else draw(st.sampled_from([char, char.upper()]))
        for char in name
    )


FILES_FROM = st.sampled_from(
    [
        None,
        (),
        (FilesFrom("files.example", None),),
        (FilesFrom(None, parse_location("https://corp.example/files")), FilesFrom("public.example", None)),
    ]
)


@st.composite
def policies(draw: DrawFn) -> Policy:
    """Draw a policy as the reader would make it: one to three indexes, no pattern twice."""
    places = draw(st.lists(st.sampled_from(PLACES), unique=True, min_size=1, max_size=4))
    count = draw(st.integers(1, min(3, len(places))))
    indexes = tuple(
        Index(
            f"index{number}",
            tuple(places[number::count]),
            public=draw(st.booleans()),
            files_from=draw(FILES_FROM),
        )
        for number in range(count)
    )
    rules = []
    for text in draw(st.lists(st.sampled_from(PATTERNS), unique=True, min_size=1)):
        owners = draw(st.lists(st.sampled_from(indexes), unique=True, min_size=1, max_size=2))
        rules.append(
            Rule(
                parse_pattern(text),
                tuple(owner.name for owner in owners),
                f"rule of {text}",
                draw(st.none() | RANGES),
                None,
                draw(st.sampled_from([None, None, TODAY, YESTERDAY])),
            )
        )
    return Policy(
        draw(st.sampled_from(["enforce", "audit"])),
        indexes,
        rules_of(rules),
        draw(st.sampled_from(["always", "never"])),
        draw(st.sampled_from(["drop", "abort"])),
        local=draw(st.sampled_from(["allow", "block"])),
        when_nothing_left=draw(st.sampled_from(["refuse", "backtrack"])),
    )


def rules_of(rules: list[Rule]) -> Rules:
    """Return the rules as a policy holds them."""
    made = Rules()
    for rule in rules:
        assert made.add(rule) is None
    return made


def bare_policies() -> SearchStrategy[Policy]:
    """Policies without ``[indexes]``."""
    return st.builds(
        Policy,
        mode=st.sampled_from(["enforce", "audit"]),
        local=st.sampled_from(["allow", "block"]),
        shadow_action=st.sampled_from(["drop", "abort"]),
        when_nothing_left=st.sampled_from(["refuse", "backtrack"]),
    )


def layer(policy: Policy, number: int = 0) -> Layer:
    """Return a policy as the layer that it is in a run: no two have the same path."""
    return Layer("user", f"/policies/{number}.toml", f"{number:064x}", replace(policy, path=f"/policies/{number}.toml"))


@st.composite
def layers(draw: DrawFn) -> list[Layer]:
    """Draw the layers of a run."""
    drawn = draw(st.lists(policies() | bare_policies(), max_size=3))
    return [layer(policy, number) for number, policy in enumerate(drawn)]


@dataclass(frozen=True)
class Offer:
    """Everything that is judged on the way of one file to pip, and beside it."""

    name: Name
    asked: Location | None
    answered: Location | None
    version: str
    file: Location
    requested: bool
    local: bool


@st.composite
def offers(draw: DrawFn) -> Offer:
    """Draw an offer."""
    name = draw(NAMES)
    asked = draw(LOCATIONS)
    straight = None if asked is None else asked._replace(segments=(*asked.segments, name))
    answered = draw(st.just(straight) | pages_of(name))
    return Offer(name, asked, answered, draw(VERSIONS), draw(FILES), draw(st.booleans()), draw(st.booleans()))


PUBLIC_URL = "https://index.example/simple/"


def make_run(*layers: Layer, built_in: bool = False, pypi: str | None = PUBLIC_URL) -> Run:
    """Return the facts of a run of this pip in which `pypi` means an example."""
    public = None if pypi is None else parse_location(pypi)
    return Run("pip", layers, Settings.of(layers), built_in, public, "files.example", date(2026, 1, 1))


# A company's policy, and places in it

CORP = parse_location("https://packages.corp.example/simple/")
MIRROR = parse_location("https://mirror.example/simple/")
STORY = """
[indexes.corp]
url = ["https://packages.corp.example/simple/", "https://old.corp.example/"]
namespaces = ["acme"]
packages = ["billing-models>=2", { name = "old-tool", expires = 2026-06-14 }]
files-from = ["files.corp.example"]

[indexes.mirror]
url = "https://mirror.example/simple/"
packages = ["mirrored"]

[indexes.pypi]
url = "pypi"
packages = ["*", "pinned<2"]

[[merge]]
packages = ["torch"]
indexes = ["mirror", "pypi"]
"""


def read(text: str = STORY, number: int = 0) -> Layer:
    """Return the layer that a policy's text means."""
    return layer(read_policy(f"version = 1\n{text}".encode(), f"/policies/{number}.toml"), number)


def codes(verdict: Verdict) -> list[str]:
    """Return the codes of a verdict's findings, in the order of the layers."""
    return [finding.code for finding in verdict.findings]


def page(index: Location, name: str) -> Location:
    """Return the page of a name on an index."""
    return index._replace(segments=(*index.segments, name))


LOCAL = parse_location("file:///wheels/acme_core-1.0-py3-none-any.whl")
