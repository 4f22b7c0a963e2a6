"""One audit event: a flat record of one decision, whose fields never change their meaning (schema version 1).

Every text that an index, an environment or a command line may have supplied is redacted, escaped and bounded here, so
that one line stays one line, of a bounded size, whatever an index sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .. import __version__
from ..decision.authority import UNKNOWN, Origin
from ..decision.verdict import Finding
from ..errors import CODES, escape
from ..policy.identity import redact
from ..tuples import NamedTuple
from .kinds import EventKind
from .redaction import MAX_NAME, bounded, redact_text
from .run_context import RunContext

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
    uploaded: datetime | None = None
    """When, in UTC; None where the page does not tell, or no policy asks something of files. Then an event has no word of
    it; the same for what follows."""
    attested: bool | None = None
    """Whether the page gives an attestation."""


class EventFields(NamedTuple):
    """What an event says beside its kind and code."""

    name: str | None = None
    """The normalised project name; None where no name is concerned."""
    versions: Sequence[str] = ()
    """The versions that the event is about, the newest first."""
    more_versions: int = 0
    """How many there are beside them."""
    files: int = 0
    """How many files it is about."""
    index_asked: str | None = None
    """The URL that pip is configured with; credentials are taken out in the event."""
    index_answered: str | None = None
    """The URL that the page came from."""
    kept: Sequence[str] | None = None
    """The versions that remain; None where that is not known."""
    finding: Finding | None = None
    """The objection, which names layer and rule."""
    message: str = ""
    offered: Sequence[Offer] = ()
    """The files that the event is about, those of the newest versions first; in ``selected`` they are only counted."""
    more_offered: int = 0
    """How many there are beside them."""
    same_file: Sequence[str] = ()
    """Names of the files that the name's own index and a public one list with one sha256."""
    chosen: tuple[Offer, str | None] | None = None
    """The file that pip chose, and the index that lists it; None for the index of one that none lists."""
    origin: Origin = UNKNOWN
    """Whether that is the name's own index, and by which rule."""
    requested_by: Sequence[str] = ()
    """The names of the requirements that led to this one, the user's own first."""
    squat: Mapping[str, Any] | None = None
    """Of files that squat a name, how they compare with those of its own index: ``own_newest``, ``newest``, ``above``,
    ``jump``, ``oldest_upload``, ``newest_upload``, ``first_seen``."""
    rivals: tuple[Sequence[tuple[Offer, str]], str] = ((), "")
    """Files of the chosen version that other indexes list, each with its index; and why pip took the chosen one."""
    seal: Mapping[str, int | None] | None = None
    """Of a run that is over: ``events``, ``exit``."""


NO_FIELDS = EventFields()


def build_event(
    context: RunContext, seq: int, event: EventKind, code: str | None, fields: EventFields = NO_FIELDS
) -> dict[str, Any]:
    """Return one event, ready for ``json.dumps``; the writer adds ``prev``.

    :param seq: the number of the event in its run, from 1.
    :param code: one of ``errors.CODES``; None for ``selected``.
    :raises KeyError: ``code`` is not one of them.
    """
    if code is not None and code not in CODES:
        raise KeyError(code)
    return {
        "schema": SCHEMA,
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "run": context.run,
        "seq": seq,
        "event": event,
        "code": code,
        "name": bounded(fields.name, MAX_NAME),
        "versions": [bounded(version, MAX_NAME) for version in fields.versions[:MAX_VERSIONS]],
        "more_versions": fields.more_versions + max(0, len(fields.versions) - MAX_VERSIONS),
        "files": fields.files,
        "index_asked": _url(fields.index_asked),
        "index_answered": _url(fields.index_answered),
        "kept": None if fields.kept is None else [bounded(version, MAX_NAME) for version in fields.kept[:MAX_VERSIONS]],
        "offered": [_offer(offer) for offer in fields.offered[:MAX_VERSIONS]],
        "more_offered": fields.more_offered + max(0, len(fields.offered) - MAX_VERSIONS),
        "same_file": [bounded(redact_text(name), MAX_NAME) for name in fields.same_file[:MAX_VERSIONS]],
        "chosen": _chosen(fields),
        "squat": None if fields.squat is None else _bound_texts(fields.squat),
        "requested_by": [bounded(parent, MAX_NAME) for parent in fields.requested_by[:MAX_CHAIN]],
        "rule": _rule(fields.finding or fields.origin),
        "policy": [
            {"layer": layer.kind, "file": escape(layer.path), "sha256": layer.sha256, "mode": layer.policy.mode}
            for layer in context.policy
        ],
        "message": bounded(redact_text(fields.message), MAX_TEXT),
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
        "seal": None if fields.seal is None else dict(fields.seal),
        "drill": context.drill,
    }


def _rule(found: Finding | Origin) -> dict[str, Any] | None:
    """Name the layer that objected or judged, and its rule; pattern is None where no rule matches the name."""
    if found.layer is None:
        return None
    rule = found.rule
    key = found.key if isinstance(found, Finding) else ""
    return {
        "layer": found.layer.kind,
        "file": escape(found.layer.path),
        "key": key or (None if rule is None else escape(rule.key)),
        "pattern": None if rule is None else str(rule.pattern),
        "indexes": [] if rule is None else [escape(index) for index in rule.indexes],
    }


def _bound_texts(told: Mapping[str, Any]) -> dict[str, Any]:
    # Versions come from file names, and those from whoever wrote the page.
    return {key: bounded(value, MAX_NAME) if isinstance(value, str) else value for key, value in told.items()}


def _chosen(fields: EventFields) -> dict[str, Any] | None:
    if fields.chosen is None:
        return None
    offer, index = fields.chosen
    rivals = [{**_offer(each), "index": _url(other)} for each, other in fields.rivals[0][:MAX_VERSIONS]]
    more = {"rivals": rivals, "why": bounded(fields.rivals[1], MAX_TEXT)} if rivals else {}
    return {**_offer(offer), "index": _url(index), "origin": fields.origin.word, **more}


def _offer(offer: Offer) -> dict[str, Any]:
    told: dict[str, Any] = {} if offer.attested is None else {"attested": offer.attested}
    if offer.uploaded is not None:
        told["uploaded"] = f"{offer.uploaded.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    return {
        "version": bounded(offer.version, MAX_NAME),
        "file": bounded(redact_text(offer.file), MAX_NAME),
        "hash": bounded(offer.hash, MAX_NAME),
        "url": bounded(redact(offer.url), MAX_OFFER_URL),
        **told,
    }


def _url(url: str | None) -> str | None:
    return None if url is None else bounded(redact(url), MAX_TEXT)
