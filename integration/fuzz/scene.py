"""What an input means to the page targets, and what is promised of it.

Three bytes choose who serves the page, the policy, the name, status and headers; then come, where the choice asks for
them, a line with a place to redirect to and a line for the content type; the rest is the page.
"""

from __future__ import annotations

import importlib
import json
import posixpath
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from indexguard.patterns import normalise_name

from .promises import check, check_printable
from .stage import CORP, PUBLIC, Answer, Played, Stage

HTML_TYPES = (
    "text/html",
    "text/html; charset=utf-8",
    "text/html; charset=LINE",
    "application/vnd.pypi.simple.v1+html",
    "application/vnd.pypi.simple.v1+html; charset=LINE",
    "LINE",
)
JSON_TYPES = ("application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.v1+json; charset=LINE")
"""``LINE`` stands for a line of the input."""
_PLACES = ("public", "corp", "both", "redirect")
"""Who serves the page; ``redirect``: where corp leads to."""
_POLICIES = ("enforce", "enforce", "audit", "none")
_CLAIMED = ("acme-core", "ledger", "acme")
_NAMES = (*_CLAIMED, "foo")
_SPECIFIERS = ("", ">=2")
_STATUSES = (200, 200, 200, 404, 503)
_ENCODINGS = ("", "", "", "gzip", "deflate")
_CORP_NEWEST, _CORP_OLDEST, _PUBLIC_ONLY = "2.5", "1.0", "99.0"


class Scene(NamedTuple):
    """One look-up."""

    place: str
    policy: str
    name: str
    specifier: str
    location: str
    page: Answer

    def web(self, url: str) -> Answer:
        """Answer a request."""
        public, corp = f"{PUBLIC}{self.name}/", f"{CORP}{self.name}/"
        if self.place == "redirect":
            if url == corp:
                return Answer(b"", {"Location": self.location}, 302)
            is_page = url != public
        else:
            is_page = self.place == "both" or (self.place == "public") == (url == public)
        return self.page if is_page else _good_page(url)


