"""What is said of one name: in one warning line, and in the explanation of a refusal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...audit.event import MAX_VERSIONS, EventFields
from ...codes import words_of
from ...decision.outcome import NOT_TO_BE_ASKED, find_failures, find_untold
from ...decision.verdict import Finding
from ...errors import (
    CLAIMED_ELSEWHERE,
    FILE_ELSEWHERE,
    HASH_CHANGED,
    INDEX_FAILED,
    INDEX_NOT_CONFIGURED,
    REDIRECTED,
    SHADOWED_NAME,
    TOKEN,
    TOO_YOUNG,
    TYPOSQUAT,
    UNKNOWN_INDEX,
    GuardError,
    clean,
    cut,
    join_key,
)
from ...policy.identity import redact
from ...policy.model import MAY_MEAN_ABSENT, Index
from ...versions import newest_first
from ..search.page import Drop, Page
from ..search.search import Search
from .events import kept_by, with_offers
from .near import find_hint_of_place, find_near
from .refusal import Refusal, place_of_rule, rule_in_words
from .speaker import Speaker

_MANY = 12
"""How many versions a message names."""
_LONG = 60
"""How many characters of each."""
_URL = 300
"""How many characters of a file's URL."""
_NO_FILE_FITS = "pip can use none of its files here (Python, platform, yanked, or a format that is ruled out)"


def warn_of_drops(speaker: Speaker, search: Search, *, refused_next: bool) -> None:
    """Print the name's one warning line, where files were dropped and pip goes on with others.

    :param refused_next: whether the run is refused if nothing is left: the refusal then says it all.
    """
    _warn_of_unasked(speaker, search)
    drops = [
        drop
        for drop in _enforced(search)
        if not drop.finding.is_known and not (refused_next and _is_idle(search, drop))
    ]
    parts = list(map(_dropped, drops))
    parts += [
        f"every other remote source, because {page.shown} {page.outcome} ({INDEX_FAILED})" for page in search.failed
    ]
    same = _same_files(search)
    if not (parts or same) or (refused_next and not search.kept):
        return
    rules = {place_of_rule(drop.finding) for drop in drops or _enforced(search)} or {_rule_of_failure(search)}
    dropped = [f"dropped {'; '.join(_some(parts))}"] if parts else []
    speaker.warn(f"indexguard: {search.name}: {'; '.join([*dropped, f'kept {_kept(search)}', *same, *sorted(rules)])}")


def warn_of_absence(speaker: Speaker, searches: Sequence[Search]) -> None:
    """Print one warning line that says for which names another index's files were used after one had answered 403."""
    names: dict[str, list[str]] = {}
    for search in searches:
        lacking = [page for page in search.pages if page.is_not_here]
        used = {id(search.page_of(candidate.link)) for candidate in search.kept} if lacking else ()
        if not any(id(page) in used for page in search.pages if not page.is_local):
            continue
        for page in lacking:
            names.setdefault(page.shown, []).append(search.name)
    told = [f"{index} answers 403 for {', '.join(sorted(set(found)))}" for index, found in names.items()]
    if told:
        speaker.warn(
            f"indexguard: {'; '.join(told)}, as for every name that it does not have: another index's files were used"
        )


def _warn_of_unasked(speaker: Speaker, search: Search) -> None:
    """Print one line for all indexes of a run that are asked for no name at all; each is told once."""
    unasked: dict[str, dict[str, None]] = {}
    for page in search.pages:
        refusal = page.verdict.refusal
        if refusal is None or refusal.code not in NOT_TO_BE_ASKED or page.was_asked:
            continue
        if speaker.is_new(refusal.code, page.url):
            layer = "" if refusal.layer is None else f", by {refusal.layer.path}"
            near = find_near(page, refusal.layer, search.name) if refusal.code == UNKNOWN_INDEX else None
            told = page.shown if near is None else f"{page.shown} ({near.difference})"
            unasked.setdefault(f"({refusal.code}{layer})", {})[told] = None
    for why, shown in unasked.items():
        what = "index" if len(shown) == 1 else f"{len(shown)} indexes:"
        verb = "is" if len(shown) == 1 else "are"
        speaker.warn(f"indexguard: {what} {', '.join(_some(list(shown)))} {verb} not asked {why}")


