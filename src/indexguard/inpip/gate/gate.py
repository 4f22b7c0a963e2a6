"""The gate for everything that goes round the finder: direct references, lock files, editable projects, cached wheels.

pip prepares each distribution through ``RequirementPreparer``, whichever way it came. A name that the policy claims is
prepared only if the finder approved that very link, or a direct reference is allowed.
"""

from __future__ import annotations

from typing import Any, Callable

from ...decision.verdict import Finding, Verdict
from ...errors import CODES, GuardError, clean, escape
from ...patterns import Name, find_version
from ...policy.identity import find_reference, redact
from ..run import Run
from ..search.page import Page
from ..speech import events
from . import references
from .distributions import name_of, names_in, names_in_wheel, parents_of

Wrapper = Callable[[Any, Any, Any, Any], Any]

_CODE_HAS_RUN = "its name was known only after it was fetched: code of its build has run"
_UNNAMED = Name("")
"""Stands for a name that is not yet known: no pattern but `*` matches it."""


def wrap_prepare(run: Run) -> Wrapper:
    """Judge a requirement before anything of it is fetched, and the name in its metadata afterwards."""

    def prepare(wrapped: Any, _preparer: Any, args: Any, kwargs: Any) -> Any:
        requirement = _requirement(*args, **kwargs)
        if requirement.link is None:
            return wrapped(*args, **kwargs)
        run.preparing.append(requirement)
        try:
            if is_approved(run, requirement):
                return _prepare_approved(run, requirement, lambda: wrapped(*args, **kwargs))
            return _prepare_reference(run, requirement, lambda: wrapped(*args, **kwargs))
        finally:
            run.preparing.pop()

    return prepare


def _prepare_approved(run: Run, requirement: Any, prepare: Callable[[], Any]) -> Any:
    name = name_of(requirement)
    approval = None if name is None else _find_approval(run, name, requirement.link)
    if name is not None and approval is not None and (approval[1] is None or approval[1].is_local):
        # A file that a lock, a --find-links option or a local page names: a requested direct URL.
        references.watch(run, requirement, name, requested=True)
    distribution = prepare()
    _check_names(run, requirement, name, names_in(distribution))
    _check_version(run, requirement, name, distribution)
    return distribution


def _prepare_reference(run: Run, requirement: Any, prepare: Callable[[], Any]) -> Any:
    name = name_of(requirement)
    # Without a name, what rules by URL or place alone can say comes before anything is fetched or run.
    reference = _check_reference(run, requirement, name or _UNNAMED)
    distribution = prepare()
    if name is None:
        # An unnamed VCS URL or archive: only now is its name known, and its build backend may have run.
        for found in sorted(names_in(distribution)):
            _check_reference(run, requirement, found, late=True)
            if reference is not None:
                for url in reference.hops:
                    _check_hop(run, reference, url, found, late=True)
    _check_names(run, requirement, name or name_of(requirement), names_in(distribution))
    return distribution


def check_redirect(run: Run, reference: references.Reference, url: str) -> None:
    """Judge a place that the download of a reference is led to, before it is asked.

    :raises Exception: pip's own error, made from a ``GuardError``.
    """
    _check_hop(run, reference, url, reference.name)


def _check_hop(run: Run, reference: references.Reference, url: str, name: Name, *, late: bool = False) -> None:
    verdict = reference.judge(run, url, name)
    fields = {"name": name or None, "index_asked": _shown(reference.requirement.link), "index_answered": redact(url)}
    run.record_verdict(Verdict(verdict.observed), "would-refuse", **fields)
    refusal = verdict.refusal
    if refusal is not None:
        error = _explain(run, reference.requirement, name, refusal, led_to=redact(url), late=late)
        raise run.refuse(error, finding=refusal, files=1, message=_logged(error, late=late), **fields)


def wrap_prepare_whole(run: Run) -> Wrapper:
    """Check the name in a file that is fetched late, after its metadata alone (PEP 658, ``fast-deps``).

    The metadata beside a file is the index's word, and need not be what the file holds.
    """

    def prepare_whole(wrapped: Any, _preparer: Any, args: Any, kwargs: Any) -> Any:
        requirement = _requirement(*args, **kwargs)
        name = name_of(requirement)
        distribution = wrapped(*args, **kwargs)
        if requirement not in run.preparing:
            _check_names(run, requirement, name, names_in(distribution))
            _check_version(run, requirement, name, distribution)
        return distribution

    return prepare_whole


