"""Why a request brought no answer: the innermost cause, in words, however pip, requests and urllib3 wrap it."""

from __future__ import annotations

import socket
import ssl

import pytest

from indexguard.inpip.search.failures import explain, is_late


class MaxRetryError(Exception):
    """As urllib3's: the cause is an attribute."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(
            f"HTTPConnectionPool(host='corp.example', port=443): Max retries exceeded (Caused by {reason!r})"
        )
        self.reason = reason


class RequestError(OSError):
    """As that of requests: an OSError that has the request, and holds what urllib3 raised."""

    request = None


class ReadTimeoutError(Exception):
    """As urllib3's: only its name says so."""


class ProxyError(Exception):
    """As urllib3's."""


class DiagnosticError(Exception):
    """As pip's own since 23.1: its text is a repr."""

    def __str__(self) -> str:
        return "<DiagnosticError: connection-failed>"


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1000)")
    error.verify_message = "self-signed certificate"
    return error


NEW_CONNECTION = (
    "<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f00>: Failed to establish a new connection"
)
TABLE = [
    (ConnectionRefusedError(111, "Connection refused"), "nothing listens there (connection refused)"),
    (
        socket.gaierror(-2, "Name or service not known"),
        "its host is not known to the name service (Name or service not known)",
    ),
    (ConnectionResetError(104, "Connection reset by peer"), "the connection was reset"),
    (OSError(113, "No route to host"), "No route to host"),
    (untrusted(), "its certificate is not trusted: self-signed certificate"),
    (
        ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1000)"),
        "TLS failed: wrong version number",
    ),
    (socket.timeout("timed out"), "no answer in time (pip's --timeout)"),
    (ReadTimeoutError("HTTPConnectionPool(...): Read timed out."), "no answer in time (pip's --timeout)"),
    (ValueError("too many 503 error responses"), "too many 503 error responses"),
    (Exception(NEW_CONNECTION), "Failed to establish a new connection"),
    (Exception(), "RequestError"),
]


def wrap(cause: BaseException, *, with_words: bool) -> RequestError:
    """Return an exception as requests raises it, with what led to it."""
    # urllib3 says it in a text, too, and forgets to say from what.
    retries = MaxRetryError(Exception(cause) if with_words else cause)
    retries.__context__ = cause
    error = RequestError(retries)
    error.__context__ = retries
    return error


@pytest.mark.parametrize(("cause", "words"), TABLE)
@pytest.mark.parametrize("with_words", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_innermost_cause_in_words(cause: BaseException, words: str, *, with_words: bool, wrapped: bool) -> None:
    error: BaseException = wrap(cause, with_words=with_words)
    if wrapped:
        inner, error = error, DiagnosticError()
        error.__cause__ = inner
    told = explain(error)
    if words == "RequestError":  # nobody says anything
        assert "<" not in told
        assert "0x" not in told
    else:
        assert told == words


def test_what_the_proxy_does_is_told_of_the_proxy() -> None:
    inner = ProxyError("Cannot connect to proxy.", ConnectionRefusedError(111, "Connection refused"))
    assert (
        explain(RequestError(MaxRetryError(inner))) == "the proxy before it: nothing listens there (connection refused)"
    )


def test_a_cause_that_is_its_own_cause_ends() -> None:
    error = ValueError("round")
    other = ValueError("and round")
    error.__cause__, other.__cause__ = other, error
    assert explain(error) == "and round"


@pytest.mark.parametrize("cause", [socket.timeout("timed out"), ReadTimeoutError("...")])
def test_what_comes_too_late(cause: BaseException) -> None:
    assert is_late(wrap(cause, with_words=True))


def test_a_project_may_be_called_timeout() -> None:
    retries = MaxRetryError(ConnectionRefusedError(111, "Connection refused"))
    retries.args = ("Max retries exceeded with url: /simple/timeout/ (timed out)",)
    assert not is_late(RequestError(retries))
    assert explain(RequestError(retries)) == "nothing listens there (connection refused)"