def refusal_of(search: Search, cause: Finding) -> Refusal:
    """Return the refusal of a name: what, by which rule (file and key), from which index, what was kept."""
    drops = [drop for drop in search.drops if drop.finding.enforced]
    pages = [page for page in search.pages if page.failure] if cause.code == INDEX_FAILED else []
    if cause.code == TYPOSQUAT:
        pages = [page for page in search.pages if page.verdict.refusal == cause]
    for drop in drops:
        if drop.page is not None:
            # The page of the cause comes first; without one, the page of what was dropped tells more than none.
            pages.insert(0 if drop.finding.code == cause.code else len(pages), drop.page)
    versions = set().union(*(drop.versions for drop in drops))
    fields = EventFields(
        name=search.name,
        versions=newest_first(versions, MAX_VERSIONS),
        more_versions=max(0, len(versions) - MAX_VERSIONS),
        files=sum(drop.files for drop in drops),
        index_asked=pages[0].shown if pages else None,
        index_answered=pages[0].shown_answer if pages else None,
        kept=kept_by(search),
    )
    facts = [
        *([("meant", f"perhaps {cause.meant}")] if cause.meant else []),
        *_asked(search),
        *_unfit(search),
        *(("refused", text) for text in _some([_dropped(drop) for drop in _enforced(search)])),
        ("kept", _kept(search)),
        *(("same file", text) for text in _same_files(search)),
    ]
    offered = [file for drop in drops for file in drop.offered]
    return Refusal(
        cause, search.name, facts, with_offers(fields, offered, fields.files, search.facts), _hint(search, cause)
    )


def find_explanations(searches: Sequence[Search]) -> list[GuardError]:
    """Return explanations for the names of which nothing is left, when pip failed without a refusal of ours."""
    found = []
    for search in searches:
        cause = None if search.kept else find_untold(search.met, offered=bool(_listing(search)))
        if cause is None:
            continue
        if any(drop.finding.enforced for drop in search.drops):
            found.append(refusal_of(search, cause).error)
        else:
            text = f"found no `{search.name}` where the policy lets pip look for it"
            facts = [("rule", rule_in_words(cause, search.name)), *_asked(search)]
            hint = find_hint_of_place(search, cause) or f"check the name; {words_of(cause.code).remedy}"
            found.append(GuardError(cause.code, text, facts, hint, search.name))
    return found


def _enforced(search: Search) -> list[Drop]:
    return [drop for drop in search.drops if drop.finding.enforced and (drop.files or drop.is_unseen)]


def _is_idle(search: Search, drop: Drop) -> bool:
    """Tell whether pip would hardly have taken what was dropped for what a policy asks of files: then the log tells."""
    if not drop.objections:
        return False
    from .files import is_passed_over

    return is_passed_over(search, drop)


def _same_files(search: Search) -> list[str]:
    """Say which files the name's own index and a squatter list alike: then one passes on, or has taken, the other's."""
    versions: dict[tuple[str, str], set[str]] = {}
    for same in search.same_files or ():
        if same.layer.enforces:
            versions.setdefault((same.own.shown, same.squatter.shown), set()).add(same.version)
    return [
        f"{_versions(found)} from {own} is the very file that {public} lists (same sha256): {own} passes"
        " public files on, or somebody published yours"
        for (own, public), found in versions.items()
    ]


def _asked(search: Search) -> list[tuple[str, str]]:
    by_answer: dict[str, int] = {}
    told = []
    for page in search.pages:
        answer = _answer(page)
        by_answer[answer] = by_answer.get(answer, 0) + 1
        if by_answer[answer] <= _MANY:
            told.append(("asked", f"{page.shown} {answer}"))
    more = ((answer, count - _MANY) for answer, count in by_answer.items() if count > _MANY)
    return told + [("asked", f"{count} more: {answer}") for answer, count in more]


def _unfit(search: Search) -> list[tuple[str, str]]:
    """Say what the name's own indexes list, and pip cannot use: for another Python or platform, or yanked."""
    if search.kept or search.failed:
        return []
    dropped = {id(drop.page) for drop in search.drops}
    own = [page for page in _listing(search) if id(page) not in dropped and not page.is_local]
    return [("unfit", f"{_all_versions(search, page)} from {page.shown}: {_NO_FILE_FITS}") for page in own]


