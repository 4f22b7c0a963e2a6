"""What another policy would have said of the events of a log.

The log holds what was offered and what came of it; the policy is asked anew, by the same pure functions that pip's own
offers go through. What the log does not tell is not guessed: such an event is not judged, and the reason is given.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any, Callable, Optional

from .. import errors
from ..advisories.advising import advise
from ..advisories.advisories import Advisories
from ..audit.kinds import GUARD_FAILED, NOTICED, SEALED, SELECTED, WAIVED, WOULD_REFUSE
from ..decision import outcome
from ..decision.authority import Authority
from ..decision.denied import Subject, judge_denied
from ..decision.repositories import judge_repository
from ..decision.serving import FileFacts, FileJudge, PageFacts, Remembered, parse_time
from ..decision.typosquat import NOTHING, Near, Suspicion, add_suspicion, find_signs, judge_name
from ..decision.verdict import PASS, Finding, Verdict
from ..patterns import Name, normalise_name, parse_pattern
from ..policy.identity import PYPI, Location, find_reference
from ..policy.model import Layer
from ..tuples import NamedTuple
from ..typosquat.likeness import Likeness
from ..typosquat.watch import Watch
from .files import Event
from .record import items, table, tables

Locate = Callable[[str], Optional[Location]]
"""Returns the identity of a URL, that of the token ``pypi`` for the public index; None where it is unknown."""

_OF_INDEXES = frozenset(
    {
        errors.UNKNOWN_INDEX,
        errors.UNMATCHED_NAME,
        errors.CLAIMED_ELSEWHERE,
        errors.PROBE_UNFINISHED,
        errors.ENTRY_EXPIRED,
        errors.SHADOWED_NAME,
        errors.REDIRECTED,
        errors.VERSION_NOT_ALLOWED,
        errors.FILE_ELSEWHERE,
        errors.STATUS,
        errors.FORMAT_NOT_ALLOWED,
        errors.HASH_MISSING,
        errors.HASH_CHANGED,
        errors.TOO_YOUNG,
        errors.PROVENANCE_DOWNGRADE,
        errors.AMBIGUOUS_NAME,
        errors.UNCLAIMED_INTERNAL,
        errors.TYPOSQUAT,
    }
)
"""The codes of what an index offered, or might have."""
_OF_FILES = frozenset({errors.DENIED, errors.ADVISORY})
"""The codes of what is judged wherever it comes from."""
_OF_REFERENCES = frozenset({errors.DIRECT_URL, errors.FIND_LINKS, errors.LOCKED_LINK, errors.LOCAL_PATH})
_NO_MATTER_OF_POLICY: dict[str, str] = {
    errors.INDEX_NOT_CONFIGURED: "the log does not tell which indexes pip was configured with",
    errors.INDEX_FAILED: "an index did not answer, which no policy changes",
    errors.UNVERIFIED_INDEX: "a connection was not verified, which the log cannot tell for another policy",
    errors.LEDGER_FAILED: "a ledger could not be used, which no policy changes",
    errors.HASH_MISMATCH: "two places gave one file name different contents, which the log tells of one place at a time",
    errors.NAME_MISMATCH: "a distribution named another project, which no policy changes",
    errors.GUARD_FILE: "a distribution would have written what the guard lives from, which no policy changes",
}
_CACHED = 10_000
_ANOTHER = "another content"
_NO_TIME = datetime.min.replace(tzinfo=timezone.utc)


class Judgement(NamedTuple):
    """What the other policy says of one event."""

    was: str
    """``selected``, ``observed`` (a layer in audit mode would have refused it), or the code of the refusal."""
    finding: Finding | None = None
    """Why it would be refused; None if it would pass."""
    unknown: str | None = None
    """Why it cannot be judged; then ``finding`` means nothing."""

    @property
    def becomes_refused(self) -> bool:
        """Whether pip chose this file, and the policy would not let it."""
        return self.unknown is None and self.was == SELECTED and self.finding is not None

    @property
    def becomes_allowed(self) -> bool:
        """Whether this was refused, and would pass."""
        return self.unknown is None and self.was not in (SELECTED, "observed") and self.finding is None


class Replay:
    """Judges events by one policy, as if it were the only one and enforced.

    :param layer: the policy, whatever its mode.
    :param today: the date in UTC, for entries that expire.
    :param advisories: what the records say that the policy goes by.
    """

    def __init__(self, layer: Layer, today: date, locate: Locate, advisories: Advisories | None = None) -> None:
        self._layer = replace(layer, policy=replace(layer.policy, mode="enforce"))
        self._today = today
        self._locate = locate
        self._advisories = advisories
        self._watch: Watch | None = None
        self._meant: dict[Name, Likeness | None] = {}
        self._authorities: dict[str, Authority | None] = {}

    def judge(self, event: Event) -> Judgement | None:
        """Judge one event; None for one that decides nothing, such as the seal of a run."""
        kind, code = event["event"], str(event.get("code"))
        if kind in (SEALED, NOTICED, WAIVED):
            return None
        if kind == SELECTED:
            return self._judge(SELECTED, event, self._selected)
        was = "observed" if kind == WOULD_REFUSE else code
        if kind == GUARD_FAILED:
            return Judgement(was, unknown="the guard itself failed, which no policy changes")
        is_listed = event.get("index_answered") is not None
        if code in _OF_INDEXES or (code in _OF_FILES and is_listed):
            return self._judge(was, event, self._offered)
        if code in _OF_REFERENCES or code in _OF_FILES:
            return self._judge(was, event, self._referred)
        return Judgement(was, unknown=_NO_MATTER_OF_POLICY.get(code, "its code is not one that can be judged"))

    def _judge(self, was: str, event: Event, check: Callable[[Authority, Event], Verdict]) -> Judgement:
        authority = self._authority(event.get("name"))
        if authority is None:
            return Judgement(was, unknown="it names no project")
        try:
            return Judgement(was, check(authority, event).refusal)
        except _NotToldError as error:
            return Judgement(was, unknown=str(error))

    def _authority(self, name: object) -> Authority | None:
        if not isinstance(name, str):
            return None
        if name not in self._authorities:
            if len(self._authorities) >= _CACHED:
                self._authorities.clear()
            known = _read_name(name)
            self._authorities[name] = None if known is None else Authority((self._layer,), known, self._today)
        return self._authorities[name]

    def _selected(self, authority: Authority, event: Event) -> Verdict:
        """Judge the file that pip chose."""
        answered = event.get("index_answered")
        if answered is None:
            return self._referred(authority, event)
        place, verdict = self._page(authority, event)
        if verdict.refusal is not None or place is None:
            return verdict
        file = table(event, "chosen") or {"version": next(iter(items(event, "versions")), None)}
        return self._file(authority, place, event, file)

    def _offered(self, authority: Authority, event: Event) -> Verdict:
        """Judge what an index offered: it passes if one of the files does."""
        if event.get("code") == errors.AMBIGUOUS_NAME and not self._layer.policy.indexes:
            raise _NotToldError("the policy names no index, so the built-in rule holds, which asks all of them")
        place, verdict = self._page(authority, event)
        if verdict.refusal is not None or place is None:
            return verdict
        files = tables(event, "offered")
        files = files or [{"version": version} for version in items(event, "versions")]
        verdicts = [self._file(authority, place, event, file) for file in files]
        return next((verdict for verdict in verdicts if verdict.refusal is None), verdicts[0] if verdicts else verdict)

    def _page(self, authority: Authority, event: Event) -> tuple[Location | None, Verdict]:
        """Judge index and page; the place of the page, None for local ones and where no page came."""
        asked = self._place(event.get("index_asked"), "which index was asked")
        if asked.is_local:
            return None, authority.local_file()
        verdict = add_suspicion(outcome.ask(authority, asked, unverified=False), self._suspect(authority, event))
        if verdict.refusal is not None or event.get("index_answered") is None:
            return None, verdict
        answered = self._place(event["index_answered"], "which index answered")
        return answered, outcome.answer(authority, verdict, answered, unverified=False)

    def _suspect(self, authority: Authority, event: Event) -> Suspicion:
        """Judge a name that is nearly another one. What its page showed beside, the log tells only where that counted."""
        if not outcome.find_watching(authority):
            return NOTHING
        if self._watch is None:
            self._watch = Watch(*self._layer.policy.rules.stems(), self._layer.policy.typosquat)
        if len(self._meant) >= _CACHED:
            self._meant.clear()
        if authority.name not in self._meant:
            self._meant[authority.name] = self._watch.find_meant(authority.name)
        meant = self._meant[authority.name]
        signs = find_signs(items(event, "versions"), (), _NO_TIME) if event.get("code") == errors.TYPOSQUAT else ()
        found = [] if meant is None else [Near(self._layer, meant)]
        return judge_name(authority, found, self._today, signs)

    def _file(self, authority: Authority, page: Location, event: Event, file: dict[str, Any]) -> Verdict:
        verdict = self._denied(authority, file, page, is_listed=True)
        if verdict.refusal is not None:
            return verdict
        if file.get("file") is not None and file["file"] in items(event, "same_file"):
            verdict = authority.same_file()
            if verdict.refusal is not None:
                return verdict
        url, version = file.get("url"), file.get("version")
        repository = find_reference(url) if isinstance(url, str) else None
        if repository is not None and "+" in repository.scheme:
            verdict = judge_repository(authority, PASS, page, repository)
            if verdict.refusal is not None:
                return verdict
        check = outcome.file_check(authority, PASS, page)
        policy = self._layer.policy
        asks_nothing = policy.serving is None and policy.ledger is None
        if check is None and asks_nothing:
            return PASS
        if not isinstance(version, str):
            raise _NotToldError("the log does not tell the version of the file")
        if url is None and authority.looks_at_files(page):
            raise _NotToldError("the log does not tell the URL of the file, which `files-from` is about")
        place = self._locate(url) if isinstance(url, str) else None
        verdict = PASS if check is None else check(version, place or repository)
        if verdict.refusal is not None or asks_nothing:
            return verdict
        return self._served(authority, page, event, file)

    def _served(self, authority: Authority, page: Location, event: Event, file: dict[str, Any]) -> Verdict:
        """Judge what the policy asks of a file beside its place, as of the time of the event."""
        now, key = parse_time(event.get("time")), (table(event, "rule") or {}).get("key")
        if now is None:
            raise _NotToldError("the log does not tell when it was")
        status = key.partition(".")[2] if event.get("code") == errors.STATUS and isinstance(key, str) else None
        judge = FileJudge(authority, PASS, page, PageFacts(status), now)
        name, digest = file.get("file"), file.get("hash")
        algorithm, _, hexadecimal = digest.partition(":") if isinstance(digest, str) else ("", "", "")
        facts = FileFacts(
            name if isinstance(name, str) else "",
            str(file["version"]),
            "wheel" if isinstance(name, str) and name.endswith(".whl") else "sdist",
            {algorithm: hexadecimal} if algorithm else {},
            parse_time(file.get("uploaded")),
            file.get("attested") if isinstance(file.get("attested"), bool) else None,
        )
        untold = judge.find_untold(facts)
        if untold is not None:
            raise _NotToldError(f"the log does not tell {untold}")
        # The ledger of that time knew another content; which one the log does not tell, and no policy asks.
        is_changed = event.get("code") == errors.HASH_CHANGED and self._layer.policy.ledger is not None
        remembered = {self._layer.path: Remembered(sha256=(_ANOTHER,))} if is_changed else {}
        return judge.judge(facts, remembered).verdict

    def _referred(self, authority: Authority, event: Event) -> Verdict:
        """Judge a reference that went round every index. Who gave it is not always told: all readings must agree."""
        url = event.get("index_asked")
        place = find_reference(url) if isinstance(url, str) else None
        if place is None:
            raise _NotToldError("the log does not tell where the reference leads")
        readings = self._readings(authority, event, place)
        file = table(event, "chosen") or {"version": next(iter(items(event, "versions")), None)}
        denied = self._denied(authority, file, self._locate(str(url)), is_listed=False)
        if denied.refusal is not None:
            return denied
        refused = [verdict for verdict in readings if verdict.refusal is not None]
        is_of_lock = len(readings) > 1 or event.get("code") == errors.LOCKED_LINK
        if refused and (len(refused) < len(readings) or (is_of_lock and _is_of_pypi(authority))):
            # Which host has the public index's files only the running pip knows: a lock file may have named one there.
            raise _NotToldError("the log does not tell who gave the URL: the user, a lock file or a distribution")
        return refused[0] if refused else readings[0]

    def _readings(self, authority: Authority, event: Event, place: Location) -> list[Verdict]:
        """Return the verdicts on a reference by each way in which it may have come."""
        code, key = event.get("code"), table(event, "rule").get("key")
        if code == errors.FIND_LINKS or key == "direct-urls.requested":
            return [authority.direct(place, requested=True)]
        # A local reference that the user gave is refused as `local-path`, if at all.
        if key == "direct-urls.transitive" or (code == errors.DIRECT_URL and place.is_local):
            return [authority.direct(place, requested=False)]
        if place.is_local:
            return [authority.local_file()]
        version = (items(event, "versions") or [""])[0]
        locked = authority.locked(self._locate(str(event.get("index_asked"))), str(version), place)
        if code == errors.LOCKED_LINK:
            return [locked]
        return [authority.direct(place, requested=True), authority.direct(place, requested=False), locked]

    def _denied(
        self, authority: Authority, file: dict[str, Any], place: Location | None, *, is_listed: bool
    ) -> Verdict:
        """Judge a file by what never comes in. The sha256 of one that gave none is not in the log."""
        policy = self._layer.policy
        if policy.deny is None and policy.advisories is None:
            return PASS
        kind, _, digest = str(file.get("hash")).partition(":")
        version = file["version"] if isinstance(file.get("version"), str) else None
        subject = Subject(version, digest if kind == "sha256" else "", place, is_listed=is_listed)
        said = advise(self._advisories, authority.name, version, subject.sha256)
        return judge_denied((self._layer,), authority, subject, [said], today=self._today).verdict

    def _place(self, url: object, what: str) -> Location:
        place = self._locate(url) if isinstance(url, str) else None
        if place is None:
            raise _NotToldError(f"the log does not tell {what}")
        return place


def _is_of_pypi(authority: Authority) -> bool:
    return any(
        PYPI in layer.policy.index(index).urls
        for layer, rule in authority.rules
        if rule is not None
        for index in rule.indexes
    )


class _NotToldError(Exception):
    """The log does not tell what the decision depends on."""


def _read_name(name: str) -> Name | None:
    try:
        pattern = parse_pattern(name)
    except ValueError:
        return None
    return normalise_name(name) if pattern.exact else None
