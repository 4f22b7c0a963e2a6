"""Every code of the guard, once: what it means, what to do, and the exceptions that carry it.

The same code stands in pip's output, in the audit log, in ``indexguard explain`` and in the table of
``cli/README.md``, which is generated from ``CODES``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")


class Code(str):
    """One reason for which something is refused, dropped or stopped.

    The text itself is its name: kebab-case, stable, lower-case letters and single dashes (pip >= 22.0 accepts nothing
    else).
    """

    __slots__ = ("meaning", "remedy")
    meaning: str
    """What was found, as one clause."""
    remedy: str
    """One thing to do that does not weaken the guard."""

    def __new__(cls, name: str, meaning: str, remedy: str) -> Code:  # noqa: PYI034  # Python 3.9 has no Self
        """Return the code of that name."""
        code = super().__new__(cls, name)
        code.meaning, code.remedy = meaning, remedy
        return code


UNKNOWN_INDEX = Code(
    "unknown-index",
    "pip is configured with an index that the policy does not name",
    "remove the index from pip's configuration, or name it under [indexes] with the names that it may serve",
)
UNMATCHED_NAME = Code(
    "unmatched-name",
    "no rule of the policy matches the name",
    'add the name to the `packages` of the index that it comes from, or give one index `packages = ["*"]`',
)
CLAIMED_ELSEWHERE = Code(
    "claimed-elsewhere",
    "the policy gives the name to another index",
    "nothing to do if the name's own index has it; otherwise publish it there",
)
SHADOWED_NAME = Code(
    "shadowed-name",
    "a public index offers a name that the policy gives to another index",
    "publish the name on its own index; report the public project if it is not yours",
)
INDEX_NOT_CONFIGURED = Code(
    "index-not-configured",
    "the index that the name belongs to is not among those that pip is configured with",
    "add it to pip's configuration",
)
REDIRECTED = Code(
    "redirected",
    "the page came from an index that may not serve the name",
    "have the index answer 404 for names that it does not hold, instead of forwarding them",
)
INDEX_FAILED = Code(
    "index-failed",
    "an index that may serve the name did not answer with a page, and no other remote source may stand in for it",
    "make the index answer (address, credentials, certificate), then run pip again",
)
UNVERIFIED_INDEX = Code(
    "unverified-index",
    "pip was told to trust the index's host without TLS, so it is not the policy's https index",
    "remove --trusted-host for this host, and give pip its certificate with --cert",
)
VERSION_NOT_ALLOWED = Code(
    "version-not-allowed",
    "the version lies outside the range that the policy allows for the name",
    "ask for a version in the range, or widen the entry after review",
)
ENTRY_EXPIRED = Code(
    "entry-expired",
    "the entry that claims the name expired, so that it allows no file",
    "review the entry, then renew its `expires` date or remove it",
)
FILE_ELSEWHERE = Code(
    "file-elsewhere",
    "the page lists a file outside of the index's `files-from`, or a repository in the place of a file",
    "if the files are the index's own, add their place to `files-from`",
)
AMBIGUOUS_NAME = Code(
    "ambiguous-name",
    "more than one index offers the name, and no policy says whose it is",
    "run `indexguard init` to write a policy that says which index each name belongs to",
)
NAME_MISMATCH = Code(
    "name-mismatch",
    "the distribution's own metadata names another project than was asked for",
    "report the file to the owner of the index",
)
DIRECT_URL = Code(
    "direct-url",
    "the reference goes round every index, and the policy allows no direct reference here",
    "publish the distribution on the index that the name belongs to",
)
LOCAL_PATH = Code(
    "local-path", 'the policy says `local = "block"`', "publish the distribution on the index that the name belongs to"
)
FIND_LINKS = Code(
    "find-links",
    "a --find-links option or a local page lists a remote file of a name that the policy claims",
    "remove the option, or publish the file on the index that the name belongs to",
)
LOCKED_LINK = Code(
    "locked-link",
    "the lock file takes the file from a place that may not serve the name",
    "lock again with the guard on",
)
UNCLAIMED_INTERNAL = Code(
    "unclaimed-internal",
    "an index that is not public offers a name that only `*` matches: perhaps a forgotten internal name",
    "if the name is internal, claim it under the `packages` or `namespaces` of its index",
)
POLICY_INVALID = Code(
    "policy-invalid",
    "the policy file has faults, so nothing can be allowed",
    "correct the file; `indexguard check FILE` lists every fault",
)
POLICY_UNREADABLE = Code(
    "policy-unreadable",
    "the policy file cannot be read or trusted, so nothing can be allowed",
    "give the file and its folder an owner and a mode that let nobody else write them",
)
POLICY_MISSING = Code(
    "policy-missing",
    "a policy file that must be there is not there: INDEXGUARD_POLICY names it, or `activate --require-policy` demands it",
    "write a policy with `indexguard init`, or correct the path in INDEXGUARD_POLICY (it must be absolute)",
)
LOG_FAILED = Code(
    "log-failed",
    'an event could not be written to the audit log, and the policy says `on-failure = "block"`',
    "make the place that the log goes to writable, or reachable, then run pip again",
)
PIP_NOT_UNDERSTOOD = Code(
    "pip-not-understood",
    "this pip lacks a method that the guard filters, so nothing can be checked",
    "use a pip from 20.3.4 to 26.3, or a newer indexguard",
)
GUARD_BROKEN = Code(
    "guard-broken",
    "indexguard is installed here but cannot run",
    "run `indexguard activate` again if that has put it here; else `pip uninstall indexguard`, which still works, "
    "then install it again from an index that you trust",
)

CODES = {str(code): code for code in tuple(vars().values()) if isinstance(code, Code)}
"""Every code by its name, in the order of that table."""


class GuardError(Exception):
    """A refusal, or a fault that stops pip: data first, text in ``__str__``.

    :param code: a key of ``CODES``.
    :param refused: what was refused, as one clause that stands alone.
    :param facts: pairs of label and text: the rule with file and key, the indexes, what was kept.
    :param hint: one thing to do; by default the code's own remedy.
    :raises KeyError: ``code`` is not one of ``CODES``.
    """

    def __init__(self, code: str, refused: str, facts: Sequence[tuple[str, str]] = (), hint: str | None = None) -> None:
        super().__init__(code, refused)
        self.code = str(CODES[code])
        self.refused = refused
        self.facts = tuple(facts)
        self.hint = CODES[code].remedy if hint is None else hint

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


@dataclass(frozen=True)
class Fault:
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
