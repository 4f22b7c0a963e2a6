"""One file: may it be served, whoever serves it? Its age, format and hashes, and the status of its project.

Pure: what a page tells of a file, what a machine remembers of it, what advisories say, and the time, come in as values.
Loaded only where a policy asks something of files. ``CHECKS`` is the one list of what may be objected.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Callable, Optional, cast

from ..patterns import Name
from ..policy.identity import Location
from ..policy.model import Index, Layer
from ..policy.rules import Rule
from ..policy.serving.terms import NO_TERMS, Serving, StatusActions, Terms, Waiver
from ..tuples import NamedTuple
from ..versions import parse_version
from .authority import Authority
from .verdict import PASS, Finding, Verdict

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

    from ..versions import Version

Major = tuple[int, int]
"""A major line: the epoch, and the first number of the release."""
STRONG = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The hashes that count, each with its number of hexadecimal digits."""
_DIGITS = {**STRONG, "sha224": 56, "sha1": 40, "md5": 32}
_HEXADECIMAL = "0123456789abcdefABCDEF"
_NO_SERVING = Serving()
_TIME = r"(?a)(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))"
"""Not compiled yet: most times are in the usual form."""
_DATE = r"[1-9]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_USUAL = rf"{_DATE}T(?:[01]\d|2[0-3])(?::[0-5]\d){{2}}(?:\.\d+)?Z"
_FEW = 50
"""Times that are looked at one by one; to compile a pattern costs more."""


class FileFacts(NamedTuple):
    """What a page tells of one file."""

    filename: str
    version: str
    kind: str
    """``wheel``, or ``sdist`` for all that is built."""
    hashes: Mapping[str, str] = {}
    """By algorithm, hexadecimal, as the page gives them."""
    uploaded: datetime | None = None
    """In UTC; None where the page does not tell."""
    attested: bool | None = None
    """Whether the page gives an attestation (PEP 740); None where it tells none of any file."""


class PageFacts(NamedTuple):
    """What a page tells of all its files."""

    status: str | None = None
    """Of the project, as PEP 792 has it; None where the page does not tell."""
    attested: Collection[str] = ()
    """The versions with an attestation of some file; of the page, and of what is remembered."""


class Remembered(NamedTuple):
    """What this machine remembers of a file; nothing by default."""

    first_seen: datetime | None = None
    """When the ledger first saw it, in UTC."""
    sha256: Collection[str] = ()
    """The digest that it has first seen under this file name, hexadecimal and lower case."""
    is_closed: bool = False
    """Whether the ledger does not know the file, and this user cannot add to it: then it never gets older."""


class Advised(NamedTuple):
    """What advisories and denials say of a file; nothing by default."""

    of_version: Collection[str] = ()
    """The records that name its project and version."""
    of_content: Collection[str] = ()
    """The records that name its sha256, whatever its name."""


class Clearance(NamedTuple):
    """What no layer objects to, whatever else is true of a file: said at once, since a page may list thousands."""

    kinds: frozenset[str]
    """The formats that every layer allows."""
    needs_hash: bool
    latest: str | None
    """The last time of upload that is old enough for every layer, as PEP 700 writes it, to the second; None for any."""

    def clears(self, kind: str, sha256: str, time: str | None) -> bool:
        """Tell whether nothing is to be objected to a file that nothing remembers with another content.

        :param sha256: what the page gives, and pip checks; empty for nothing.
        :param time: when it was uploaded, in the page's own words; None for what is no ``is_usual_time``.
        """
        return (
            kind in self.kinds
            and bool(sha256 or not self.needs_hash)
            and (self.latest is None or (time is not None and time[:_SECONDS] <= self.latest))
        )


NOT_REMEMBERED = Remembered()
NOT_IN_LEDGER = Remembered(is_closed=True)
NOT_ADVISED = Advised()


class Objection(NamedTuple):
    """What one check of one layer objects to."""

    code: str
    key: str
    """The key that decides."""
    action: str = "block"
    """``block``: the file is dropped; ``warn`` or ``log``: it is only told."""
    until: datetime | None = None
    """From when on there is no objection, in UTC; None where no time ends it."""
    detail: str = ""
    """What was found, in words that stand behind the code."""


