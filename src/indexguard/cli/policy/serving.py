"""What a policy asks of files, for ``explain`` and ``status``: the terms of a name, one file judged, and the waivers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from ...decision.authority import Authority
from ...decision.serving import CHECKS, NOT_ADVISED, FileFacts, FileJudge, Judged, PageFacts, check_age, check_content
from ...decision.verdict import Verdict
from ...errors import clean
from ...patterns import Name, find_version
from ...policy.identity import Location
from ...policy.model import Layer
from ...policy.rules import Rule
from ...policy.serving.terms import Waiver
from ..parsing import BadInputError
from .memory import describe, recall

_SPAN = re.compile(r"([0-9]{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_HASHES = {"sha256": "0" * 64}
"""What a page is taken to give of a file that nobody has looked at."""


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that tell of one file."""
    group.add_argument("--file", metavar="FILENAME", help="also say whether a file of this name may be served")
    group.add_argument("--age", metavar="AGE", help="how long ago it was uploaded, such as 12h, 3d or 2w")
    group.add_argument(
        "--sha256", metavar="HEX", type=_digest, help="what it holds: the ledger may know another content"
    )


def _digest(text: str) -> str:
    """Return a sha256 that an option gives.

    :raises ArgumentTypeError: it is none.
    """
    if re.fullmatch("[0-9A-Fa-f]{64}", text) is None:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected 64 hexadecimal digits")
    return text.lower()


def read_file(arguments: argparse.Namespace, name: Name) -> tuple[str | None, timedelta | None]:
    """Return the version of the file that the options tell of, None for none, and its age, None where it is not told.

    :raises BadInputError: it is no file of the project, or no age.
    """
    version: str | None = arguments.version
    if arguments.file is not None:
        version = find_version(arguments.file, name)
        if version is None:
            raise BadInputError(
                f"found {arguments.file!r} after --file, expected a file of {name}, such as NAME-1.4.tar.gz"
            )
        if arguments.version not in (None, version):
            raise BadInputError(f"--file is of version {version}, and --version says {arguments.version}")
    if arguments.age is None:
        return version, None
    found = _SPAN.fullmatch(arguments.age)
    if found is None:
        raise BadInputError(f"found {arguments.age!r} after --age, expected an age, such as 12h, 3d or 2w")
    return version, timedelta(**{_UNITS[found[2]]: int(found[1])})


@dataclass(frozen=True)
class Served:
    """One file, as an index that is asked would serve it."""

    shown: str
    judged: Judged

    def lines(self) -> list[str]:
        """Return what is said of it."""
        lines = []
        for finding, objection in zip(self.judged.verdict.findings, self.judged.objections):
            when = "" if objection.until is None else f"; old enough from {objection.until:%Y-%m-%d %H:%M} UTC"
            told = f": {clean(objection.detail)}" if objection.detail else ""  # it may come from a page
            word = "dropped" if finding.enforced else "would be dropped"
            lines.append(f"{word} from {self.shown}: {finding.code}{told}{when} ({finding.key})")
        lines += [f"told of {self.shown}: {finding.code} ({finding.key})" for finding, _ in self.judged.told]
        return lines + [
            f"waived for {self.shown}: {finding.code} ({finding.key}: {waiver.reason})"
            for finding, waiver in self.judged.waived
        ]

    def as_json(self) -> dict[str, Any]:
        """Return it for a machine."""
        found = zip(self.judged.verdict.findings, self.judged.objections)
        return {
            "url": self.shown,
            "findings": [
                {
                    "code": finding.code,
                    "key": finding.key,
                    "enforced": finding.enforced,
                    "file": finding.layer and finding.layer.path,
                    "until": None if objection.until is None else f"{objection.until:%Y-%m-%dT%H:%M:%SZ}",
                }
                for finding, objection in found
            ],
            "waived": [{"code": finding.code, "key": finding.key} for finding, _ in self.judged.waived],
        }


