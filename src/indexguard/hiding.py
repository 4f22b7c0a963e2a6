"""Secrets that stand in the path of URLs (``{token}`` in a policy) are neither shown nor logged.

Loaded with the first policy that has one. What is hidden is kept for the whole process: to hide too much is a nuisance.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, unquote

from .errors import TOKEN

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30})://(?P<host>[^/?#\s\"'`<>]*)(?P<path>/[^?#\s\"'`<>]*)")
_SEGMENT = re.compile(r"[^/]+")
_PORT = re.compile(r":([0-9]*)$")
_WEB = 443
_PORTS = {"http": _WEB, "ssh": 22, "git": 9418, "svn": 3690, "sftp": 22}
_ONE = {80: _WEB}
"""The ports of one host's web servers are taken for one: a secret is one by http too."""
_LOOPBACK = re.compile(r"localhost\.?|\[::1\]|127(?:\.[0-9]{1,3}){3}")
_LONG = 8
"""From how many characters on a secret is hidden within a word, too."""
_MOST = 1000

_places: set[tuple[str, int, int]] = set()
"""Host, port, and the number of the segment."""
_literals: set[str] = set()
"""What policies themselves write in such URLs: no secret."""
_secrets: dict[str, None] = {}


def add_place(scheme: str, host: str, port: int, segments: Sequence[str]) -> None:
    """Have the segments of all URLs of a scheme, host and port hidden that stand where these are a token.

    :param segments: of a policy's URL.
    """
    name = _name_host(host)
    for number, segment in enumerate(segments):
        if segment == TOKEN:
            _places.add((name, _ONE.get(port, port) or _PORTS.get(scheme, _WEB), number))
    add_literals(segments)


def add_literals(segments: Iterable[str]) -> None:
    """Note what a policy writes in a URL: no secret."""
    _literals.update(segments)


def learn(texts: Iterable[str]) -> None:
    """Note the secrets in the URLs of texts: from now on they are hidden wherever they stand."""
    for text in texts:
        for found in _URL.finditer(text):
            for follows, secret in _find_secrets(found):
                if follows and len(_secrets) < _MOST:
                    forms = (secret, unquote(secret), quote(unquote(secret), safe=""))
                    _secrets.update(dict.fromkeys(form for form in forms if form))


def hide(value: Any) -> Any:
    """Return a text, or a value of JSON, without secrets; keys stay."""
    learn((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str),))
    return _hide(value)


def _hide(value: Any) -> Any:
    if isinstance(value, str):
        return _hide_in_text(value)
    if isinstance(value, dict):
        return {key: _hide(each) for key, each in value.items()}
    return [_hide(each) for each in value] if isinstance(value, (list, tuple)) else value


def _hide_in_text(text: str) -> str:
    text = _URL.sub(_hide_in_url, text)
    for secret in sorted(_secrets, key=len, reverse=True):
        if secret in text:
            before, behind = ("", "") if len(secret) >= _LONG else (r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])")
            text = re.sub(f"{before}{re.escape(secret)}{behind}", TOKEN, text)
    return text


def _hide_in_url(found: re.Match[str]) -> str:
    path = found["path"]
    for _, secret in _find_secrets(found):
        # Every segment of that text: where a secret stands twice, it is one.
        path = "/".join(TOKEN if segment == secret else segment for segment in path.split("/"))
    return f"{found['scheme']}://{found['host']}{path}"


def _find_secrets(found: re.Match[str]) -> list[tuple[bool, str]]:
    """Return the secrets of a URL, as they are written, each with whether something follows it."""
    authority = found["host"].rpartition("@")[2].lower()
    port = _PORT.search(authority)
    scheme = found["scheme"].lower().rpartition("+")[2]
    number = int(port[1][:6]) if port and port[1] else _PORTS.get(scheme, _WEB)
    place = (_name_host(_PORT.sub("", authority)), _ONE.get(number, number))
    wanted = {it[2] for it in _places if it[:2] == place}
    if not wanted:
        return []
    # By each reading: as it is written, and with its dot segments resolved.
    written = _SEGMENT.findall(found["path"])
    resolved: list[str] = []
    for segment in written:
        plain = unquote(segment)
        if plain == "..":
            del resolved[-1:]
        elif plain != ".":
            resolved.append(segment)
    told = {(it + 1 < len(path), path[it]) for path in (written, resolved) for it in wanted if it < len(path)}
    public = {"..", ".", TOKEN, *_literals}
    return [(follows, segment) for follows, segment in told if unquote(segment) not in public]


def _name_host(host: str) -> str:
    return "localhost" if _LOOPBACK.fullmatch(host) else host.rstrip(".")
