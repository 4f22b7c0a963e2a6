"""Each kind of event under another policy: what would change, and what the log does not tell."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from integration.harness.cases import read_cases

from indexguard.logs.replay import Judgement, Replay
from indexguard.policy.identity import find_location
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy
from support.logged import CORP, MIRROR, RULE, event, file_of, sealed, selected

CASES = read_cases(__file__)

POLICY = CASES["policy"]


def judge(one: dict[str, Any], policy: str = POLICY) -> Judgement | None:
    """Judge one event on a fixed day."""
    layer = Layer("file", "policy.toml", "0" * 64, read_policy(policy.encode(), "policy.toml"))
    return Replay(layer, date(2026, 11, 26), find_location).judge(one)


def outcome(one: dict[str, Any], policy: str = POLICY) -> tuple[str, str | None]:
    """Return what an event was and the code that it would have."""
    found = judge(one, policy)
    assert found is not None
    assert found.unknown is None
    return found.was, None if found.finding is None else found.finding.code


def refused(code: str, name: str = "acme-core", index: str | None = MIRROR, **fields: Any) -> dict[str, Any]:
    answered = None if index is None else f"{index}{name}/"
    own = {"name": name, "index_asked": index, "index_answered": answered, "versions": ["1.0"], "files": 1}
    return event(1, "refused", code, **{**own, **fields})


def by_key(key: str, url: str) -> dict[str, Any]:
    return refused("direct-url", "flask", url, index_answered=None, rule={**RULE, "key": key})


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (selected(1, "acme-core"), None),
        (selected(1, "flask", index=MIRROR), None),
        (selected(1, "acme-core", index=MIRROR), "claimed-elsewhere"),
        (selected(1, "flask"), "claimed-elsewhere"),
        (selected(1, "old"), "entry-expired"),
        (selected(1, "numpy", "2.1"), None),
        (selected(1, "numpy", "1.9"), "version-not-allowed"),
        (selected(1, "flask", index="https://other.example/simple/"), "unknown-index"),
        (selected(1, "acme-core", index_answered=f"{MIRROR}acme-core/"), "redirected"),
        (selected(1, "acme-core", chosen=file_of("acme-core", "1.0", MIRROR)), "file-elsewhere"),
        (selected(1, "x", index_asked="file:///wheels/x-1.0.tar.gz", index_answered=None, chosen=None), None),
        (selected(1, "x", index_asked="file:///wheels/", index_answered="file:///wheels/", chosen=None), None),
    ],
)
def test_what_pip_chose(one: dict[str, Any], code: str | None) -> None:
    assert outcome(one) == ("selected", code)
    found = judge(one)
    assert found is not None
    assert found.becomes_refused == (code is not None)
    assert not found.becomes_allowed


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (refused("claimed-elsewhere", index_answered=None), "claimed-elsewhere"),
        (refused("claimed-elsewhere", "flask"), None),
        (refused("shadowed-name"), "claimed-elsewhere"),
        (refused("ambiguous-name", "flask"), None),
        (refused("unmatched-name", "flask", index_answered=None, versions=[]), None),
        (refused("unknown-index", "flask", "https://other.example/simple/"), "unknown-index"),
        (refused("redirected", index=CORP, index_answered=f"{MIRROR}acme-core/", versions=[]), "redirected"),
        (refused("redirected", "numpy", CORP, versions=[]), None),
        (refused("version-not-allowed", "numpy", CORP, offered=[file_of("numpy", "1.9", CORP)]), "version-not-allowed"),
        (
            refused("version-not-allowed", "numpy", CORP, offered=[file_of("numpy", v, CORP) for v in ("1.9", "2.0")]),
            None,
        ),
        (refused("file-elsewhere", index=CORP, offered=[file_of("acme-core", "1", MIRROR)]), "file-elsewhere"),
        (refused("entry-expired", "old", CORP), "entry-expired"),
        (refused("local-path", "x", "file:///src/x", index_answered=None), None),
        (refused("find-links", "flask", "https://files.example/flask-1.0.tar.gz", index_answered=None), None),
        (refused("find-links", "acme", "https://files.example/acme-1.0.tar.gz", index_answered=None), "direct-url"),
        (refused("direct-url", "acme", "https://files.example/acme-1.0.tar.gz", index_answered=None), "direct-url"),
        (by_key("direct-urls.requested", "https://files.example/flask-1.0.tar.gz"), None),
        (by_key("direct-urls.transitive", "https://files.example/flask-1.0.tar.gz"), "direct-url"),
        (by_key("direct-urls.transitive", "file:///src/flask"), "direct-url"),
        (refused("direct-url", "flask", "file:///src/flask", index_answered=None), "direct-url"),
        (refused("locked-link", "acme", "https://packages.corp.example/acme-1.0.tar.gz", index_answered=None), None),
    ],
)
def test_what_was_refused(one: dict[str, Any], code: str | None) -> None:
    assert outcome(one)[1] == code
    found = judge(one)
    assert found is not None
    assert found.becomes_allowed == (code is None)
    assert not found.becomes_refused


def test_what_a_layer_in_audit_mode_logged_is_neither() -> None:
    one = {**refused("claimed-elsewhere"), "event": "would-refuse"}
    assert outcome(one) == ("observed", "claimed-elsewhere")
    found = judge(one)
    assert found is not None
    assert not found.becomes_allowed
    assert not found.becomes_refused


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (refused("index-failed"), "an index did not answer"),
        (refused("name-mismatch"), "named another project"),
        (refused("index-not-configured", index=None), "which indexes pip was configured with"),
        (refused("unmatched-name", index=None), "which index was asked"),
        (refused("shadowed-name", index_asked="no url"), "which index was asked"),
        (refused("redirected", index=CORP, index_answered="https://a b/"), "which index answered"),
        (refused("shadowed-name", "not a name"), "names no project"),
        ({**refused("shadowed-name"), "name": None}, "names no project"),
        (refused("of-a-later-version"), "is not one that can be judged"),
        (refused("direct-url", "flask", "https://files.example/flask.zip", index_answered=None), "who gave the URL"),
        (refused("direct-url", "flask", None), "where the reference leads"),
        (event(1, "guard-failed", "guard-broken"), "the guard itself failed"),
        (selected(1, "acme-core", chosen=None), "the URL of the file"),
        (selected(1, "numpy", chosen=None, versions=[]), "the version of the file"),
    ],
)
def test_what_cannot_be_judged(one: dict[str, Any], reason: str) -> None:
    found = judge(one)
    assert found is not None
    assert found.unknown is not None
    assert reason in found.unknown
    assert not found.becomes_refused
    assert not found.becomes_allowed


def test_seal_decides_nothing() -> None:
    assert judge(sealed(1, 1)) is None


def test_policy_without_indexes_has_no_opinion_on_names() -> None:
    assert outcome(selected(1, "acme-core", index=MIRROR), "version = 1") == ("selected", None)
    found = judge(refused("ambiguous-name"), "version = 1")
    assert found is not None
    assert found.unknown is not None
    assert "the built-in rule holds" in found.unknown


def test_file_of_the_public_index_in_a_lock_is_not_judged() -> None:
    policy = 'version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = ["numpy"]'
    found = judge(refused("locked-link", "numpy", "https://files.example/numpy-1.0.whl", index_answered=None), policy)
    assert found is not None
    assert found.unknown is not None


def test_many_names() -> None:
    layer = Layer("file", "policy.toml", "", read_policy(POLICY.encode(), "policy.toml"))
    replay = Replay(layer, date(2026, 11, 26), find_location)
    found = [replay.judge(selected(1, f"n{number}", index=MIRROR)) for number in range(10_001)]
    assert {judgement.finding for judgement in found if judgement is not None} == {None}


SERVING = CASES["serving"]


def file_told(filename: str, **told: Any) -> dict[str, Any]:
    """Return a file of requests on the public index, as an event tells it."""
    url = f"https://files.example/{filename}"
    return {"version": "2.33.0", "file": filename, "hash": f"sha256:{'0' * 64}", "url": url, **told}


WHEEL, SDIST = "requests-2.33.0-py3-none-any.whl", "requests-2.33.0.tar.gz"


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (file_told(WHEEL, uploaded="2020-01-01T00:00:00Z"), None),
        (file_told(WHEEL, uploaded="2999-01-01T00:00:00Z"), "too-young"),
        (file_told(SDIST, uploaded="2020-01-01T00:00:00Z"), "format-not-allowed"),
        (file_told(WHEEL, uploaded="2020-01-01T00:00:00Z", hash=None), "hash-missing"),
    ],
)
def test_what_is_asked_of_files(file: dict[str, Any], code: str | None) -> None:
    chosen = {**file, "index": MIRROR, "origin": "own"}
    assert outcome(selected(1, "requests", "2.33.0", index=MIRROR, chosen=chosen), SERVING) == ("selected", code)
    one = refused("too-young", "requests", offered=[file], versions=["2.33.0"])
    assert outcome(one, SERVING) == ("too-young", code)


def test_what_the_log_does_not_tell_of_a_file() -> None:
    one = selected(1, "requests", "2.33.0", index=MIRROR, chosen={**file_told(WHEEL), "index": MIRROR, "origin": "own"})
    found = judge(one, SERVING)
    assert found is not None
    assert found.unknown == "the log does not tell when the file was uploaded, which `min-age` is about"


def test_status_is_read_from_the_key_that_refused() -> None:
    rule = {**RULE, "key": "status.quarantined"}
    file = file_told(WHEEL, uploaded="2020-01-01T00:00:00Z")
    one = refused("status", "requests", offered=[file], versions=["2.33.0"], rule=rule)
    assert outcome(one, SERVING) == ("status", "status")
    assert outcome(one, SERVING + '[status]\nquarantined = "off"\n') == ("status", None)


@pytest.mark.parametrize("kind", ["noticed", "waived"])
def test_what_was_only_told_decides_nothing(kind: str) -> None:
    assert judge(event(1, kind, "too-young", name="requests"), SERVING) is None
