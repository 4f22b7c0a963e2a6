"""What fuzzing starts from: the project's own policies, pages and log lines, and words to put into them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from indexguard.audit.event import EventFields, build_event
from indexguard.audit.run_context import RunContext
from integration.harness.cases import read_cases

from .scene import write_scene
from .stage import CORP, POLICY, PUBLIC

CASES = read_cases(__file__)

_ROOT = Path(__file__).resolve().parent.parent.parent
_DOCUMENTS = ("README.md", "src/indexguard/policy/README.md")
_BLOCK = re.compile(r"^```toml\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def policies() -> list[bytes]:
    """Return every policy of the tests, valid and invalid, those of the documents, and a deep one."""
    files = sorted((_ROOT / "tests" / "data" / "policies").glob("*/*.toml"))
    texts = [(_ROOT / name).read_text(encoding="utf-8") for name in _DOCUMENTS]
    blocks = [block for text in texts for block in _BLOCK.findall(text)]
    if not files or not blocks:
        raise RuntimeError("the example policies are not where they were")
    return [
        *(file.read_bytes() for file in files),
        *(block.encode() for block in blocks),
        POLICY.encode(),
        b"a = " + b"[" * 2000,
    ]


_LOCATIONS = ("https://corp.example/simple/./%61cme-core/", "../../x/", "https://public.example/simple/acme-core/")
_SHA256 = "0123456789abcdef" * 4
_NAMES = ("acme_core", "ledger", "acme", "foo")


def _html(name: str) -> list[bytes]:
    page, file = f"/simple/{name}", f"{name}-3.0"
    texts = (
        "",
        f"<!DOCTYPE html><html><head><title>Links for {name}</title></head><body><h1>Links</h1></body></html>",
        f'<a href="https://files.corp.example/{file}.tar.gz#sha256={_SHA256}" data-requires-python="&gt;=3">x</a>',
        f'<base href="https://evil.example/"><a href="{name}-2.1-py3-none-any.whl" data-yanked="" rel=internal>x</a>',
        f'<a href="/files/../{name}-2.2.zip#egg={name}-9&md5=0">x</a><A HREF=//files.corp.example/{file}.tgz>x',
        f'<a href="file:///srv/{file}.tar.gz">x</a><a href="https://corp.example\\@evil.example/{file}.tar.gz">x</a>',
        f'<a href="https://evil.example@files.corp.example:443/{file}.zip">x</a><a href="HTTPS://[::1/{file}.zip">x</a>',
        f'<a href="{page}-9%1b%5b31m%07%0aWARNING%3a+forged.tar.gz" data-dist-info-metadata="sha256={_SHA256}">x</a>',
        f"<a href='/f/{name}-{'9' * 300}.tar.gz'>x</a><a href='/f/{name}-not%20a%20version.tar.gz'>x</a>",
        '<meta name="pypi:repository-version" content="1.1"><form action=/login><input name=user></form><![CDATA[x]]>',
        "<!DOCTYPE html><html><body><![foo[ bar",
        '<meta http-equiv="Refresh" content="0; url=https://portal.example"><style>body {}</style><!-- x --!>',
    )
    return [text.encode() for text in texts]


def html_pages() -> list[bytes]:
    """Return inputs with pages as HTML, in many scenes."""
    lines = {2: "utf-8; charset=latin-1", 4: "utf-16", 5: "text/html; charset=utf-8"}
    return [
        write_scene(page, number % 16, what, kind, location=_LOCATIONS[number % 3], line=lines.get(kind, ""))
        for what, name in enumerate(_NAMES)
        for number, page in enumerate(_html(name), what)
        for kind in ((number + what) % 6,)
    ]


def _json(name: str) -> list[bytes]:
    file = {
        "filename": f"{name}-2.1-py3-none-any.whl",
        "url": f"https://files.corp.example/{name}-2.1-py3-none-any.whl",
        "hashes": {"sha256": _SHA256},
        "requires-python": ">=3",
        "yanked": False,
        "size": 3,
        "upload-time": "2026-01-01T00:00:00.000000Z",
        "core-metadata": {"sha256": _SHA256},
    }
    odd = [
        "//[x",
        f"../{name}-9.tar.gz",
        f"file:///srv/{name}-9.zip",
        "x" * 300,
        "https://evil.example\\@corp.example/",
    ]
    pages: list[object] = [
        {"meta": {"api-version": "1.1"}, "name": name, "versions": ["2.1"], "files": [file]},
        {"meta": {"api-version": "1.0"}, "name": name, "files": [{**file, "url": url, "yanked": "bad"} for url in odd]},
        {"meta": {}, "files": [{"url": f"{name}-{number}.0.tar.gz"} for number in range(5)]},
        {"files": [{**file, "hashes": [], "requires-python": 3, "upload-time": 1, "core-metadata": "x"}]},
        {"files": {"url": None}},
        [],
    ]
    return [*(json.dumps(page).encode() for page in pages), b"[{]", b"[" * 2000]


def json_pages() -> list[bytes]:
    """Return inputs with pages as JSON, in many scenes."""
    return [
        write_scene(
            page, number * 3 % 16, what, number % 2, location=_LOCATIONS[number % 3], line="utf-8" * (number % 2)
        )
        for what, name in enumerate(_NAMES)
        for number, page in enumerate(_json(name), what)
    ]


def log_files() -> list[bytes]:
    """Return inputs with logs: whole events, and lines that are none."""
    context = RunContext(run="0" * 16, pip="26.3", policy=(), command=("pip", "install", "acme-core"))
    events = [
        build_event(
            context, 1, "shadowed", "shadowed-name", EventFields(name="acme-core", versions=["9.0", "8.0"], files=2)
        ),
        build_event(
            context, 2, "selected", None, EventFields(name="acme-core", index_asked=CORP, index_answered=PUBLIC)
        ),
        build_event(
            context, 3, "refused", "unmatched-name", EventFields(name="foo", kept=[], message="not \x1b[31masked")
        ),
    ]
    start = {"schema": 1, "time": "2026-01-01T00:00:00.000Z", "event": "refused"}
    odd: list[dict[str, Any]] = [
        {"name": 5, "versions": "x", "rule": [], "files": "many", "more_versions": "x", "message": "\x1b[2J\ngone"},
        {"versions": [{"a": [1]}] * 9, "more_versions": [1], "rule": {"key": {}, "file": "\u202e"}, "files": 1e300},
    ]
    lines = [json.dumps(event).encode() for event in (*events, *({**start, **some} for some in odd))]
    lines += [lines[0][:60], b"\xff\xfe\x00", b'["schema"]', b"[" * 5000, b"1" * 5000]
    whole = b"\n".join(lines)
    return [bytes((choice,)) + text for choice, text in enumerate([*lines, whole, whole + b"\n" + lines[0][:99]])]


WORDS: dict[str, tuple[str, ...]] = CASES["words"]
"""What no mutation of bytes would find soon."""

SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "policy": policies,
    "html": html_pages,
    "json": json_pages,
    "log": log_files,
}
"""By target."""
