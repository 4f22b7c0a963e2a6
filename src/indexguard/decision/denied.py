"""What never comes in: what a ``[[deny]]`` names, and what advisory records say is malicious.

Pure: what the records of each layer say comes in as values. A denial, and a record that names a file's very content,
hold whatever the file comes from. That a record names a project and version says something of public files alone: of
those that a public index has, or one that ``[advisories] indexes`` names, and of what goes round every index where no
rule of the layer claims the name. A record of a public name says nothing of one's own project of that name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from ..policy.identity import PYPI, Location
from ..policy.model import Layer
from ..policy.rules import Rule
from ..tuples import NamedTuple
from .authority import Authority, claims
from .serving import NO_OBJECTION, NOT_ADVISED, Advised, FileFacts, Judged, Objection, find_waiver
from .verdict import Finding, Verdict

_SHOWN = 3
"""Records that are named."""


class Subject(NamedTuple):
    """What may come in: a file, or a reference of which not all is known yet."""

    version: str | None = None
    """None where it is not known yet: then a denial of some versions says nothing."""
    sha256: str = ""
    """Of the file, hexadecimal; empty where it is not known."""
    place: Location | None = None
    """The identity of the page that lists it, or else that of its URL; None where it has none."""
    is_listed: bool = False
    """Whether the page of an index lists it."""


def judge_denied(
    layers: Sequence[Layer],
    authority: Authority,
    subject: Subject,
    advised: Sequence[Advised] = (),
    *,
    today: date,
    asked: Verdict | None = None,
) -> Judged:
    """Say what the layers object to by their denials and advisories.

    :param layers: those of ``authority``, one without ``[indexes]`` included.
    :param advised: of each layer, in order, what its records say; nothing by default.
    :param today: in UTC, for waivers.
    :param asked: what was said of the index; a layer that objected there objects here no more.
    """
    objected = [] if asked is None else [finding.layer for finding in asked.findings]
    findings, objections, waived = [], [], []
    rules = {id(layer): rule for layer, rule in authority.rules}
    for place, layer in enumerate(layers):
        rule = rules.get(id(layer))
        said = advised[place] if advised else NOT_ADVISED
        objection = None if layer in objected else _object(authority, layer, rule, subject, said)
        if objection is None:
            continue
        finding = Finding(objection.code, layer, rule, key=objection.key, detail=objection.detail)
        serving = layer.policy.serving
        waivers = () if serving is None else (it for it in serving.waivers if not it.is_expired(today))
        # A file whose very content a record names is lifted by its content alone.
        lifting = [it for it in waivers if it.sha256 or not said.of_content]
        file = FileFacts("", subject.version or "", "", {"sha256": subject.sha256})
        waiver = find_waiver(lifting, authority.name, objection.code, file)
        if waiver is not None:
            waived.append((finding._replace(key=waiver.key, detail=""), waiver))
        else:
            findings.append(finding)
            objections.append(objection)
    if not (findings or waived):
        return NO_OBJECTION
    return Judged(Verdict(tuple(findings)), waived=tuple(waived), objections=tuple(objections))


def _object(authority: Authority, layer: Layer, rule: Rule | None, subject: Subject, said: Advised) -> Objection | None:
    deny = layer.policy.deny
    for entry in () if deny is None else deny.find(authority.name):
        if entry.denies(subject.version):
            return Objection("denied", entry.key, detail=entry.reason or "the policy gives no reason")
    if said.of_content:
        return Objection("advisory", "advisories", detail=f"{_name(said.of_content)}, by the file's sha256")
    if said.of_version and counts(layer, rule, subject.place, is_listed=subject.is_listed):
        return Objection("advisory", "advisories", detail=_name(said.of_version))
    return None


def counts(layer: Layer, rule: Rule | None, place: Location | None, *, is_listed: bool) -> bool:
    """Tell whether it says something of a file that a layer's record names its project and version.

    :param rule: that decides the name in the layer.
    :param place: as ``Subject`` has it, and so ``is_listed``.
    """
    settings = layer.policy.advisories
    owner = None if place is None else layer.policy.find_owner(place)
    if settings is None:
        return False
    if owner is not None and (owner.public or owner.name in settings.indexes):
        return True
    if is_listed:
        # A layer that names no index knows one public index all the same.
        return not layer.policy.indexes and place is not None and place.is_at_or_under(PYPI)
    return not claims(rule)


def _name(records: Collection[str]) -> str:
    names = sorted(records)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
