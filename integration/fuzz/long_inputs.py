"""Long inputs: a mutation of short ones finds no time or memory that grows with the square of the length."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .promises import BrokenPromiseError
from .scene import write_scene

Maker = Callable[[int], bytes]
"""Makes an input of about that many bytes."""


class _TooLateError(BaseException):
    """Nothing on the way catches it."""


@contextmanager
def within(seconds: int, what: str) -> Iterator[None]:
    """Interrupt what takes longer, in seconds of this process's CPU: a busy machine is nobody's fault.

    Where there is no such clock (Windows), only tell afterwards.

    :raises BrokenPromiseError: it took longer.
    """
    started = time.process_time()
    is_late = False
    try:
        with _alarm(seconds):
            yield
    except _TooLateError:
        is_late = True  # by its own clock, which is not quite that of `process_time`
    if is_late or time.process_time() - started >= seconds:
        raise BrokenPromiseError(f"{what}: not within {seconds} s")


@contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _TooLateError

    if sys.platform == "win32":
        yield
        return
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _repeat(start: bytes, part: bytes, end: bytes = b"") -> Maker:
    return lambda size: start + part * (size // len(part)) + end


def _count(start: bytes, part: bytes, end: bytes = b"") -> Maker:
    """Repeat a part with a number in it, each time another."""

    def make(size: int) -> bytes:
        return start + b"".join(part.replace(b"0", b"%d" % number) for number in range(size // len(part))) + end

    return make


_HEAD = b"version = 1\n"
_INDEX = _HEAD + b'[indexes.a]\nurl = "pypi"\n'
_INDEXES = _count(_HEAD, b'[indexes.i0]\nurl = "https://h0.example/"\npackages = ["p0"]\n')


def _merge(part: bytes) -> Maker:
    """Merge as many indexes as the file has."""
    names = _count(b'[[merge]]\npackages = ["m"]\nindexes = [', part, b"]")
    return lambda size: _INDEXES(size // 2) + names(size // 10)


_POLICIES: dict[str, Maker] = {
    "unknown keys": _count(_HEAD, b"k0 = 1\n"),
    "almost known keys": _count(_HEAD, b"indexes0 = 1\n"),
    "indexes": _INDEXES,
    "merges": lambda size: (
        _INDEXES(size // 2) + _count(b"", b'[[merge]]\npackages = ["m0"]\nindexes = ["i0", "i1"]\n')(size // 2)
    ),
    "merged indexes": _merge(b'"i0",'),
    "merged indexes that are not there": _merge(b'"j0",'),
    "names": _count(_INDEX + b"packages = [", b'"n0",', b"]"),
    "names that are none": _count(_INDEX + b"packages = [", b'"a b0",', b"]"),
    "prefixes": _count(_INDEX + b"packages = [", b'"n0*",', b"]"),
    "prefixes of prefixes": lambda size: (
        _INDEX + b"packages = [" + b",".join(b'"%b*"' % (b"a" * n) for n in range(1, int((2 * size) ** 0.5))) + b"]"
    ),
    "the same name": _repeat(_INDEX + b"packages = [", b'"a",', b"]"),
    "ranges": _count(_INDEX + b"packages = [", b'"n0>=1,<2",', b"]"),
    "ranges that are none": _count(_INDEX + b"packages = [", b'"n0==x",', b"]"),
    "a range": _repeat(_INDEX + b'packages = ["a', b">=1,", b'"]'),
    "a version": _repeat(_INDEX + b'packages = ["a==', b"1.", b'0"]'),
    "spaces": _repeat(_INDEX + b'packages = ["', b" ", b'x y"]'),
    "tables": _count(_INDEX + b"packages = [", b'{name = "n0"},', b"]"),
    "expired tables": _count(_INDEX + b"packages = [", b'{name = "n0", expires = 2020-01-01},', b"]"),
    "separators": _repeat(_INDEX + b'packages = ["a', b"-_.", b'b"]'),
    "namespaces": _count(_INDEX + b"namespaces = [", b'"n0",', b"]"),
    "separators in a namespace": _repeat(_INDEX + b'namespaces = ["a', b"-_.", b'!"]'),
    "stars in a namespace": _repeat(_INDEX + b'namespaces = ["a', b"-*", b'!"]'),
    "a URL": _repeat(_HEAD + b'[indexes.a]\npackages = ["*"]\nurl = "https://h.example/', b"a/../", b'"'),
    "credentials": _repeat(_HEAD + b'[indexes.a]\npackages = ["*"]\nurl = "', b"https://@", b'"'),
    "a host": _repeat(_HEAD + b'[indexes.a]\npackages = ["*"]\nurl = "https://', b"\xc3\xbc", b'.example/"'),
    "places of files": _count(_INDEX + b'packages = ["*"]\nfiles-from = [', b'"h0.example",', b"]"),
    "references": _count(_HEAD + b"[direct-urls]\nallow = [", b'"git+https://h0.example/x",', b"]"),
    "a dotted key": _repeat(b"a", b".a", b" = 1"),
    "inline tables": _repeat(b"a = ", b"{a = "),
    "lists": _repeat(b"a = ", b"["),
    "a number": _repeat(b"a = ", b"9"),
    "quotes": _repeat(b'a = """', b'"'),
    "lines": _repeat(b"", b"\n"),
}
_HTML: dict[str, Maker] = {
    "files": _count(b"", b'<a href="/acme_core-0.0.tar.gz">x</a>'),
    "a version": _repeat(b'<a href="/acme_core-', b"1.", b'0.tar.gz">x</a>'),
    "digits": _repeat(b'<a href="/acme_core-', b"9", b'.tar.gz">x</a>'),
    "escapes": _repeat(b'<a href="/acme_core-1+', b"%1b", b'.tar.gz">x</a>'),
    "an egg": _repeat(b'<a href="/x.tar.gz#egg=', b"acme-core-", b'">x</a>'),
    "words": _repeat(b"", b"words "),
    "headings": _repeat(b"", b"<h1>"),
    "attributes": _count(b"<a ", b"a0 ", b">"),
}
_PROBED: dict[str, Maker] = {
    "dashes": _repeat(b'<a href="/', b"a-", b'.tar.gz">x</a>'),
    "a Python version": _repeat(b'<a href="/acme_core-1%0a', b"-py3", b'%0ax.tar.gz">x</a>'),
}
"""Read by the guard alone: pip (20.3 to 26.3) takes time for them that grows with the square of the length."""
_JSON: dict[str, Maker] = {
    "files": _count(b'{"files": [{}', b',{"url": "acme_core-0.0.tar.gz"}', b"]}"),
    "lists": _repeat(b"", b"["),
    "keys": _count(b"{", b'"0": 1,', b'"files": []}'),
}
_LOGS: dict[str, Maker] = {
    "lists": _repeat(b"\0", b"["),
    "a line": _repeat(b"\0", b"x"),
    "lines": _repeat(b"\0", b"x\n"),
    "events": _count(b"\1", b'{"schema":1,"time":"t0","event":"e"}\n'),
    "versions": _repeat(b'\0{"schema":1,"time":"t","event":"e","versions":[0', b",1", b"]}"),
    "digits": _repeat(b'\0{"schema":1,"time":"t","event":"e","x":', b"1", b"}"),
}


def _pages(makers: dict[str, Maker], indexes: dict[str, tuple[int, int]]) -> dict[str, Maker]:
    """Have each page served by each of some indexes, which are numbers of scenes."""
    return {
        f"{label}, {index}": lambda size, make=make, who=who, what=what: write_scene(make(size), who, what, 0)  # type: ignore[misc]
        for label, make in makers.items()
        for index, (who, what) in indexes.items()
    }


_ASKED = {"its own index": (1, 0), "the only index": (0, 3)}
_FOR_SQUATTERS = {"a probe": (0, 0)}

LONG: dict[str, dict[str, Maker]] = {
    "policy": _POLICIES,
    "html": {**_pages(_HTML, {**_ASKED, **_FOR_SQUATTERS}), **_pages(_PROBED, _FOR_SQUATTERS)},
    "json": _pages(_JSON, {**_ASKED, **_FOR_SQUATTERS}),
    "log": _LOGS,
}
"""By target, with what is long in them."""
