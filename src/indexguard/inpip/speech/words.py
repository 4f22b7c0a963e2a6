"""What is said of one name: to the audit log, in one warning line, and in the explanation of a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...decision.verdict import Finding
from ...errors import CODES, GuardError, clean
from ...patterns import newest_first
from ...policy.model import Index
from ..run import Run
from ..search.page import Drop, Page
from ..search.search import Search
from .events import offers

_MANY = 12
"""How many versions a message names."""
_LONG = 60
"""How many characters of each."""


def warn_of_drops(run: Run, search: Search) -> None:
    """Print the name's one warning line, where files were dropped and pip goes on with others."""
    for page in search.pages:
        refusal = page.verdict.refusal
        if refusal is not None and refusal.code in ("unknown-index", "unverified-index"):
            layer = "" if refusal.layer is None else f", by {refusal.layer.path}"
            run.warn(f"indexguard: index {page.shown} is not asked ({refusal.code}{layer})")
    parts = [
        f"{_versions(drop.newest)} {_from(drop)} ({drop.finding.code})"
        for drop in search.drops
        if drop.finding.enforced and drop.files
    ]
    parts += [
        f"every other remote source, because {page.shown} {page.outcome} (index-failed)" for page in search.failed
    ]
    # Where nothing is left, the refusal says it all; what only looks, or may go on to another version, hears it here.
    refused_next = not search.kept and run.resolving and not run.settings.backtrack
    if not parts or refused_next:
        return
    rules = {_where(drop.finding) for drop in search.drops if drop.finding.enforced} or {_rule_of(run, search)}
    run.warn(f"indexguard: {search.name}: dropped {'; '.join(parts)}; kept {_kept(search)}; {'; '.join(sorted(rules))}")


def explain(search: Search, cause: Finding) -> GuardError:
    """Return the explanation of a refusal: what, by which rule (file and key), from which index, what was kept."""
    facts = [("rule", _rule(search, cause))]
    facts += _asked(search)
    facts += [
        ("refused", f"{_versions(drop.newest)} {_from(drop)} ({drop.finding.code})")
        for drop in search.drops
        if drop.finding.enforced and drop.files
    ]
    facts.append(("kept", _kept(search)))
    return GuardError(cause.code, f"refused `{search.name}`: {CODES[cause.code].meaning}", facts, _hint(search, cause))


def refusal_fields(search: Search, cause: Finding) -> dict[str, Any]:
    """Return the fields of the ``refused`` event that ends a run."""
    versions: set[str] = set()
    pages = [page for page in search.pages if page.failure] if cause.code == "index-failed" else []
    for drop in search.drops:
        if drop.finding.enforced:
            versions |= drop.versions
            if drop.page is not None:
                # The page of the cause comes first; without one, the page of what was dropped tells more than none.
                pages.insert(0 if drop.finding.code == cause.code else len(pages), drop.page)
    page = pages[0] if pages else None
    return {
        "name": search.name,
        "versions": newest_first(versions),
        "files": sum(drop.files for drop in search.drops if drop.finding.enforced),
        **offers([file for drop in search.drops if drop.finding.enforced for file in drop.offered]),
        "index_asked": page.shown if page else None,
        "index_answered": page.shown_answer if page else None,
        "kept": sorted({str(candidate.version) for candidate in search.kept}),
        "finding": cause,
    }


def find_explanations(run: Run) -> list[GuardError]:
    """Return explanations for the names of which nothing is left, when pip failed without a refusal of ours."""
    found = []
    for search in run.searches():
        if search.kept:
            continue
        dropped = [drop.finding for drop in search.drops if drop.finding.enforced]
        if dropped:
            found.append(explain(search, dropped[0]))
            continue
        unasked = [page.verdict.refusal for page in search.pages if page.verdict.refusal is not None]
        # An index that no policy names is the likelier cause than one that the name does not belong to.
        unasked.sort(key=lambda refusal: refusal.code == "claimed-elsewhere")
        if unasked:
            facts = [("rule", _rule(search, unasked[0])), *_asked(search)]
            text = f"found no `{search.name}` where the policy lets pip look for it"
            found.append(GuardError(unasked[0].code, text, facts, f"check the name; {CODES[unasked[0].code].remedy}"))
    return found