class View(NamedTuple):
    """One layer, as it looks at the files of one page."""

    layer: Layer
    rule: Rule
    owner: Index
    """The index that the page belongs to."""
    terms: Terms
    status: StatusActions
    downgrade: str
    waivers: tuple[Waiver, ...]
    """Of the name, those that have not ended."""
    now: datetime
    page: PageFacts
    oldest_attested: Mapping[Major, Version]
    """By major line, the lowest version with an attestation."""


Check = Callable[[View, FileFacts, Remembered, Advised], Optional[Objection]]


class Judged(NamedTuple):
    """What all layers say of one file."""

    verdict: Verdict
    """The objections by which it is dropped."""
    told: tuple[tuple[Finding, Objection], ...] = ()
    """What is only to be told: an objection whose action is ``warn`` or ``log``."""
    waived: tuple[tuple[Finding, Waiver], ...] = ()
    """Objections that a ``[[waive]]`` of their own layer has lifted."""
    objections: tuple[Objection, ...] = ()
    """Those behind the findings of ``verdict``, in the same order."""


NO_OBJECTION = Judged(PASS)


# What may be objected: each check looks at one file, and says nothing where its key does not hold


def check_status(view: View, file: FileFacts, remembered: Remembered, advised: Advised) -> Objection | None:
    """Object to a project that its index calls quarantined, archived or deprecated (PEP 792)."""
    del file, remembered, advised
    status = view.page.status
    action = "off" if status is None else view.status.find(status)
    if status is None or action == "off":
        return None
    return Objection("status", f"status.{status}", action, detail=f"the index calls the project {status}")


def check_format(view: View, file: FileFacts, remembered: Remembered, advised: Advised) -> Objection | None:
    """Object to a format that is not among ``formats``."""
    del remembered, advised
    formats = view.terms.formats
    if formats is None or file.kind in formats.kinds:
        return None
    return Objection("format-not-allowed", formats.key, detail=f"{_AN[file.kind]}; allowed: {', '.join(formats.kinds)}")


def check_hash(view: View, file: FileFacts, remembered: Remembered, advised: Advised) -> Objection | None:
    """Object to a file of which the page gives no hash that counts."""
    del remembered, advised
    hashes = view.terms.hashes
    if hashes is None or hashes.need != "index" or is_hashed(file.hashes):
        return None
    weak = ", ".join(sorted(name for name, value in file.hashes.items() if is_digest(name, value))) or "none"
    return Objection("hash-missing", hashes.key, detail=f"the page gives {weak}")


def check_content(view: View, file: FileFacts, remembered: Remembered, advised: Advised) -> Objection | None:
    """Object to a file that was seen before with another content, or of which the page does not tell it any more."""
    del view, advised
    digest = file.hashes.get("sha256", "").lower()
    if not remembered.sha256 or digest in remembered.sha256:
        return None
    when = "" if remembered.first_seen is None else f" on {remembered.first_seen:%Y-%m-%d}"
    before = ", ".join(sorted(remembered.sha256))[:_SHOWN]
    now = f"now it has {digest}" if digest else "the page gives none any more"
    detail = f"first seen{when} with sha256 {before}..., and {now}"
    return Objection("hash-changed", "ledger", detail=detail)


def check_pin(view: View, file: FileFacts, remembered: Remembered, advised: Advised) -> Objection | None:
    """Object to a file for a requirement that carries no hash, where it must."""
    del file, remembered, advised
    hashes = view.terms.hashes
    if hashes is None or hashes.need != "pinned":
        return None
    return Objection("hash-missing", hashes.key, detail="the requirement carries no --hash")


