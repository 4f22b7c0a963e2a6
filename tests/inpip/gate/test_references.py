"""Where a redirect leads: as the session that follows it reads it, whatever the server wrote."""

from __future__ import annotations

import io
import itertools
from typing import Any, Callable

import pytest

from indexguard.inpip.gate.references import redirect_hook
from indexguard.policy.identity import find_location

BASES = ("https://corp.example/simple/acme-core/", "http://corp.example/")
HEADS = (
    *("", "/", "//", "///", "////", "http:", "https:", "HTTPS://", "http:/", "http:///", "\\", "/\\", "?", "#", ".."),
    *("%2f%2f", "//u:p@", "http://u:p@", "http://a@b@", "javascript:", "ftp://", "file:///", "//[x", "\t//"),
)
HOSTS = (
    "evil.example",
    "EVIL.example:80",
    "corp.example\\@evil.example",
    "corp.example#@evil.example",
    "ev\til.example",
)
PATHS = ("", "/simple/x/", "\\simple/x", "/simple/../x/", "/%2e%2e/x", "/simple%2fx")


@pytest.mark.parametrize("base", BASES)
def test_a_redirect_leads_where_the_session_goes(base: str, pip_module: Callable[[str], Any]) -> None:
    requests = pip_module("_vendor.requests")
    adapter_class: Any = requests.adapters.HTTPAdapter
    response_class = pip_module("_vendor.urllib3.response").HTTPResponse

    class Adapter(adapter_class):  # type: ignore[misc]  # pip's own copy has no types
        def __init__(self, location: str) -> None:
            super().__init__()
            self.location = location
            self.asked: list[str] = []

        def send(self, request: Any, **_kwargs: Any) -> Any:
            self.asked.append(request.url)
            is_first = len(self.asked) == 1
            headers = {"Location": self.location} if is_first else {}
            status = 302 if is_first else 200
            answer = response_class(body=io.BytesIO(), headers=headers, status=status, preload_content=False)
            return self.build_response(request, answer)

    followed = 0
    for parts in itertools.product(HEADS, HOSTS, PATHS):
        location = "".join(parts)
        told: list[str] = []
        adapter, session = Adapter(location), requests.Session()
        session.trust_env = False
        session.mount("http://", adapter)
        session.mount("https://", adapter)

        def check(_came_from: str, url: str, told: list[str] = told) -> None:
            told.append(url)

        try:
            session.get(base, hooks={"response": redirect_hook(check)})
        except (requests.RequestException, ValueError):
            assert told, location
        for url in adapter.asked[1:]:
            followed += 1
            places = [find_location(each) for each in told]
            # What has no single reading is allowed nowhere.
            assert find_location(url) in places or None in places, location
    assert followed > 100