def wrap_get_cache_entry(run: Run) -> Wrapper:
    """Note which link a cached wheel was built from: pip itself keeps that from 26.3 on only."""

    def get_cache_entry(wrapped: Any, _cache: Any, args: Any, kwargs: Any) -> Any:
        entry = wrapped(*args, **kwargs)
        if entry is not None:
            run.built_from[entry.link.url] = _cached_link(*args, **kwargs)
        return entry

    return get_cache_entry


def wrap_resolve(run: Run) -> Wrapper:
    """Note what the user requested, have refusals end the run while pip resolves, and record what was selected."""

    def resolve(wrapped: Any, _resolver: Any, args: Any, kwargs: Any) -> Any:
        references.note_requested(run, _root_requirements(*args, **kwargs))
        run.resolving += 1
        try:
            resolved = wrapped(*args, **kwargs)
        finally:
            run.resolving -= 1
        for requirement in resolved.requirements.values():
            _record_selected(run, requirement)
        return resolved

    return resolve


def wrap_installation_order(run: Run) -> Wrapper:
    """Check the names in the wheels that are about to be installed, before the first one is.

    A wheel that was built here, or before, is a file of its own: its metadata need not be what its sdist said.
    """

    def get_installation_order(wrapped: Any, _resolver: Any, args: Any, kwargs: Any) -> Any:
        ordered = wrapped(*args, **kwargs)
        for requirement in ordered:
            path = getattr(requirement, "local_file_path", None)
            if path is not None and path.endswith(".whl"):
                _check_names(run, requirement, name_of(requirement), names_in_wheel(path))
        return ordered

    return get_installation_order


def is_approved(run: Run, requirement: Any) -> bool:
    """Tell whether the finder approved the link of a requirement, or the link that its cached wheel was built from."""
    name = name_of(requirement)
    if name is None:
        return False
    return _find_approval(run, name, _source_of(run, requirement)) is not None


def _find_approval(run: Run, name: Name, link: Any) -> tuple[Any, Page | None] | None:
    for search in run.searches(name):
        for candidate in search.kept:
            if candidate.link is link or candidate.link.url == link.url:
                return candidate, search.page_of(candidate.link)
    return None


def _check_reference(run: Run, requirement: Any, name: Name, *, late: bool = False) -> references.Reference | None:
    """Judge a reference that no index gave; return it where its download is watched.

    :raises Exception: pip's own error, made from a ``GuardError``.
    """
    if not run.layers:
        return None
    link = _source_of(run, requirement)
    place = find_reference(link.url)
    requested = references.is_requested(run, requirement, link)
    if link.url in run.locked:
        version = find_version(link.filename, name) or ""
        verdict = run.authority(name).locked(run.locate_locked(link.url), version, place)
    else:
        verdict = run.authority(name).direct(place, requested=requested)
    shown = _shown(link)
    run.record_verdict(Verdict(verdict.observed), "would-refuse", name=name or None, index_asked=shown)
    refusal = verdict.refusal
    if refusal is not None:
        error = _explain(run, requirement, name, refusal, late=late)
        message = _logged(error, late=late)
        raise run.refuse(error, name=name or None, index_asked=shown, finding=refusal, files=1, message=message)
    if requested and place is not None and place.is_local:
        run.requested.add(link.url)  # what a requested local project brings is requested, and so on
    return references.watch(run, requirement, name, requested=requested or link.url in run.locked)


def _check_names(run: Run, requirement: Any, expected: Name | None, names: set[Name]) -> None:
    """Check that the distribution's own metadata names the project that was authorised.

    :param expected: the name that was judged. With the legacy resolver pip gives a requirement the name in the metadata
        of what it prepared ("Fix your #egg= fragments"), so that afterwards the two are always alike.
    :raises Exception: pip's own error, made from a ``GuardError`` (``name-mismatch``).
    """
    others = sorted(names - {expected})
    if expected is None or not others or not (run.layers or run.built_in):
        return
    finding = _first_finding(run, expected)
    error = GuardError(
        "name-mismatch",
        f"refused `{escape(expected)}`: {CODES['name-mismatch'].meaning}",
        [
            ("asked for", escape(expected)),
            ("metadata", ", ".join(map(escape, others))),
            ("file", _shown(requirement.link)),
        ],
    )
    if finding is None or finding.enforced:
        raise run.refuse(error, name=expected, index_asked=_shown(requirement.link), finding=finding, files=1)
    run.record_finding(finding, "refused", name=expected, index_asked=_shown(requirement.link), files=1)