def check_age(view: View, file: FileFacts, remembered: Remembered, advised: Advised) -> Objection | None:
    """Object to a file that is younger than ``min-age``, or whose age nobody tells; one from the future is young."""
    del advised
    wanted = view.terms.min_age
    if wanted is None or not wanted.span:
        return None
    since = file.uploaded
    if since is None:
        if wanted.unknown == "allow":
            return None
        since = remembered.first_seen if wanted.unknown == "first-seen" else None
        if since is None:
            is_closed = wanted.unknown == "first-seen" and remembered.is_closed
            return Objection(
                "too-young", wanted.key, detail=_CLOSED if is_closed else "nobody tells when it was uploaded"
            )
    until = _after(since, wanted.span)
    return None if until <= view.now else Objection("too-young", wanted.key, until=until)


def check_provenance(view: View, file: FileFacts, remembered: Remembered, advised: Advised) -> Objection | None:
    """Object to a version without attestation where an older one of the same major line had one."""
    del remembered, advised
    if view.downgrade == "off" or not view.owner.public or file.attested is not False:
        return None
    if file.version in view.page.attested:
        return None
    version = parse_version(file.version)
    oldest = None if version is None else view.oldest_attested.get(_major_of(version))
    if version is None or oldest is None or version <= oldest:
        return None
    detail = f"{oldest} had an attestation"
    return Objection("provenance-downgrade", "provenance.downgrade", view.downgrade, detail=detail)


UNPINNED: tuple[Check, ...] = (check_pin,)
"""For a requirement without hashes, beside those below; not for a build requirement, which cannot carry one."""
CHECKS: tuple[Check, ...] = (
    check_status,
    check_format,
    check_hash,
    check_content,
    check_age,
    check_provenance,
)
"""In this order: of each layer the first that blocks is told."""
_CLOSED = "it is not in the ledger, which this user cannot write: `indexguard ledger import`, or a run of root, adds it"
_SHOWN = 16  # digits of a hash
_SECONDS = len("2026-11-30T12:00:00")
_AN = {"wheel": "a wheel", "sdist": "an sdist"}


class FileJudge:
    """Judges the files of one page, for every layer that has not objected to it before.

    :param asked: what ``outcome.ask`` said of the index; a layer that objected there objects here no more.
    :param answered: the identity of the page that lists the files.
    :param now: in UTC.
    :param attested: by the file of a layer, the versions that its ledger remembers an attestation of.
    """

    def __init__(
        self,
        authority: Authority,
        asked: Verdict,
        answered: Location,
        page: PageFacts,
        now: datetime,
        *,
        attested: Mapping[str, Collection[str]] = {},
    ) -> None:
        objected = [finding.layer for finding in asked.findings]
        owned = ((layer, rule, layer.policy.find_owner(answered)) for layer, rule in authority.rules)
        self._views = tuple(
            _look(authority.name, (layer, rule, index), page, now, attested.get(layer.path, ()))
            for layer, rule, index in owned
            if rule is not None and index is not None and layer not in objected
        )
        self._name = authority.name

    @property
    def judges(self) -> bool:
        """Whether some layer looks at files."""
        return bool(self._views)

    @property
    def clearance(self) -> Clearance | None:
        """What a file needs for ``judge`` to object to nothing; None where that depends on more."""
        kinds, needs_hash, latest = set(_AN), False, None
        for view in self._views:
            has_status = view.page.status is not None and view.status.find(view.page.status) != "off"
            if has_status or (view.downgrade != "off" and view.owner.public and view.oldest_attested):
                return None
            kinds &= set(_AN if view.terms.formats is None else view.terms.formats.kinds)
            needs_hash |= view.terms.hashes is not None and view.terms.hashes.need == "index"
            if view.terms.min_age is not None and view.terms.min_age.span:
                try:
                    latest = min(filter(None, (latest, view.now - view.terms.min_age.span)))
                except OverflowError:
                    return None
        time = None if latest is None else latest.replace(tzinfo=None).isoformat(timespec="seconds")
        return Clearance(frozenset(kinds), needs_hash, time)

    @property
    def wants_pins(self) -> bool:
        """Whether some layer asks for a hash that the requirement carries."""
        return any(view.terms.hashes is not None and view.terms.hashes.need == "pinned" for view in self._views)

    def find_untold(self, file: FileFacts) -> str | None:
        """Return what is not known of a file, and some layer asks for; None if all is known. For who has no page."""
        for view in self._views:
            hashes = view.terms.hashes
            if view.terms.min_age is not None and view.terms.min_age.span and file.uploaded is None:
                return "when the file was uploaded, which `min-age` is about"
            if hashes is not None and hashes.need == "pinned":
                return "whether the requirement carried a hash"
            if view.downgrade == "block" and view.owner.public and not file.attested:
                return "whether an older version had an attestation"
        return None

    def judge(
        self,
        file: FileFacts,
        remembered: Mapping[str, Remembered] = {},
        advised: Advised = NOT_ADVISED,
        checks: Iterable[Check] = CHECKS,
    ) -> Judged:
        """Say what all layers object to in one file.

        :param remembered: by the file of a layer, what its ledger remembers.
        """
        findings, objections, told, waived = [], [], [], []
        for view in self._views:
            memory = remembered.get(view.layer.path, NOT_REMEMBERED)
            for check in checks:
                objection = check(view, file, memory, advised)
                if objection is None:
                    continue
                finding = Finding(objection.code, view.layer, view.rule, key=objection.key)
                waiver = find_waiver(view.waivers, self._name, objection.code, file)
                if waiver is not None:
                    waived.append((finding._replace(key=waiver.key), waiver))
                elif objection.action != "block":
                    told.append((finding, objection))
                else:
                    findings.append(finding)
                    objections.append(objection)
                    break
        if not (findings or told or waived):
            return NO_OBJECTION
        return Judged(Verdict(tuple(findings)), tuple(told), tuple(waived), tuple(objections))


