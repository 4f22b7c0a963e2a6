"""Every code of the guard, once, and the exceptions that carry it.

The same code stands in pip's output, in the audit log, in ``indexguard explain`` and in the table of
``cli/README.md``. What each means, and what to do, is told by ``codes``, which is loaded when there is something to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .tuples import NamedTuple

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
TOKEN = "{token}"  # noqa: S105  # stands for a secret, and is none
"""A segment of a policy's URL that stands for any one segment, a secret; no other URL has it: a brace is encoded."""
TextT = TypeVar("TextT", str, "dict[str, Any]")
hiders: list[Callable[[Any], Any]] = []
"""What takes secrets out of texts that are shown, where a policy says which there are (``hiding``)."""


CODES = (
    UNKNOWN_INDEX := "unknown-index",
    UNMATCHED_NAME := "unmatched-name",
    CLAIMED_ELSEWHERE := "claimed-elsewhere",
    SHADOWED_NAME := "shadowed-name",
    INDEX_NOT_CONFIGURED := "index-not-configured",
    REDIRECTED := "redirected",
    INDEX_FAILED := "index-failed",
    UNVERIFIED_INDEX := "unverified-index",
    PROBE_UNFINISHED := "probe-unfinished",
    VERSION_NOT_ALLOWED := "version-not-allowed",
    ENTRY_EXPIRED := "entry-expired",
    FILE_ELSEWHERE := "file-elsewhere",
    DENIED := "denied",
    ADVISORY := "advisory",
    STATUS := "status",
    FORMAT_NOT_ALLOWED := "format-not-allowed",
    HASH_MISSING := "hash-missing",
    HASH_MISMATCH := "hash-mismatch",
    HASH_CHANGED := "hash-changed",
    TOO_YOUNG := "too-young",
    PROVENANCE_DOWNGRADE := "provenance-downgrade",
    TYPOSQUAT := "typosquat",
    AMBIGUOUS_NAME := "ambiguous-name",
    NAME_MISMATCH := "name-mismatch",
    GUARD_FILE := "guard-file",
    DIRECT_URL := "direct-url",
    LOCAL_PATH := "local-path",
    FIND_LINKS := "find-links",
    LOCKED_LINK := "locked-link",
    UNCLAIMED_INTERNAL := "unclaimed-internal",
    POLICY_INVALID := "policy-invalid",
    POLICY_UNREADABLE := "policy-unreadable",
    POLICY_MISSING := "policy-missing",
    LOG_FAILED := "log-failed",
    LEDGER_FAILED := "ledger-failed",
    PIP_NOT_UNDERSTOOD := "pip-not-understood",
    GUARD_BROKEN := "guard-broken",
)
"""All of them: kebab-case, stable, lower-case letters and single dashes (pip >= 22.0 accepts nothing else)."""


class GuardError(Exception):
    """A refusal, or a fault that stops pip: data first, text in ``__str__``.

    :param code: one of ``CODES``.
    :param refused: what was refused, as one clause that stands alone.
    :param facts: pairs of label and text: the rule with file and key, the indexes, what was kept.
    :param hint: one thing to do; by default the code's own remedy.
    :param name: of the project that was refused; None where it is about none, or about one that is not known.
    :raises KeyError: ``code`` is not one of ``CODES``.
    """

    def __init__(
        self,
        code: str,
        refused: str,
        facts: Sequence[tuple[str, str]] = (),
        hint: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(code, refused)
        if code not in CODES:
            raise KeyError(code)
        self.code = code
        self.refused = hide(refused)
        self.facts = tuple([(label, hide(text)) for label, text in facts])
        self._hint = None if hint is None else hide(hint)
        self.name = name

    @property
    def hint(self) -> str:
        """One thing to do."""
        from .codes import words_of  # noqa: PLC0415  # only where there is something to say

        return words_of(self.code).remedy if self._hint is None else self._hint

    def fact_lines(self) -> list[str]:
        """Return the facts as lines, their labels in one column; a text of several lines is indented under its first."""
        width = max((len(label) for label, _ in self.facts), default=0)
        lines = []
        for label, text in self.facts:
            head, *rest = text.splitlines() or [""]
            lines.append(f"{label:<{width}}  {head}")
            lines.extend(f"{'':<{width}}  {line}" for line in rest)
        return lines

    def __str__(self) -> str:
        body = "".join(f"\n    {line}" for line in self.fact_lines())
        return f"indexguard: {self.code}: {self.refused}{body}\n    hint: {self.hint}"


class Fault(NamedTuple):
    """One fault of a policy file."""

    key: str
    """The key path, such as ``indexes.corp.packages[2]``; empty for the file as a whole."""
    message: str
    """The value found and what was expected."""
    suggestion: str | None = None
    """What the writer probably meant."""

    def __str__(self) -> str:
        where = f"{self.key}: " if self.key else ""
        meant = f" (did you mean `{self.suggestion}`?)" if self.suggestion else ""
        return f"{where}{self.message}{meant}"


def join_key(key: str, name: str) -> str:
    """Return the path of key ``name`` in the table at ``key``, quoted where TOML would quote it."""
    part = name if _BARE_KEY.fullmatch(name) else f'"{escape(name)}"'
    return f"{key}.{part}" if key else part


class PolicyError(GuardError):
    """A policy file that cannot be used; all its faults at once.

    :param path: the file, as found.
    :param faults: at least one fault.
    :param code: ``policy-invalid``, ``policy-unreadable`` or ``policy-missing``.
    :param more: how many faults there are beside those.
    """

    def __init__(self, path: str, faults: Sequence[Fault], code: str = POLICY_INVALID, more: int = 0) -> None:
        self.path = path
        self.faults = tuple(faults)
        self.more = more
        count = "1 fault" if len(self.faults) + more == 1 else f"{len(self.faults) + more} faults"
        refused = f"{count} in policy file {escape(path)}"
        facts = [("fault", str(fault)) for fault in self.faults]
        super().__init__(code, refused, facts + ([("", f"and {more} more")] if more else []))


def hide(text: TextT) -> TextT:
    """Return a text, or an event, without the secrets that a policy says there are: what is shown passes through here."""
    for hider in hiders:
        text = hider(text)
    return text


def escape(text: str) -> str:
    """Return ``text`` with every control and unprintable character escaped, fit for a terminal or a log.

    Text that comes from an index (names, versions, file names) passes through here before it is printed.
    """
    if text.isprintable():  # nearly always, and much cheaper than to look at each character
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def clean(text: str) -> str:
    """Return foreign text fit for one line of a message: no credentials, no control characters, at most 200 characters."""
    return cut(escape(_CREDENTIALS.sub("", " ".join(text.split()))), 200, within=True)


def cut(text: str, limit: int, *, counted: bool = False, within: bool = False) -> str:
    """Return the first characters of a text, and behind them a mark where there are more.

    :param counted: the mark says how long the text was.
    :param within: the limit holds for the mark too.
    """
    if len(text) <= limit:
        return text
    mark = f"... ({len(text)} characters)" if counted else "..."
    return f"{text[: max(0, limit - len(mark))]}{mark}"[:limit] if within else f"{text[:limit]}{mark}"
