"""Draws what policies never let in, and what they waive, and writes records of advisories as OSV has them; for ``model.worlds``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from model.one_policy import TODAY
from model.web import Layer, Record

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

NAMES = ("acme", "acme-core", "acmecorp", "team", "foo")
VERSIONS = ("1.0", "1.5", "2.0", "2.0+local", "3.0rc1")
RANGES = ("", "<2", ">=2", "==2.0", ">=1,<2", "!=1.5")
WAIVERS = st.builds(
    lambda code, name, version, days: {
        "code": code,
        "packages": [f"{name}=={version}"],
        "reason": "x",
        "expires": TODAY.replace(day=TODAY.day + days),
        **({"sha256": [f"{VERSIONS.index(version)}" * 64]} if code == "hash-changed" else {}),
    },
    st.sampled_from(["too-young", "too-young", "format-not-allowed", "hash-missing", "hash-changed", "advisory"]),
    st.sampled_from(NAMES),
    st.sampled_from(VERSIONS),
    st.sampled_from([-1, 0, 1]),
)
DENIED = st.lists(
    st.builds(
        lambda pattern, versions: pattern + versions,
        st.sampled_from(["acme", "Acme.Core", "acme-*", "foo", "t*", "*"]),
        st.sampled_from(RANGES),
    ),
    min_size=1,
    max_size=2,
    unique=True,
)
RECORDS = st.builds(
    Record,
    st.sampled_from(["MAL-2026-1", "MAL-2026-2", "MAL-2026-3", "PYSEC-2026-1"]),
    st.sampled_from(["acme", "Acme_Core", "foo", "team", "elsewhere"]),
    st.lists(st.sampled_from(VERSIONS), max_size=2, unique=True).map(tuple),
    st.sampled_from([False, False, False, True]),
    st.lists(st.sampled_from([f"{number}" * 64 for number in range(len(VERSIONS))]), max_size=1).map(tuple),
    withdrawn=st.sampled_from([False, False, False, True]),
    ecosystem=st.sampled_from(["PyPI", "PyPI", "PyPI", "npm"]),
)


@st.composite
def refusing(draw: DrawFn, policy: Mapping[str, Any]) -> dict[str, Any]:
    """Draw what a policy never lets in."""
    found: dict[str, Any] = {}
    if draw(st.integers(0, 4)) == 4:
        found["deny"] = [{"packages": draw(DENIED)}]
    if draw(st.integers(0, 2)) == 2:
        named = draw(st.lists(st.sampled_from(sorted(policy["indexes"])), max_size=1)) if "indexes" in policy else []
        found["advisories"] = {"paths": ["records.json"], **({"indexes": named} if named else {})}
    return found


@st.composite
def refusing_layers(draw: DrawFn, found: Sequence[Layer]) -> tuple[Layer, ...]:
    """Draw what layers never let in."""
    return tuple(replace(layer, policy={**layer.policy, **draw(refusing(layer.policy))}) for layer in found)


def write_records(records: Sequence[Record]) -> str:
    """Write records as OSV has them."""
    told = []
    for record in records:
        affected: dict[str, Any] = {"package": {"ecosystem": record.ecosystem, "name": record.project}}
        affected["versions"] = list(record.versions)
        if record.all_versions:
            affected["ranges"] = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]
        files = [{"hashes": {"sha256": digest}} for digest in record.sha256]
        affected["database_specific"] = {"indicators": {"package_integrity": files}}
        withdrawn = {"withdrawn": "2026-06-01T00:00:00Z"} if record.withdrawn else {}
        told.append({"id": record.id, "modified": "2026-05-01T00:00:00Z", "affected": [affected], **withdrawn})
    return json.dumps(told)
