"""Connections that a policy has verified by its own certificates (``indexes.N.ca``): loaded where one does.

pip's adapters take their trust from options, the environment or the system, by other ways in each release. Here stands an
adapter of its own in their place, whose TLS context knows these certificates alone and cannot be told otherwise.
"""

from __future__ import annotations

import _ssl
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..audit.event import EventFields
from ..decision import outcome
from ..errors import clean
from ..policy.identity import locate, redact
from ..policy.sections import find_tls_places
from ..tuples import NamedTuple
from .run import Run
from .seams import pip_module
from .speech.speaker import Speaker

if TYPE_CHECKING:
    from ..decision.verdict import Finding
    from ..policy.model import Index, Layer
    from .objects import Session


class _Claim(NamedTuple):
    """What one layer says of the connections of one index."""

    layer: Layer
    of: Index
    context: _Context


class Certificates:
    """Verifies the connections of the indexes that have certificates of their own.

    :param speaker: says what could not be verified.
    """

    def __init__(self, run: Run, speaker: Speaker) -> None:
        self._run = run
        self._speaker = speaker
        self._make_adapter = _adapter_class(run.root)
        self._claims = [
            _Claim(layer, index, _Context.of(layer.certificates[index.name]))
            for layer in run.layers
            for index in layer.policy.indexes
            if index.name in layer.certificates and layer.enforces
        ]

    def secure(self, session: Session) -> None:
        """Have a session of pip send by our adapters what goes to these indexes, redirects and probes included."""
        if vars(session).get("_indexguard_certificates") is self:
            return
        ordinary = type(session).get_adapter
        adapters: dict[int, Any] = {}

        def get_adapter(url: str) -> Any:
            claim, usual = self._find_claim(url), ordinary(session, url)
            if claim is None:
                return usual
            if id(claim) not in adapters:  # one for all: a probe sets its retries for a while
                adapters[id(claim)] = self._make_adapter(claim.context, usual.max_retries)
            return adapters[id(claim)]

        vars(session).update(_indexguard_certificates=self, get_adapter=get_adapter)

    def find_findings(self, error: object, url: str) -> list[Finding]:
        """Return what the layers object to, where a connection could not be verified by their certificates.

        :param error: what became of the request.
        :param url: that was asked for; the error may tell of one that it led to.
        """
        if not _is_of_tls(error):
            return []
        last = getattr(getattr(error, "request", None), "url", None)
        claim = self._find_claim(last if isinstance(last, str) else url)
        return [] if claim is None else [outcome.find_uncertified(claim.layer, claim.of.name)]

    def refuse(self, error: Exception, url: str) -> Exception | None:
        """Return pip's error for a download whose connection could not be verified; None where it was, or none is claimed."""
        from .speech.refusal import Refusal

        findings = self.find_findings(error, url)
        if not findings:
            return None
        shown = redact(url)
        facts = [("cause", clean(f"{type(error).__name__}: {error}"))]
        return self._speaker.refuse(Refusal(findings[0], shown, facts, EventFields(index_asked=shown)))

    def _find_claim(self, url: str) -> _Claim | None:
        parts = urlsplit(url)
        if parts.scheme.lower() != "https":
            return None
        place = locate(f"https://{parts.netloc}/", None)
        return next((claim for claim in self._claims if place is not None and self._covers(claim.of, place)), None)

    def _covers(self, index: Index, place: Any) -> bool:
        for host, port in find_tls_places(index):
            if host == "":  # the token `pypi`
                pypi = self._run.pypi
                if place.host == self._run.pypi_files or (
                    pypi is not None and (pypi.host, pypi.port) == (place.host, place.port)
                ):
                    return True
            elif host == place.host and port in (None, place.port):
                return True
        return False


def _is_of_tls(error: object) -> bool:
    """Tell whether an error, or what it was made from, is one of TLS."""
    found: list[object] = [error]
    for each in found:  # grows
        if isinstance(each, ssl.SSLError):
            return True
        if isinstance(each, BaseException) and len(found) < 50:  # noqa: PLR2004
            found += [it for it in _causes(each) if it not in found]
    return False


def _causes(error: BaseException) -> Iterator[object]:
    yield from (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args)


def _find_base() -> type[ssl.SSLContext]:
    """Return the standard library's own class: truststore may stand in its place (``pip-system-certs``)."""
    for kind in ssl.SSLContext.__mro__:
        if kind.__module__ == "ssl":
            return kind
    module = __import__("sys").modules[ssl.SSLContext.__module__]
    return module._original_SSLContext  # type: ignore[no-any-return]  # noqa: SLF001  # where truststore keeps it


_Base: Any = _find_base()
_plain = _ssl._SSLContext  # noqa: SLF001  # the setters of the standard library's class look its name up, which truststore replaces


class _Context(_Base):  # type: ignore[misc]
    """A TLS context whose trust is fixed: urllib3 sets it anew for each connection, by what pip was told."""

    @classmethod
    def of(cls, pem: str) -> _Context:
        """Return a context that trusts these certificates alone."""
        made: _Context = _plain.__new__(cls, ssl.PROTOCOL_TLS_CLIENT)  # demands a certificate, and one of this host
        _plain.minimum_version.__set__(made, int(ssl.TLSVersion.TLSv1_2))  # type: ignore[attr-defined]
        _plain.load_verify_locations(made, cadata=pem)
        return made

    @property
    def verify_mode(self) -> ssl.VerifyMode:
        """Always that a certificate is demanded."""
        return ssl.CERT_REQUIRED

    @verify_mode.setter
    def verify_mode(self, value: object) -> None:
        pass

    @property
    def check_hostname(self) -> bool:
        """Always that it must be one of the host."""
        return True

    @check_hostname.setter
    def check_hostname(self, value: object) -> None:
        pass

    def load_verify_locations(self, *_: object, **__: object) -> None:
        """Take no further certificates."""

    def load_default_certs(self, *_: object, **__: object) -> None:
        """Take none of the system's."""

    def set_default_verify_paths(self) -> None:
        """Take none that the environment names (``SSL_CERT_FILE``)."""


def _adapter_class(root: str) -> Any:
    plain: Any = pip_module(root, "_vendor.requests.adapters").HTTPAdapter

    class Adapter(plain):  # type: ignore[misc]  # pip's copy of requests has no types
        """Sends by connections with the one context. Without pip's cache: what is in it may have come by others."""

        def __init__(self, context: _Context, retries: Any) -> None:
            self._context = context
            super().__init__(max_retries=retries)

        def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
            super().init_poolmanager(*arguments, **{**named, "ssl_context": self._context})

        def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
            return super().proxy_manager_for(proxy, **{**named, "ssl_context": self._context})

        def send(self, request: Any, **named: Any) -> Any:
            # What is said of trust elsewhere (a file that is not there, none at all) plays no part.
            return super().send(request, **{**named, "verify": True})

    return Adapter
