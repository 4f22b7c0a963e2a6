"""One audit event: a flat record of one decision, whose fields never change their meaning (schema version 1).

Every text that an index, an environment or a command line may have supplied is redacted, escaped and bounded here, so
that one line stays one line, of a bounded size, whatever an index sends.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from .. import __version__
from ..decision.verdict import Finding
from ..errors import CODES, escape
from ..policy.identity import redact
from .kinds import EventKind
from .redaction import MAX_NAME, bounded, redact_text
from .run_context import RunContext

if sys.platform != "win32":
    pass

SCHEMA = 1
"""The version of the fields below. It changes when a field changes its meaning or goes; a new field does not count."""


MAX_VERSIONS = 50
"""How many versions an event lists; ``more_versions`` counts the others. The same for files: ``more_offered``."""
MAX_CHAIN = 50
"""How many names of a chain of requirements."""
MAX_TEXT = 2000
"""Characters of a message or a URL."""
MAX_OFFER_URL = 500
"""Characters of the URL of a file."""


class Offer(NamedTuple):
    """One file of an index."""

    version: str
    file: str
    hash: str | None
    """Such as ``sha256:1f0a...``, as the index gives it; None if it gives none."""
    url: str
    """Credentials are taken out in the event."""


def build_event(
    context: RunContext,
    seq: int,
    event: EventKind,
    code: str | None,
    *,
    name: str | None = None,
    versions: Sequence[str] = (),
    files: int = 0,
    index_asked: str | None = None,
    index_answered: str | None = None,
    kept: Sequence[str] | None = None,
    finding: Finding | None = None,
    message: str = "",
    offered: Sequence[Offer] = (),
    more_offered: int = 0,
    chosen: tuple[Offer, str | None] | None = None,
    requested_by: Sequence[str] = (),
    seal: Mapping[str, int | None] | None = None,
) -> dict[str, Any]:
    """Return one event, ready for ``json.dumps``; the writer adds ``prev``.

    :param seq: the number of the event in its run, from 1.
    :param code: a key of ``errors.CODES``; None for ``selected``.
    :param name: the normalised project name; None where no name is concerned.
    :param versions: the versions that the event is about, the newest first.
    :param files: how many files it is about.
    :param index_asked: the URL that pip is configured with; credentials are taken out here.
    :param index_answered: the URL that the page came from.
    :param kept: the versions that remain; None where that is not known.
    :param finding: the objection, which names layer and rule.
    :param offered: the files that the event is about, those of the newest versions first.
    :param more_offered: how many there are beside them.
    :param chosen: the file that pip chose, and the index that lists it; None for the index of one that none lists.
    :param requested_by: the names of the requirements that led to this one, the user's own first.
    :param seal: of a run that is over: ``events``, ``exit``.
    :raises KeyError: ``code`` is not one of ``CODES``.
    """
    return {
        "schema": SCHEMA,
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "run": context.run,
        "seq": seq,
        "event": event,
        "code": None if code is None else str(CODES[code]),
        "name": bounded(name, MAX_NAME),
        "versions": [bounded(version, MAX_NAME) for version in versions[:MAX_VERSIONS]],
        "more_versions": max(0, len(versions) - MAX_VERSIONS),
        "files": files,
        "index_asked": _url(index_asked),
        "index_answered": _url(index_answered),
        "kept": None if kept is None else [bounded(version, MAX_NAME) for version in kept[:MAX_VERSIONS]],
        "offered": [_offer(offer) for offer in offered[:MAX_VERSIONS]],
        "more_offered": more_offered + max(0, len(offered) - MAX_VERSIONS),
        "chosen": None if chosen is None else {**_offer(chosen[0]), "index": _url(chosen[1])},
        "requested_by": [bounded(parent, MAX_NAME) for parent in requested_by[:MAX_CHAIN]],
        "rule": _rule(finding),
        "policy": [
            {"layer": layer.kind, "file": escape(layer.path), "sha256": layer.sha256, "mode": layer.policy.mode}
            for layer in context.policy
        ],
        "message": bounded(redact_text(message), MAX_TEXT),
        "guard": __version__,
        "pip": bounded(context.pip, MAX_NAME),
        "python": context.python,
        "executable": escape(context.executable),
        "prefix": escape(context.prefix),
        "user": escape(context.user),
        "host": escape(context.host),
        "pid": context.pid,
        "ppid": context.ppid,
        "parent_run": context.parent_run,
        "cwd": escape(context.cwd),
        "command": list(context.command),
        "ci": None if context.ci is None else dict(context.ci),
        "seal": None if seal is None else dict(seal),
    }


def _rule(finding: Finding | None) -> dict[str, Any] | None:
    """Name the layer that objected, and its rule; pattern is None where no rule matches the name."""
    if finding is None or finding.layer is None:
        return None
    rule = finding.rule
    return {
        "layer": finding.layer.kind,
        "file": escape(finding.layer.path),
        "key": finding.key or (None if rule is None else escape(rule.key)),
        "pattern": None if rule is None else str(rule.pattern),
        "indexes": [] if rule is None else [escape(index) for index in rule.indexes],
    }


def _offer(offer: Offer) -> dict[str, str | None]:
    return {
        "version": bounded(offer.version, MAX_NAME),
        "file": bounded(redact_text(offer.file), MAX_NAME),
        "hash": bounded(offer.hash, MAX_NAME),
        "url": bounded(redact(offer.url), MAX_OFFER_URL),
    }


def _url(url: str | None) -> str | None:
    return None if url is None else bounded(redact(url), MAX_TEXT)