def read_scene(data: bytes, types: tuple[str, ...]) -> Scene:
    """Read an input; every input is a scene.

    :param types: the content types to choose from.
    """
    who, what, how = data[:3].ljust(3, b"\0")
    rest = data[3:]
    place, location = _PLACES[who % 4], ""
    if place == "redirect":
        location, rest = _take_line(rest)
    content_type = types[how % 8 % len(types)]
    if "LINE" in content_type:
        line, rest = _take_line(rest)
        content_type = content_type.replace("LINE", line)
    headers = {"Content-Type": content_type}
    encoding = _ENCODINGS[how // 8 % 5]
    if encoding:
        headers["Content-Encoding"] = encoding
    page = Answer(rest, headers, _STATUSES[how // 40 % 5])
    return Scene(place, _POLICIES[who // 4 % 4], _NAMES[what % 4], _SPECIFIERS[what // 4 % 2], location, page)


def write_scene(page: bytes, who: int, what: int, content_type: int, *, location: str = "", line: str = "") -> bytes:
    """Return the input of a page that is served with status 200 and not compressed.

    :param who: 0 to 15: place and policy.
    :param what: 0 to 7: name and specifier.
    :param content_type: its number among the types.
    :param location: where a redirect leads to; it counts only where ``who`` says so.
    :param line: stands for ``LINE`` in the content type, if that holds it.
    """
    lines = [location] * (_PLACES[who % 4] == "redirect") + [line] * bool(line)
    return bytes((who, what, content_type)) + "".join(f"{text}\n" for text in lines).encode("latin-1") + page


def _take_line(data: bytes) -> tuple[str, bytes]:
    line, _, rest = data.partition(b"\n")
    return line.decode("latin-1").replace("\r", ""), rest


def _good_page(url: str) -> Answer:
    name = url.rstrip("/").rpartition("/")[2].replace("-", "_")
    versions = (_CORP_OLDEST, _CORP_NEWEST) if url.startswith(CORP) else (_PUBLIC_ONLY,)
    host = "files.corp.example" if url.startswith(CORP) else "files.public.example"
    links = (f'<a href="https://{host}/{name}-{version}-py3-none-any.whl">file</a>' for version in versions)
    return Answer("".join(links).encode(), {"Content-Type": "text/html"})


def check_scene(stage: Stage, scene: Scene, played: Played) -> None:
    """Check all that is promised of a look-up.

    :raises BrokenPromiseError: something does not hold.
    """
    if played.faults:
        raise played.faults[0]
    _check_words(played)
    if scene.policy == "enforce":
        check(played.error is None or isinstance(played.error, stage.pip_error), f"pip was given {played.error!r}")
        _check_enforced(stage, scene, played)
    elif scene.policy == "audit":
        _check_audit(stage, scene, played)
    else:
        _check_without_policy(stage, scene, played)


def _check_words(played: Played) -> None:
    check(played.problem is None, f"an event was lost: {played.problem}")
    for line in played.lines:
        check(line.endswith(b"\n") and line[:-1].decode("ascii").isprintable(), f"not one line: {line!r}")
        check_printable("a text of the log", _texts(json.loads(line)))
    check_printable("a warning", played.warnings)
    for error in (*played.refusals, *played.explanations):
        check_printable("a line of a refusal", str(error).split("\n"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _check_enforced(stage: Stage, scene: Scene, played: Played) -> None:
    versions = sorted(str(candidate.version) for candidate in played.candidates)
    if scene.name in _CLAIMED:
        for candidate in played.candidates:
            _check_claimed(scene, candidate)
        if scene.place == "public":  # a probe never changes the outcome
            expected = [_CORP_NEWEST] if scene.name == "ledger" else [_CORP_OLDEST, _CORP_NEWEST]
            check(played.error is None and versions == expected, f"a probe changed the outcome: {played}")
    elif scene.place in ("corp", "redirect"):  # not asked
        check(played.error is None and versions == [_PUBLIC_ONLY], f"an index that is not asked counts: {played}")
    else:
        plain = stage.play_unguarded(scene.web, scene.name, scene.specifier, (PUBLIC,))
        _check_same(played, plain)


def _check_claimed(scene: Scene, candidate: Any) -> None:
    """Check that a file of a claimed name is of corp's own page, and lies where corp's files do, as pip would ask."""
    page, file = _address(candidate.link.comes_from), _address(candidate.link.url)
    check(page[:3] == ("https", "corp.example", 443) and _is_under(page[3], "/simple"), f"a foreign page: {candidate}")
    known = (file[0] in ("http", "https") and file[1] == "files.corp.example") or (
        file[:3] == ("https", "corp.example", 443) and _is_under(file[3], "/files")
    )
    check(known, f"a foreign file: {candidate}")
    check(normalise_name(candidate.name) == scene.name, f"another project: {candidate}")
    if scene.name == "ledger":
        check(candidate.version.release[0] == 2, f"a version that is not allowed: {candidate}")


def _address(url: str) -> tuple[str | None, str | None, int | None, str]:
    """Return what a URL means to pip's own HTTP client, and its path to a server."""
    parts: Any = importlib.import_module("pip._vendor.urllib3.util").parse_url(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.host, port, posixpath.normpath("/" + unquote(parts.path or "").lstrip("/"))


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _check_same(played: Played, plain: Played) -> None:
    """Check that the guard kept nothing from pip, but for a page that failed."""
    if played.error is not None:
        codes = {refusal.code for refusal in played.refusals}
        check(codes == {"index-failed"} or plain.error is not None, f"refused without a reason: {played.error!r}")
    else:
        check(plain.error is None, f"what broke pip counted as a page: {plain.error!r}")
        check(_files(played) == _files(plain), f"{_files(played)} of {_files(plain)}")


def _files(played: Played) -> list[tuple[str, str]]:
    return sorted((candidate.link.url, str(candidate.version)) for candidate in played.candidates)


def _check_audit(stage: Stage, scene: Scene, played: Played) -> None:
    check(played.error is None or isinstance(played.error, stage.pip_error), f"pip was given {played.error!r}")
    plain = stage.play_unguarded(scene.web, scene.name, scene.specifier)
    if plain.error is None:
        check(played.error is None, f"audit mode refused: {played.error!r}")
        check(_files(played) == _files(plain), f"audit mode changed {_files(plain)} to {_files(played)}")


def _check_without_policy(stage: Stage, scene: Scene, played: Played) -> None:
    plain = stage.play_unguarded(scene.web, scene.name, scene.specifier)
    kinds = (stage.pip_error, type(plain.error))
    check(played.error is None or isinstance(played.error, kinds), f"pip was given {played.error!r}")
    if plain.error is None:
        check(set(_files(played)) <= set(_files(plain)), "files that pip has not seen")
        if scene.place != "redirect" and len({candidate.link.comes_from for candidate in plain.candidates}) > 1:
            _check_alike(played, plain)


def _check_alike(played: Played, plain: Played) -> None:
    """Check that of a name that both indexes offer only files remain that both give alike."""
    offers: dict[tuple[str, str], set[str]] = {}
    for candidate in plain.candidates:
        link = candidate.link
        offers.setdefault((link.filename, _sha256(link)), set()).add(link.comes_from)
    for candidate in played.candidates:
        digest = _sha256(candidate.link)
        givers = offers[candidate.link.filename, digest]
        check(digest != "" and len(givers) > 1, f"only one index gives {candidate}")


def _sha256(link: Any) -> str:
    """Return the digest that pip checks; empty where a page gives none, or what is no text."""
    return link.hash.lower() if link.hash_name == "sha256" and isinstance(link.hash, str) else ""