def judge_file(
    authority: Authority,
    places: Iterable[tuple[str, Verdict, Location | None]],
    version: str | None,
    told: tuple[str | None, timedelta | None, str | None],
) -> tuple[Served, ...]:
    """Judge one file as each index that is asked would serve it; what is not told of it is not judged.

    :param places: of each index its URL as shown, what is said of asking it, and its identity.
    :param told: the file's name, age and sha256; None where that is not told.
    """
    filename, age, sha256 = told
    if told == (None, None, None):
        return ()
    now = datetime.now(timezone.utc)
    kind = "wheel" if filename is None or filename.endswith(".whl") else "sdist"
    uploaded = None if age is None else _before(now, age)
    file = FileFacts(filename or "", version or "", kind, {"sha256": sha256} if sha256 else _HASHES, uploaded)
    served = []
    for shown, asked, place in places:
        if place is None or place.is_local or asked.refusal is not None:
            continue
        judge = FileJudge(authority, asked, place, PageFacts(), now)
        layers = [layer for layer, _ in authority.rules]
        remembered = recall(layers, authority.name, place, filename) if filename is not None else {}
        untold = {check_age} if age is None and not remembered else set()
        untold |= {check_content} if sha256 is None else set()
        checks = [check for check in CHECKS if check not in untold]
        served.append(Served(shown, judge.judge(file, remembered, NOT_ADVISED, checks)))
    return tuple(served)


def details_of(layer: Layer, rule: Rule, name: Name, today: date) -> list[tuple[str, str]]:
    """Say what a layer asks of the files of a name: labels and texts."""
    details = []
    if layer.policy.ledger is not None:
        details.append(("ledger", describe(layer, name, [layer.policy.index(it) for it in rule.indexes])))
    serving = layer.policy.serving
    if serving is None:
        return details
    for index in map(layer.policy.index, rule.indexes):
        terms = serving.find_terms(index.name, public=index.public, entry=rule.terms)
        if terms.min_age is not None:
            unknown = {"drop": "unknown age: dropped", "allow": "unknown age: allowed"}
            of_unknown = unknown.get(terms.min_age.unknown, "unknown age: when this machine first saw it")
            details.append(("min-age", f"{index.name}: {terms.min_age.text} ({of_unknown}; {terms.min_age.key})"))
        if terms.formats is not None:
            details.append(("formats", f"{index.name}: {', '.join(terms.formats.kinds)} ({terms.formats.key})"))
        if terms.hashes is not None:
            details.append(("hashes", f"{index.name}: {terms.hashes.need} ({terms.hashes.key})"))
        if serving.downgrade != "off" and index.public:
            details.append(("provenance", f"{index.name}: {serving.downgrade} a downgrade (provenance.downgrade)"))
    waivers = [waiver for waiver in serving.waivers if name in waiver.versions]
    return details + [("waived", describe_waiver(waiver, today)) for waiver in waivers]


def describe_waiver(waiver: Waiver, today: date) -> str:
    """Return a waiver in words, with the days that are left of it (``today``: UTC)."""
    left = waiver.days_left(today)
    days = "ended" if left < 0 else "ends today" if left == 0 else "1 day left" if left == 1 else f"{left} days left"
    names = ", ".join(
        f"{name}=={version}" if version else name
        for name, versions in waiver.versions.items()
        for version in sorted(versions) or [""]
    )
    return f"{waiver.code} for {names}: {days}, until {waiver.expires.isoformat()} ({waiver.key}: {waiver.reason})"


def waivers_as_json(layers: Sequence[Layer], today: date) -> list[dict[str, Any]]:
    """Return every waiver of all layers for a machine (``today``: UTC)."""
    return [
        {
            "file": layer.path,
            "key": waiver.key,
            "code": waiver.code,
            "packages": {name: sorted(versions) for name, versions in waiver.versions.items()},
            "reason": waiver.reason,
            "expires": waiver.expires.isoformat(),
            "days_left": waiver.days_left(today),
        }
        for layer in layers
        for waiver in (() if layer.policy.serving is None else layer.policy.serving.waivers)
    ]


def _before(now: datetime, age: timedelta) -> datetime:
    try:
        return now - age
    except OverflowError:
        return datetime.min.replace(tzinfo=timezone.utc)
