"""Secrets in the paths of URLs: neither shown nor logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard import hiding
from indexguard.errors import INDEX_FAILED, GuardError, hide, hiders
from indexguard.policy.reader import read_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = b"""
version = 1
[indexes.corp]
url = ["https://dl.example/{token}/org/simple/", "https://dl.example/basic/org/simple/"]
packages = ["acme"]
[indexes.lab]
url = "http://127.0.0.1:8080/t/{token}/simple/"
packages = ["*"]
[direct-urls]
allow = ["git+ssh://git@code.example/{token}/team/"]
"""


@pytest.fixture(autouse=True)
def policy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, empty in (("_places", set()), ("_literals", set()), ("_secrets", {})):
        monkeypatch.setattr(hiding, name, empty)
    read_policy(POLICY, "policy.toml")
    yield
    hiders.clear()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://dl.example/s3cr3t/org/simple/", "https://dl.example/{token}/org/simple/"),
        ("HTTPS://u:p@DL.example:443/s3cr3t/other/", "HTTPS://u:p@DL.example:443/{token}/other/"),
        ("see http://dl.example./s3cr3t/org and s3cr3t", "see http://dl.example./{token}/org and {token}"),
        ("x3s3cr3ty3", "x3s3cr3ty3"),  # a short one within a word
        ("https://dl.example/x/../s3cr3t/org/", "https://dl.example/{token}/../{token}/org/"),
        ("https://dl.example/%2e/s3cr3t/org/", "https://dl.example/%2e/{token}/org/"),
        ("http://localhost:8080/t/l0ngs3cr3t/", "http://localhost:8080/t/{token}/"),
        ("https://dl.example/basic/org/simple/", "https://dl.example/basic/org/simple/"),
        ("git+ssh://git@code.example/s3cr3t/team/x.git@v1", "git+ssh://git@code.example/{token}/team/x.git@v1"),
        ("https://dl.example:8443/s3cr3t/org/", "https://dl.example:8443/s3cr3t/org/"),
        ("https://other.example/s3cr3t/org/", "https://other.example/s3cr3t/org/"),
        ("basic simple org", "basic simple org"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert hide(text) == shown


def test_once_seen_a_secret_is_hidden_everywhere_in_each_of_its_forms() -> None:
    hiding.learn(["--index-url=https://dl.example/a%2Bb%3D%3Dlong/org/simple/"])
    assert hide("xa+b==longx a%2Bb%3D%3Dlong basic") == "x{token}x {token} basic"
    event = {
        "command": ["--x=a+b==long", 1, None],
        "offered": [{"url": "https://dl.example/a%2Bb%3D%3Dlong/org/x.whl"}],
    }
    assert "long" not in json.dumps(hide(event))
    error = GuardError(
        INDEX_FAILED, "refused a+b==long", [("asked", "https://dl.example/another/org/")], "ask a+b==long"
    )
    assert "long" not in str(error)
    assert "another" not in str(error)
    assert "another" not in hide("say another")


@given(
    st.text("abcXYZ019+=_~%-.@", min_size=8, max_size=20), st.sampled_from(["", "u:p@"]), st.sampled_from(["", ":443"])
)
def test_no_secret_at_the_place_of_a_token_is_shown(secret: str, login: str, port: str) -> None:
    url = f"https://{login}dl.example{port}/{secret}/org/simple/acme/"
    assert hide(f"{url} {secret}x").endswith(" {token}x")
    assert f"/{secret}/" not in hide(url)


def test_without_a_token_nothing_is_hidden() -> None:
    hiders.clear()
    read_policy(POLICY.replace(b"{token}", b"token"), "policy.toml")
    assert not hiders
    assert hide("https://dl.example/s3cr3t/org/simple/") == "https://dl.example/s3cr3t/org/simple/"
