"""Events of the audit log for tests: one of each kind, and any at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from hypothesis import strategies as st

from indexguard.audit.event import EventFields, Offer, build_event
from indexguard.audit.kinds import EventKind
from indexguard.audit.run_context import RunContext
from indexguard.decision.verdict import Finding
from indexguard.errors import CODES
from indexguard.patterns import parse_pattern
from indexguard.policy.model import Layer, Policy
from indexguard.policy.rules import Rule
from support import strategies  # for its profile: property tests take the time that a busy machine needs

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

KINDS = get_args(EventKind)
TODAY = strategies.TODAY

LAYER = Layer("machine", "/etc/indexguard/policy.toml", "ab" * 32, Policy())
RULE = Rule(parse_pattern("acme-*"), ("corp",), "indexes.corp.namespaces[0]")
CONTEXT = RunContext.of_process("26.3", [LAYER], argv=["pip", "install", "acme core"])

FILE = {
    "version": "1.0",
    "file": "acme_core-1.0-py3-none-any.whl",
    "hash": f"sha256:{'0' * 64}",
    "url": "https://corp.example/files/acme_core-1.0-py3-none-any.whl",
}
_CODES_OF = {
    "refused": "unmatched-name",
    "shadowed": "shadowed-name",
    "redirected": "redirected",
    "not-asked": "claimed-elsewhere",
    "probed": "claimed-elsewhere",
    "dropped": "version-not-allowed",
    "noticed": "status",
    "waived": "too-young",
    "would-refuse": "unknown-index",
    "guard-failed": "policy-invalid",
}


def sample(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an event of a kind, with every field of the schema."""
    code = _CODES_OF.get(kind)
    built = build_event(
        CONTEXT,
        3,
        "refused",  # the kind is put in below: it may be one of a later version
        code,
        EventFields(
            name=None if kind in ("guard-failed", "sealed") else "acme-core",
            versions=["1.0"] if kind == "selected" else ["99.0", "98.0"],
            files=2,
            index_asked="https://mirror.example/simple/",
            index_answered="https://mirror.example/simple/acme-core/",
            finding=Finding(code, LAYER, RULE) if code else None,
            message="only an example",
        ),
    )
    told: dict[str, Any] = {}
    if kind == "selected":
        told = {"offered": [FILE], "chosen": {**FILE, "index": "https://corp.example/simple/"}}
    if kind == "sealed":
        told = {"seal": {"events": 3, "exit": 1}}
    return {**built, "event": kind, "prefix": "/srv/venv", "prev": "cd" * 32, **told, **fields}


# Every character that some format takes for its own, and those that a terminal does.
_CHARS = st.sampled_from("ab1-_.=+@|\\\"',;:%# \t\n\r\x00\x1b\x7f\x85\u202e\u2028\xe9\uff1d\N{SNAKE}\ud800")
TEXTS = st.text(_CHARS, max_size=12)
_MAYBE = TEXTS | st.none()
_COUNTS = st.integers(0, 10_000)
_OFFERS = st.builds(Offer, version=TEXTS, file=TEXTS, hash=_MAYBE, url=TEXTS)
_CI = st.fixed_dictionaries({"provider": TEXTS, "job": _MAYBE, "run": _MAYBE, "repository": _MAYBE, "ref": _MAYBE})
_SEALS = st.fixed_dictionaries({"events": st.integers(1, 99), "exit": st.none() | st.integers(0, 255)})


@st.composite
def events(draw: DrawFn) -> dict[str, Any]:
    """Draw what ``build_event`` makes of any parameters."""
    kind: EventKind = draw(st.sampled_from(get_args(EventKind)))
    code = draw(st.sampled_from([*CODES, None]))
    layer = draw(st.sampled_from([LAYER, None]))
    rule = draw(st.sampled_from([RULE, None]))
    versions = draw(st.lists(TEXTS, max_size=3) | st.just(["1"] * 60))
    context = draw(st.sampled_from([CONTEXT, RunContext("ab" * 8, "26.3", (LAYER,), ())]))
    event = build_event(
        context._replace(prefix=draw(TEXTS), ci=draw(st.none() | _CI)),
        draw(st.integers(1, 100)),
        kind,
        code,
        EventFields(
            name=draw(_MAYBE),
            versions=versions,
            files=draw(_COUNTS),
            index_asked=draw(_MAYBE),
            index_answered=draw(_MAYBE),
            kept=draw(st.none() | st.lists(TEXTS, max_size=3)),
            finding=draw(st.sampled_from([None, Finding(code or "redirected", layer, rule)])),
            message=draw(TEXTS),
            offered=draw(st.lists(_OFFERS, max_size=3) | st.just([Offer("1", "a", None, "")] * 60)),
            more_offered=draw(_COUNTS),
            same_file=draw(st.lists(TEXTS, max_size=3) | st.just(["a"] * 60)),
            chosen=draw(st.none() | st.tuples(_OFFERS, _MAYBE)),
            requested_by=draw(st.lists(TEXTS, max_size=3) | st.just(["a"] * 60)),
            seal=draw(st.none() | _SEALS),
        ),
    )
    return {**event, "prev": draw(st.none() | st.just("0" * 64))}  # as the writer adds it


def odd_events() -> SearchStrategy[dict[str, Any]]:
    """Draw what somebody else may have put into a log: fields of any type, or none."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
    values = st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["version", "file", "key", "exit", "x"]), inner, max_size=3)
        ),
        max_leaves=6,
    )
    fields = st.dictionaries(st.sampled_from([*sample("selected")]) | TEXTS, values, max_size=12)
    sure = st.fixed_dictionaries({"schema": st.just(1), "time": st.just(sample("refused")["time"]), "event": TEXTS | st.sampled_from(KINDS)})  # fmt: skip
    return st.tuples(fields, sure).map(lambda both: {**both[0], **both[1]})