def _listing(search: Search) -> list[Page]:
    """Return the pages of indexes that may serve the name, and that list files of it, fit for this Python or not."""
    return [page for page in search.pages if page.verdict.refusal is None and page.offered(search.name)]


def _all_versions(search: Search, page: Page) -> str:
    return _versions({version for version, _ in page.offered(search.name)})


def _rule_of_failure(search: Search) -> str:
    failures = find_failures(search.authority, built_in=False)
    return next((place_of_rule(failure) for failure in failures if failure.enforced), "no policy file says more")


def _answer(page: Page) -> str:
    refusal = page.verdict.refusal
    if refusal is not None and not page.probing:
        return f"{page.outcome} ({refusal.code})" if page.was_asked else f"not asked ({refusal.code})"
    asked_for = " (for squatters only)" if page.probing else ""
    if (
        page.links is not None
        and page.answered is not None
        and page.asked is not None
        and not page.answered.is_at_or_under(page.asked)
        and (page.shown_answer or "") not in (page.failure or "")
    ):
        why = f"{page.outcome}; it came" if page.failure else f"answered{page.wants}"
        return f"{why} from {page.shown_answer}{asked_for}"
    return f"{page.outcome}{asked_for}"


def _dropped(drop: Drop) -> str:
    what = "whatever it has" if drop.is_unseen and not drop.versions else _versions(drop.versions)
    # Where its files lie is what `files-from` is about: one of them tells.
    links = [link for _, link in drop.offered[:1]] if drop.finding.code == FILE_ELSEWHERE else []
    where = "".join(f", such as {cut(redact(link.url), _URL)}" for link in links)
    if drop.objections:
        from .files import detail_of

        where = f": {detail_of(drop)}"
    return f"{what} {_from(drop)} ({drop.finding.code}{where})"


def _from(drop: Drop) -> str:
    if drop.page is None:
        return "of a file or link"
    answered = drop.page.shown_answer
    if answered is not None and (drop.finding.code == REDIRECTED or drop.is_unseen):
        return f"from {answered} by way of {drop.page.shown}"
    return f"from {drop.page.shown}"


def _kept(search: Search) -> str:
    if not search.kept:
        return "nothing"
    by_source: dict[str, set[str]] = {}
    for page, versions in search.kept_versions.items():
        by_source.setdefault("local files" if page is None else page.shown, set()).update(versions)
    return "; ".join(f"{_versions(versions)} from {source}" for source, versions in by_source.items())


def _some(texts: list[str]) -> list[str]:
    return texts if len(texts) <= _MANY else [*texts[:_MANY], f"and {len(texts) - _MANY} more"]


def _versions(versions: Collection[str]) -> str:
    if not versions:
        return "files"
    rest = f" and {len(versions) - _MANY} more" if len(versions) > _MANY else ""
    # Versions come from file names, and those from whoever wrote the page.
    return ", ".join(cut(clean(version), _LONG) for version in newest_first(versions, _MANY)) + rest


def _hint(search: Search, cause: Finding) -> str | None:
    of_place = find_hint_of_place(search, cause)
    if cause.layer is None or cause.rule is None or (of_place is not None and cause.code != REDIRECTED):
        return of_place
    if cause.code == TOO_YOUNG:
        from .files import hint_of_age

        return hint_of_age(search)
    if cause.code == HASH_CHANGED:
        from .files import hint_of_content

        return hint_of_content(search)
    indexes = [cause.layer.policy.index(name) for name in cause.rule.indexes]
    if of_place is not None:  # it has moved, or forwards what it does not have
        forwards = "if it forwards names that it does not have"
        if cause.rule.pattern.is_catch_all:
            return f"{of_place}; {forwards}, {_hint_forwarding(search, indexes)}"
        return f"{of_place}; {forwards}, have it answer 404 instead (pypiserver: `--disable-fallback`)"
    if cause.code == INDEX_FAILED:
        return _hint_status(search, indexes)
    if cause.code in (INDEX_NOT_CONFIGURED, TYPOSQUAT):
        return find_hint(cause, search.name)
    if cause.code not in (SHADOWED_NAME, CLAIMED_ELSEWHERE, REDIRECTED):
        return None
    if cause.code == REDIRECTED and cause.rule.pattern.is_catch_all:
        return _hint_forwarding(search, indexes)
    return _hint_publishing(search, cause, indexes)


