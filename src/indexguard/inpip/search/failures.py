"""Why a request brought no answer, in words: the innermost cause of what pip, requests and urllib3 wrap in each other."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

from ...errors import clean

_MOST = 20
"""How many exceptions are looked at: a cause may be its own cause."""
_OBJECT = re.compile(r"<[^<>]* object at 0x[0-9a-f]+>(?:, |: )?")
_NUMBER = re.compile(r"\[(?:Errno |SSL: )[^]]*\] ?")
_PLACE_IN_C = re.compile(r" \(_ssl\.c:\d+\)")
_LATE = re.compile("timeout", re.IGNORECASE)
"""In the names of exceptions of requests, urllib3 and pip; their texts name the project too, which may be called so."""


def explain(error: BaseException) -> str:
    """Return why there is no answer, in words: no name of a class where there are better ones, and never a repr."""
    chain = list(_causes(error))
    system = [cause for cause in chain if isinstance(cause, OSError) and not hasattr(cause, "request")]
    if is_late(error):
        return "no answer in time (pip's --timeout)"
    if system:
        where = "the proxy before it: " if any(type(cause).__name__ == "ProxyError" for cause in chain) else ""
        return clean(where + _describe(system[0]))
    texts = (_tidy(str(cause)) for cause in reversed(chain))
    return clean(next((text for text in texts if text), type(error).__name__))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what led to it, each once, the outermost first."""
    waiting = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (one.__context__, one.__cause__, *one.args, getattr(one, "reason", None))
        waiting += [it for it in inner if isinstance(it, BaseException)]


def is_late(error: BaseException) -> bool:
    """Tell whether an answer did not come in time."""
    return any(
        isinstance(cause, (socket.timeout, TimeoutError)) or _LATE.search(type(cause).__name__)
        for cause in _causes(error)
    )


def _describe(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"its host is not known to the name service ({error.strerror or error})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message or _tidy(str(error))}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {_tidy(str(error))}"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there (connection refused)"
    if isinstance(error, ConnectionResetError):
        return "the connection was reset"
    return _tidy(error.strerror or str(error))


def _tidy(text: str) -> str:
    """Return the text of an exception without what only a programmer reads."""
    for noise in (_OBJECT, _NUMBER, _PLACE_IN_C):
        text = noise.sub("", text)
    # What is left of a tuple of exceptions, or of pip's own repr, says nothing.
    return "" if re.fullmatch(r"[\W_]*(?:<.*>)?[\W_]*", text, re.DOTALL) else text.strip()
