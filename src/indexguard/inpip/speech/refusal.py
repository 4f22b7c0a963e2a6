"""A refusal, as one value: the words for the user, pip's exception and the fields of the event are made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...audit.event import EventFields
from ...codes import words_of
from ...decision.verdict import Finding
from ...errors import (
    AMBIGUOUS_NAME,
    DIRECT_URL,
    ENTRY_EXPIRED,
    GUARD_FILE,
    INDEX_FAILED,
    LOCKED_LINK,
    NAME_MISMATCH,
    VERSION_NOT_ALLOWED,
    GuardError,
    escape,
)

_VALUES: dict[str, str] = {"shadow.same-file": "drop"}
"""What a key that decides is set to, where that is not ``block``."""
_CERTIFICATES = "only these certificates verify its connections"
_MEANINGS: dict[str, str] = {"ledger": "a file stays what it was when it was first seen"}
"""What a key that decides asks for, where its value does not say that."""
_OF_NAMES = "built in: without a policy file, no name may come from more than one index"
_BUILT_IN: dict[str, str] = {
    AMBIGUOUS_NAME: _OF_NAMES,
    INDEX_FAILED: _OF_NAMES,
    NAME_MISMATCH: "built in: a distribution must be the project that was asked for",
    GUARD_FILE: "built in: no distribution may write what the guard lives from",
}


@dataclass(frozen=True)
class Refusal:
    """What was refused, by which rule, and what is to be said of it."""

    finding: Finding
    subject: str
    """What was refused: a project name, or a URL; fit to be shown. Empty for a pip as a whole."""
    facts: Sequence[tuple[str, str]] = ()
    """What is told beside the rule: labels and texts."""
    fields: EventFields = field(default_factory=EventFields)
    """What the event tells beside the finding."""
    hint: str | None = None
    """What to do; by default the remedy of the code."""
    note: str = ""
    """What has happened all the same."""

    @property
    def error(self) -> GuardError:
        """The refusal in words."""
        finding = self.finding
        note = [("note", self.note)] if self.note else []
        rule = rule_in_words(finding, self.subject)
        facts = [*([("rule", rule)] if rule else []), *self.facts, *note]
        return GuardError(finding.code, self._refused, facts, self.hint, self.fields.name)

    @property
    def event(self) -> EventFields:
        """The fields of its event."""
        message = f"{self._refused}; {self.note}" if self.note else self._refused
        return self.fields._replace(finding=self.finding, message=message)

    @property
    def _refused(self) -> str:
        meaning = words_of(self.finding.code).meaning
        return f"refused `{self.subject}`: {meaning}" if self.subject else f"a pip stopped: {meaning}"


def rule_in_words(finding: Finding, subject: str) -> str:
    """Return which rule decided, with its key and, on a line of its own, its file; empty where that is not known.

    :param subject: what it decided about, fit to be shown.
    """
    if finding.layer is None:
        return _BUILT_IN.get(finding.code, "")
    rule, path = finding.rule, finding.layer.path
    meaning = _CERTIFICATES if finding.key.endswith(".ca") else finding.detail or _MEANINGS.get(finding.key)
    if meaning:
        return f"{finding.key}: {_fit(meaning)}\n{path}"
    serving = finding.layer.policy.serving
    written = None if serving is None else serving.find_written(finding.key, rule and rule.terms)
    if written is not None:
        return f"{finding.key} = {written}\n{path}" + (f"\nreason: {_fit(rule.reason)}" if rule and rule.reason else "")
    if finding.key:
        return f'{finding.key} = "{_VALUES.get(finding.key, "block")}"\n{path}'
    if rule is None:
        return f"none matches `{subject}`\n{path}"
    names = ", ".join(f"`{index}`" for index in rule.indexes)
    text = f"`{rule.pattern}` belongs to index {names}: {rule.key}\n{path}"
    if finding.code == ENTRY_EXPIRED and rule.expires is not None:
        text += f"\nexpired at the end of {rule.expires.isoformat()} (UTC)"
    if finding.code == VERSION_NOT_ALLOWED and rule.versions is not None:
        text += f"\nallows {rule.versions}"
    if finding.code in (DIRECT_URL, LOCKED_LINK):
        text += "\nno prefix in direct-urls.allow covers the URL, or in direct-urls.redirects a place that it leads to"
    if rule.reason:
        text += f"\nreason: {_fit(rule.reason)}"
    return text


def _fit(text: str) -> str:
    """Return a text of one or several lines fit for a terminal."""
    return "\n".join(map(escape, text.splitlines()))


def place_of_rule(finding: Finding) -> str:
    """Return key and file of the rule that decided, for a line that says more."""
    if finding.layer is None:
        return "built-in rule, no policy file"
    key = finding.key or ("no rule" if finding.rule is None else finding.rule.key)
    return f"{key} in {finding.layer.path}"
