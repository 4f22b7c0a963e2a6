"""What ``explain`` says of denials and advisory records: those of a name, and what comes of one version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from ...advisories.advising import advise
from ...advisories.advisories import Advisories
from ...advisories.opening import open_advisories
from ...decision.authority import Authority
from ...decision.denied import Subject, counts, judge_denied
from ...decision.verdict import PASS, Verdict
from ...patterns import Name
from ...policy.identity import Location
from ...policy.model import Layer

_MANY = 5


class Refused:
    """What the layers deny of a name, and what their records say of it.

    :param tell: is given what the user should hear of the records.
    :raises PolicyError: the records of a layer cannot be read.
    """

    def __init__(self, layers: Sequence[Layer], name: Name, today: date, tell: Callable[[str], None]) -> None:
        self._layers = tuple(layers)
        self._authority = Authority(layers, name, today)
        self._today = today
        self._places: Sequence[Location | None] = [None]
        """Those of the indexes that are asked."""
        self._advisories: dict[int, Advisories | None] = {id(it): open_advisories(it, tell) for it in self._layers}

    def judge(self, version: str | None, places: Sequence[Location | None]) -> Verdict:
        """Say by what a version is refused at each of the indexes that are asked for it; a pass where one lets it through.

        :param version: None for any: then what names single versions says nothing.
        """
        self._places = places or [None]
        found = [self._judge(version, place) for place in self._places]
        return PASS if any(verdict.refusal is None for verdict in found) else found[0]

    def _judge(self, version: str | None, place: Location | None) -> Verdict:
        name = self._authority.name
        said = [advise(self._advisories[id(layer)], name, version, "") for layer in self._layers]
        subject = Subject(version, "", place, is_listed=place is not None)
        return judge_denied(self._layers, self._authority, subject, said, today=self._today).verdict

    def details(self, layer: Layer, version: str | None) -> list[tuple[str, str]]:
        """Return what a layer denies of the name, and which records name it: labels and texts."""
        name, told = self._authority.name, []
        for entry in () if layer.policy.deny is None else layer.policy.deny.find(name):
            versions = "" if entry.versions is None else str(entry.versions)
            reason = "" if entry.reason is None else f": {entry.reason}"
            answer = ""
            if version is not None and versions:
                answer = f"; {version} is {'refused (denied)' if entry.denies(version) else 'not'}"
            told.append(("denied", f"{entry.pattern}{versions}{reason} ({entry.key}){answer}"))
        advisories = self._advisories[id(layer)]
        records = () if advisories is None else advisories.find_records(name)
        if records:
            rule = dict(self._authority.rules).get(layer)
            is_meant = any(counts(layer, rule, place, is_listed=place is not None) for place in self._places)
            where = "" if is_meant else "; of an own project of that name they say nothing"
            more = f" and {len(records) - _MANY} more" if len(records) > _MANY else ""
            told.append(("records", f"{', '.join(records[:_MANY])}{more} (advisories){where}"))
        if advisories is not None and version is not None:
            hits = advisories.find_versions(name, version)
            named = ", ".join(hit.record for hit in hits)
            told += [("", f"{version} is named by {named}")] if hits else []
        return told


def as_json(verdict: Verdict) -> list[dict[str, Any]]:
    """Return findings for a machine."""
    return [
        {
            "code": finding.code,
            "enforced": finding.enforced,
            "file": finding.layer and finding.layer.path,
            "key": finding.key,
            "detail": finding.detail,
        }
        for finding in verdict.findings
    ]