def _hint_publishing(search: Search, cause: Finding, indexes: Sequence[Index]) -> str:
    """Say what to do where the name's own index does not have what was asked for."""
    if any(index.public for index in indexes):
        # Anybody can publish there: what is internal must not be sent to it.
        key = "" if cause.rule is None else f" (its rule now: {cause.rule.key})"
        claim = f"if `{search.name}` is internal, claim it for your own index{key}"
        return f"check the name and the version that were asked for; {claim}"
    what = f"a file of `{search.name}` that fits" if _unfit(search) else f"`{search.name}`"
    if search.kept and not _unfit(search):
        what = f"another version of {what}"
    hint = f"publish {what} on index {_names(indexes)}"
    if search.kept and cause.code == CLAIMED_ELSEWHERE:
        return f"ask for a version that is there ({_kept(search)}), or {hint}"
    if cause.key:  # its own files are public ones
        return (
            f"have index {_names(indexes)} list no public files (no mirror, no pull-through), or {hint} that nobody has"
        )
    if cause.code == SHADOWED_NAME:
        return f"{hint}; the public project of that name is not yours unless you registered it"
    return f"{hint}; {words_of(cause.code).remedy}" if cause.code == REDIRECTED else hint


def _names(indexes: Sequence[Index]) -> str:
    return " or ".join(f"`{index.name}`" for index in indexes)


def find_hint(cause: Finding, name: str = "") -> str | None:
    """Return what to do that the rule alone tells; None where that is the remedy of the code.

    :param name: of the project.
    """
    if cause.layer is None or cause.rule is None:
        return None
    if cause.code == TYPOSQUAT:
        keys = " or ".join(f"{join_key('indexes', index)}.packages" for index in cause.rule.indexes)
        return (
            f"if another name was meant, ask for that; if `{name}` is right, add it by its own name to {keys} in "
            f"{cause.layer.path}"
        )
    if cause.code != INDEX_NOT_CONFIGURED:
        return None
    return "; or ".join(_option(cause.layer.policy.index(index)) for index in cause.rule.indexes)


def _hint_status(search: Search, indexes: Sequence[Index]) -> str | None:
    """Say what to do where an index may answer so for whatever it does not have, as object storage does."""
    failed = [page for page in search.failed if page.status in MAY_MEAN_ABSENT]
    names = [index.name for index in indexes if any(page.asked and index.serves(page.asked) for page in failed)]
    if not names:
        return None
    status = failed[0].status
    return (
        f"see whether pip's login for {failed[0].shown} is still valid; if that index answers {status} for whatever it "
        f"does not have, as object storage does, say so in the policy: `not-found-status = [{status}]` at "
        f"{join_key('indexes', names[0])}"
    )


def _hint_forwarding(search: Search, indexes: Sequence[Index]) -> str:
    """Say what to do where the one index that pip has forwards all names that it does not hold: a common set-up."""
    names = " or ".join(f"`{index.name}`" for index in indexes)
    places = [page.led_to for page in search.pages if page.led_to is not None]
    # The page that it led to is that of the name: what stands before it is the index.
    shown = ", ".join(f"{redact(url).rstrip('/').rpartition('/')[0]}/" for url in places) or "URL"
    return (
        f"add that other index to pip.conf (`extra-index-url = {shown}`) and to the policy, where {names} keeps its own "
        f'names; give it `packages = ["*"]`; and have {names} answer 404 instead of forwarding (pypiserver: '
        "`--disable-fallback`)"
    )


def _option(index: Index) -> str:
    url = index.urls[0]
    if url.scheme == "pypi":
        return (
            f"have pip ask index `{index.name}`, its default one (no --no-index, no other --index-url in its place: "
            "another index goes into --extra-index-url)"
        )
    yours = f", with your own secret in the place of {TOKEN}" if TOKEN in url.segments else ""
    return f"have pip ask index `{index.name}`: --index-url {url}, or --extra-index-url {url}{yours}"