def parse_time(text: object) -> datetime | None:
    """Return a time of PEP 700 (ISO 8601 with its zone) in UTC; None for what is none."""
    found = re.fullmatch(_TIME, text) if isinstance(text, str) else None
    if found is None:
        return None
    day, clock, sign, hours, minutes = found.groups()
    try:
        time = datetime.fromisoformat(f"{day}T{clock}+00:00")
        if not sign:
            return time
        away = timedelta(hours=int(hours), minutes=int(minutes))
        return time - away if sign == "+" else time + away
    except (ValueError, OverflowError):
        return None


def is_usual_time(text: object) -> TypeGuard[str]:
    """Tell whether a text is a time in the usual form of PEP 700 (``2026-11-30T12:00:00.5Z``): such are in their order."""
    if not isinstance(text, str) or text[4:17:3] != "--T::" or text[-1] != "Z":
        return False
    fraction = text[_SECONDS:-1]
    if fraction and not (fraction[0] == "." and fraction.isascii() and fraction[1:].isdigit()):
        return False
    try:
        datetime.fromisoformat(text[:_SECONDS])
    except ValueError:
        return False
    return len(text) > _SECONDS


def are_usual_times(texts: Collection[object]) -> bool:
    """Tell whether all of many texts are such times."""
    if len(texts) <= _FEW or not _look_usual(texts):
        return all(map(is_usual_time, texts))
    return True


def _look_usual(texts: Collection[object]) -> bool:
    try:
        lines = "\n".join(cast("Collection[str]", texts)) + "\n"
    except TypeError:
        return False
    end, pattern = 0, re.compile(rf"(?a)(?:{_USUAL}\n){{1,{_FEW}}}")  # no more than a pattern can go back on
    while end < len(lines) and (found := pattern.match(lines, end)) is not None:
        end = found.end()
    return end == len(lines) and lines.count("\n") == len(texts)


def find_waiver(waivers: Iterable[Waiver], name: Name, code: str, file: FileFacts) -> Waiver | None:
    """Return what lifts an objection to a file; ``waivers`` are those of its layer that have not ended."""
    for waiver in waivers:
        versions = waiver.versions.get(name)
        if waiver.code != code or versions is None:
            continue
        is_same = not waiver.sha256 or file.hashes.get("sha256", "").lower() in waiver.sha256
        if is_same and any(_is_same_version(version, file.version) for version in versions):
            return waiver
    return None


