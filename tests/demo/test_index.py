"""The demo's index answers what pip asks, and is gone afterwards."""

from __future__ import annotations

import hashlib
import re
import urllib.error
import urllib.request
from urllib.parse import urljoin

import pytest

from indexguard.demo.index import LoopbackIndex

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxy this machine has


def _get(url: str) -> bytes:
    with _OPENER.open(url, timeout=30) as answer:
        content: bytes = answer.read()
    return content


def test_a_page_leads_to_the_file_with_the_hash_that_it_gives() -> None:
    with LoopbackIndex("internal") as index:
        index.publish("acme-core", "1.0")
        page = f"{index.url}acme-core/"
        link = re.search(r'href="([^"#]+)#sha256=(\w+)"', _get(page).decode())

        assert link is not None
        assert hashlib.sha256(_get(urljoin(page, link[1]))).hexdigest() == link[2]


def test_a_deleted_project_is_not_found() -> None:
    with LoopbackIndex("internal") as index:
        index.publish("acme-core", "1.0")
        index.delete("acme-core")
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            _get(f"{index.url}acme-core/")
        caught.value.close()


def test_it_listens_on_loopback_only_and_stops() -> None:
    with LoopbackIndex("internal") as index:
        url = index.url
        assert url.startswith("http://127.0.0.1:")
    with pytest.raises(urllib.error.URLError, match="refused"):
        _get(url)
