"""One line of the audit log: an event as bytes, and its link to the line before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def encode(event: Mapping[str, Any]) -> bytes:
    """Return an event as JSON in one line, pure ASCII."""
    return json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def link(body: bytes, head: str | None) -> bytes:
    """Return the line of an event, with the digest of the line that it stands behind as its last key.

    :param body: the event as JSON.
    :param head: None where there is no such line, or where it is not known.
    """
    told = b"null" if head is None else b'"' + head.encode("ascii") + b'"'
    return body[:-1] + (b"," if len(body) > len("{}") else b"") + b'"prev":' + told + b"}"


def digest(line: bytes) -> str:
    """Return what the next line says of this one: the SHA-256 of its bytes without the newline, hexadecimal."""
    return hashlib.sha256(line).hexdigest()
