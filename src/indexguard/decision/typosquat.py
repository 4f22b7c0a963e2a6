"""A name that only ``*`` matches, and that is nearly another one: is an index asked for it, and what is said of it?

Pure: which name it is like, and what a page tells of its project, come in as values. Loaded where a name is like another.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ..policy.model import Layer
from ..tuples import NamedTuple
from ..typosquat.likeness import RAISED, A, C, Likeness
from .authority import Authority
from .verdict import PASS, Finding, Verdict

if TYPE_CHECKING:
    from ..policy.serving.terms import Waiver

_KEY = "typosquat.action"
_YOUNG = timedelta(days=30)
"""A project whose first file is younger has had no time to become known."""


class Near(NamedTuple):
    """What one layer's names say of a name."""

    layer: Layer
    likeness: Likeness


class Suspicion(NamedTuple):
    """What all layers say of a name that is nearly another one."""

    verdict: Verdict = PASS
    """The objections by which no index is asked for it."""
    warned: tuple[Finding, ...] = ()
    """What the user is told; pip goes on."""
    logged: tuple[Finding, ...] = ()
    """What only the log is told."""
    waived: tuple[Finding, ...] = ()
    """Objections that a ``[[waive]]`` of their own layer has lifted."""


NOTHING = Suspicion()


def judge_name(authority: Authority, found: Sequence[Near], today: date, signs: Collection[str] = ()) -> Suspicion:
    """Say what becomes of a name.

    :param found: of each layer that watches the name, what it is like.
    :param today: in UTC, for waivers that end.
    :param signs: what its page shows beside (``find_signs``): then a doubtful likeness is a surer one.
    """
    refused, warned, logged, waived = [], [], [], []
    rules = {id(layer): rule for layer, rule in authority.rules}
    for layer, likeness in found:
        tier = RAISED[likeness.tier] if signs else likeness.tier
        meant = f"`{likeness.target}` ({'; '.join((likeness.how, *signs))})"
        finding = Finding("typosquat", layer, rules.get(id(layer)), key=_KEY, meant=meant)
        waiver = _find_waiver(layer, authority, today)
        if waiver is not None:
            waived.append(finding._replace(key=waiver.key))
        elif tier == A and layer.policy.typo_action == "block":
            refused.append(finding)
        elif tier == C:
            logged.append(finding)
        else:
            warned.append(finding)
    return Suspicion(Verdict(tuple(refused)), tuple(warned), tuple(logged), tuple(waived))


def add_suspicion(asked: Verdict, suspicion: Suspicion) -> Verdict:
    """Return what the layers say of asking an index, with their objections to the name; a layer objects once."""
    return Verdict((*asked.findings, *suspicion.verdict.without(asked).findings))


def find_signs(versions: Collection[str], uploaded: Sequence[datetime], now: datetime) -> tuple[str, ...]:
    """Return what makes a project look like a squat, in words: it has one release, or is young.

    :param versions: of all its files that a page lists.
    :param uploaded: when, in UTC, where the page tells.
    :param now: in UTC.
    """
    signs = ["it has one release only"] if len(versions) == 1 else []
    if uploaded and min(uploaded) > now - _YOUNG:
        signs.append("its first file is not a month old")
    return tuple(signs)


def _find_waiver(layer: Layer, authority: Authority, today: date) -> Waiver | None:
    serving = layer.policy.serving
    for waiver in () if serving is None else serving.waivers:
        if waiver.code == "typosquat" and authority.name in waiver.versions and not waiver.is_expired(today):
            return waiver
    return None