def is_hashed(hashes: Mapping[str, str]) -> bool:
    """Tell whether one of a file's hashes counts: sha256 or better, and of its length."""
    return any(is_digest(name, hashes.get(name)) for name in STRONG)


def is_digest(name: object, value: object) -> bool:
    """Tell whether what a page gives as a hash is one, of an algorithm that is known: hexadecimal, and of its length."""
    digits = _DIGITS.get(name) if isinstance(name, str) else None
    return isinstance(value, str) and len(value) == digits and not value.strip(_HEXADECIMAL)


def find_mismatched(
    authority: Authority, offers: Iterable[tuple[Verdict, Iterable[tuple[str, str | None]]]]
) -> dict[str, list[Finding]]:
    """Return the objections to files of which places that may serve the name give different sha256, by file name.

    :param offers: for each page, what ``outcome.ask`` said of its index, and its files: name, and sha256 if it gives one.
    """
    told = [([finding.layer for finding in asked.findings], list(files)) for asked, files in offers]
    found: dict[str, list[Finding]] = {}
    for layer, rule in authority.rules:
        digests: dict[str, dict[str, set[int]]] = {}
        """By file name and sha256, which pages give it."""
        for page, (objected, files) in enumerate(told):
            for filename, digest in () if rule is None or layer in objected else files:
                if digest is not None:
                    digests.setdefault(filename, {}).setdefault(digest, set()).add(page)
        for filename, given in digests.items():
            if len(given) > 1 and len(set.union(*given.values())) > 1:
                found.setdefault(filename, []).append(Finding("hash-mismatch", layer, rule))
    return found


def asks_of_files(authority: Authority) -> bool:
    """Tell whether a layer asks something of the files of an index of the name: then a page, not a lock, is judged."""
    for layer, rule in authority.rules:
        serving = layer.policy.serving
        for index in map(layer.policy.index, rule.indexes) if rule is not None and serving is not None else ():
            terms = (serving or _NO_SERVING).find_terms(index.name, public=index.public, entry=rule and rule.terms)
            if terms != NO_TERMS or (index.public and (serving or _NO_SERVING).downgrade != "off"):
                return True
    return False


def is_needed(layers: Iterable[Layer]) -> bool:
    """Tell whether a policy asks something of files."""
    return any(layer.policy.serving is not None for layer in layers)


def find_ledger_failure(layer: Layer) -> Finding | None:
    """Return the objection of a layer that stops pip without its ledger; None where it goes on, or only logs."""
    settings = layer.policy.ledger
    if settings is None or not settings.blocks or not layer.enforces:
        return None
    return Finding("ledger-failed", layer, key="ledger.on-failure")


def _look(
    name: Name, place: tuple[Layer, Rule, Index], page: PageFacts, now: datetime, remembered: Collection[str]
) -> View:
    layer, rule, index = place
    serving = layer.policy.serving or _NO_SERVING
    terms = serving.find_terms(index.name, public=index.public, entry=rule.terms)
    waivers = tuple(it for it in serving.waivers if name in it.versions and not it.is_expired(now.date()))
    oldest = _find_oldest({*page.attested, *remembered}) if serving.downgrade != "off" and index.public else {}
    return View(layer, rule, index, terms, serving.status, serving.downgrade, waivers, now, page, oldest)


def _find_oldest(attested: Iterable[str]) -> dict[Major, Version]:
    """Return the lowest version with an attestation of each major line."""
    oldest: dict[Major, Version] = {}
    for version in sorted(filter(None, map(parse_version, attested))):
        oldest.setdefault(_major_of(version), version)
    return oldest


def _major_of(version: Version) -> Major:
    return version.epoch, version.release[0]


def _is_same_version(one: str, other: str) -> bool:
    """Tell whether two texts are one version: ``1.0`` and ``1.0.0`` are; what PEP 440 cannot parse only as it is written."""
    parsed = parse_version(one)
    return one == other or (parsed is not None and parsed == parse_version(other))


def _after(since: datetime, span: timedelta) -> datetime:
    try:
        return since + span
    except OverflowError:  # a time that no index has; young for ever
        return datetime.max.replace(tzinfo=since.tzinfo)
