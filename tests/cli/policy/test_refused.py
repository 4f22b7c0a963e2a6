"""What ``explain`` and ``log replay`` say of denials and advisory records."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from integration.bench.advisories import make_record

from indexguard.advisories.opening import open_advisories
from indexguard.logs.replay import Replay
from indexguard.policy.identity import find_location
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy
from support.logged import event, file_of, selected
from support.shell import Shell

CORP = "https://corp.example/simple/"
PUBLIC = "https://public.example/simple/"
SHA256 = "ab" * 32
POLICY = f"""version = 1
[indexes.corp]
url = "{CORP}"
namespaces = ["acme"]
[indexes.public]
url = "{PUBLIC}"
public = true
packages = ["*"]
"""
DENY = '[[deny]]\npackages = ["acme-core<2", "evil"]\nreason = "SEC-7"\n'
RECORDS = '[advisories]\npaths = ["records.json"]\n'


def write_records(folder: Path) -> None:
    """Write records of two projects."""
    records = [
        make_record("gentle", "MAL-2026-1", ["1.1"]),
        make_record("acme-core", "MAL-2026-2", events=[{"introduced": "0"}], sha256=[SHA256]),
    ]
    (folder / "records.json").write_text(json.dumps(records))


@pytest.fixture
def explain(shell: Shell) -> Any:
    """Explain a name by the policy."""
    path = shell.policy(POLICY + DENY + RECORDS)
    write_records(path.parent)
    shell.configure(CORP, PUBLIC)
    return lambda *words: shell("explain", *words)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("evil",), 1, ["  denied      evil: SEC-7 (deny[0].packages[1])", "evil is refused (denied)"]),
        (("acme-core",), 0, ["acme-core<2: SEC-7 (deny[0].packages[0])", f"acme-core may come from {CORP}"]),
        (("acme-core", "--version", "1.0"), 1, ["1.0 is refused (denied)", "acme-core 1.0 is refused (denied)"]),
        (("acme-core", "--version", "2.0"), 0, ["of an own project of that name they say nothing", "2.0 is not"]),
        (("gentle",), 0, ["  records     MAL-2026-1 (advisories)"]),
        (("gentle", "--version", "1.1"), 1, ["1.1 is named by MAL-2026-1", "gentle 1.1 is refused (advisory)"]),
        (("gentle", "--version", "1.0"), 0, [f"gentle 1.0 may come from {PUBLIC}"]),
    ],
)
def test_explain(explain: Any, words: tuple[str, ...], code: int, says: list[str]) -> None:
    answer = explain(*words)
    assert (answer.code, answer.err) == (code, "")
    assert [it for it in says if it not in answer.out] == []


def test_explain_for_a_machine(explain: Any) -> None:
    (found,) = explain("gentle", "--version", "1.1", "--json").json["denied"]
    assert (found["code"], found["enforced"], found["key"], found["detail"]) == (
        "advisory", True, "advisories", "MAL-2026-1",
    )  # fmt: skip
    assert explain("gentle", "--json").json["denied"] == []


def test_records_that_cannot_be_read(shell: Shell) -> None:
    path = shell.policy(POLICY + RECORDS)
    (path.parent / "records.json").write_bytes(b"PK no zip")
    answer = shell("explain", "gentle", "--index", PUBLIC)
    assert answer.code == 2
    assert "advisories.paths" in answer.err


def refused(code: str, name: str, index: str | None, **fields: Any) -> dict[str, Any]:
    """Return an event of what was refused."""
    answered = None if index is None else f"{index}{name}/"
    return event(1, "dropped", code, **{"name": name, "index_asked": index, "index_answered": answered, **fields})


@pytest.mark.parametrize(
    ("one", "was", "code"),
    [
        (selected(1, "gentle", "1.1", index=PUBLIC), "selected", "advisory"),
        (selected(1, "gentle", "1.0", index=PUBLIC), "selected", None),
        (selected(1, "acme-core", "2.0", index=CORP), "selected", None),
        (selected(1, "acme-core", "1.0", index=CORP), "selected", "denied"),
        (
            selected(
                1, "gentle", "7", index=PUBLIC, chosen={**file_of("gentle", "7", PUBLIC), "hash": f"sha256:{SHA256}"}
            ),
            "selected",
            "advisory",
        ),
        (refused("denied", "gentle", PUBLIC, versions=["1.0"]), "denied", None),
        (refused("denied", "evil", PUBLIC, versions=["1.0"]), "denied", "denied"),
        (refused("advisory", "gentle", PUBLIC, versions=["1.1"]), "advisory", "advisory"),
        (
            refused("denied", "evil", "https://files.example/evil-1.0.tar.gz", index_answered=None, versions=["1.0"]),
            "denied",
            "denied",
        ),
        (
            refused("advisory", "gentle", "file:///tmp/gentle-1.1.tar.gz", index_answered=None, versions=["1.1"]),
            "advisory",
            "advisory",
        ),
        (
            refused("advisory", "gentle", "file:///tmp/gentle-1.0.tar.gz", index_answered=None, versions=["1.0"]),
            "advisory",
            None,
        ),
    ],
)
def test_replay(tmp_path: Path, one: dict[str, Any], was: str, code: str | None) -> None:
    write_records(tmp_path)
    path = str(tmp_path / "policy.toml")
    layer = Layer("file", path, "0" * 64, read_policy((POLICY + DENY + RECORDS).encode(), path))
    told: list[str] = []
    found = Replay(layer, date(2026, 11, 30), find_location, open_advisories(layer, told.append)).judge(one)
    assert found is not None
    assert (found.was, found.finding and found.finding.code, found.unknown) == (was, code, None)
    assert told == []