def _check_version(run: Run, requirement: Any, name: Name | None, distribution: Any) -> None:
    """Check the version that the metadata tells: the legacy resolver does not compare it with the file's name.

    :param name: the name that was judged.
    :raises Exception: pip's own error, made from a ``GuardError`` (``version-not-allowed``).
    """
    approval = None if name is None else _find_approval(run, name, _source_of(run, requirement))
    version = str(distribution.version)
    if name is None or approval is None or approval[1] is None or approval[1].is_local:
        return  # a version range is for the files of indexes
    if str(approval[0].version) == version:
        return
    shown = _shown(requirement.link)
    verdict = run.authority(name).version(version)
    run.record_verdict(Verdict(verdict.observed), "would-refuse", name=name, versions=[version], index_asked=shown)
    refusal = verdict.refusal
    if refusal is not None and refusal.layer is not None and refusal.rule is not None:
        facts = [
            ("rule", f"{refusal.rule.key} allows {refusal.rule.versions}\n{refusal.layer.path}"),
            ("metadata", clean(version)),
            ("file", shown),
        ]
        error = GuardError(refusal.code, f"refused `{name}`: {CODES[refusal.code].meaning}", facts)
        raise run.refuse(error, name=name, versions=[version], index_asked=shown, finding=refusal, files=1)


def _first_finding(run: Run, name: Name) -> Finding | None:
    findings = [Finding("name-mismatch", layer, rule) for layer, rule in run.authority(name).rules]
    findings.sort(key=lambda finding: not finding.enforced)
    return findings[0] if findings else None


def _explain(
    run: Run, requirement: Any, name: Name, refusal: Finding, *, late: bool, led_to: str | None = None
) -> GuardError:
    shown = _shown(_source_of(run, requirement))
    facts = []
    if refusal.layer is not None:
        facts.append(("rule", f"{_decisive_key(refusal)}\n{refusal.layer.path}"))
    facts.append(("reference", shown))
    if led_to is not None:
        facts.append(("redirected", f"to {led_to}"))
    parent = requirement.comes_from
    if parent is not None:
        facts.append(("asked for by", escape(str(getattr(parent, "name", None) or parent))))
    if late:
        facts.append(("note", _CODE_HAS_RUN))
    return GuardError(refusal.code, f"refused `{escape(name) or shown}`: {CODES[refusal.code].meaning}", facts)


def _logged(error: GuardError, *, late: bool) -> str:
    return f"{error.refused}; {_CODE_HAS_RUN}" if late else error.refused


def _decisive_key(refusal: Finding) -> str:
    if refusal.key or refusal.rule is None:
        return f'{refusal.key} = "block"'
    rule = refusal.rule
    indexes = ", ".join(f"`{index}`" for index in rule.indexes)
    uncovered = (
        "\nno prefix in direct-urls.allow covers the URL" if refusal.code in ("direct-url", "locked-link") else ""
    )
    return f"`{rule.pattern}` belongs to index {indexes}: {rule.key}{uncovered}"


def _record_selected(run: Run, requirement: Any) -> None:
    link = requirement.link
    name = name_of(requirement)
    if link is None or name is None or requirement.constraint:
        return
    source = _source_of(run, requirement)
    approval = _find_approval(run, name, source)
    candidate, page = approval if approval is not None else (None, None)
    version = str(candidate.version) if candidate is not None else find_version(link.filename, name)
    digest = f" {source.hash_name}={source.hash}" if source.hash else ""
    left = next((search.left for search in run.searches(name) if search.kept), [])
    run.record(
        "selected",
        None,
        name=name,
        versions=[version] if version else [],
        files=1,
        index_asked=page.shown if page is not None else _shown(source),
        index_answered=page.shown_answer if page is not None else None,
        **events.offers(left),
        chosen=(events.as_offer(version or "", source), None if page is None else page.shown),
        requested_by=parents_of(requirement),
        message=f"{escape(source.filename)}{digest}",
    )


def _source_of(run: Run, requirement: Any) -> Any:
    """Return the link that a requirement comes from; pip replaces it by that of a wheel built from it before."""
    return run.built_from.get(requirement.link.url, requirement.link)


def _shown(link: Any) -> str:
    return redact(link.url)


def _requirement(req: Any, *_args: Any, **_kwargs: Any) -> Any:
    return req


def _cached_link(link: Any, *_args: Any, **_kwargs: Any) -> Any:
    return link


def _root_requirements(root_reqs: Any, *_args: Any, **_kwargs: Any) -> Any:
    return root_reqs