def _asked(search: Search) -> list[tuple[str, str]]:
    return [("asked", f"{page.shown} {_answer(page)}") for page in search.pages]


def _rule(search: Search, cause: Finding) -> str:
    if cause.layer is None:
        return "built in: without a policy file, no name may come from more than one index"
    rule, path = cause.rule, cause.layer.path
    if cause.key:
        return f'{cause.key} = "block"\n{path}'
    if rule is None:
        return f"none matches `{search.name}`\n{path}"
    names = ", ".join(f"`{index}`" for index in rule.indexes)
    text = f"`{rule.pattern}` belongs to index {names}: {rule.key}\n{path}"
    if cause.code == "entry-expired" and rule.expires is not None:
        text += f"\nexpired at the end of {rule.expires.isoformat()} (UTC)"
    if cause.code == "version-not-allowed" and rule.versions is not None:
        text += f"\nallows {rule.versions}"
    if rule.reason:
        text += f"\nreason: {rule.reason}"
    return text


def _rule_of(run: Run, search: Search) -> str:
    for layer, rule in search.authority.rules:
        if layer.enforces:
            return _where(Finding("index-failed", layer, rule))
    return "no policy file says more" if run.built_in else "no rule"


def _where(finding: Finding) -> str:
    if finding.layer is None:
        return "built-in rule, no policy file"
    key = finding.key or ("no rule" if finding.rule is None else finding.rule.key)
    return f"{key} in {finding.layer.path}"


def _answer(page: Page) -> str:
    refusal = page.verdict.refusal
    if refusal is not None and not page.probing:
        return f"not asked ({refusal.code})"
    asked_for = " (for squatters only)" if page.probing else ""
    if page.answered is not None and page.asked is not None and not page.answered.is_at_or_under(page.asked):
        return f"answered from {page.shown_answer}{asked_for}"
    return f"{page.outcome}{asked_for}"


def _from(drop: Drop) -> str:
    if drop.page is None:
        return "of a file or link"
    answered = drop.page.shown_answer
    if drop.finding.code == "redirected" and answered is not None:
        return f"from {answered} by way of {drop.page.shown}"
    return f"from {drop.page.shown}"


def _kept(search: Search) -> str:
    if not search.kept:
        return "nothing"
    by_source: dict[str, set[str]] = {}
    for candidate in search.kept:
        page = search.page_of(candidate.link)
        by_source.setdefault("local files" if page is None else page.shown, set()).add(str(candidate.version))
    return "; ".join(f"{_versions(newest_first(versions))} from {source}" for source, versions in by_source.items())


def _versions(newest: Sequence[str]) -> str:
    if not newest:
        return "files"
    rest = f" and {len(newest) - _MANY} more" if len(newest) > _MANY else ""
    # Versions come from file names, and those from whoever wrote the page.
    return ", ".join(clean(version)[:_LONG] for version in newest[:_MANY]) + rest


def _hint(search: Search, cause: Finding) -> str | None:
    if cause.layer is None or cause.rule is None:
        return None
    indexes = [cause.layer.policy.index(name) for name in cause.rule.indexes]
    if cause.code == "index-not-configured":
        return "; or ".join(_option(index) for index in indexes)
    if cause.code in ("shadowed-name", "claimed-elsewhere", "redirected"):
        return f"publish `{search.name}` on index {' or '.join(f'`{index.name}`' for index in indexes)}" + (
            "; the public project of that name is not yours unless you registered it"
            if cause.code == "shadowed-name"
            else f"; {CODES[cause.code].remedy}"
            if cause.code == "redirected"
            else ""
        )
    return None


def _option(index: Index) -> str:
    url = index.urls[0]
    if url.scheme == "pypi":
        return f"have pip ask index `{index.name}`, its default one (no --no-index, no other --index-url in its place)"
    return f"have pip ask index `{index.name}`: --index-url {url}, or --extra-index-url {url}"
