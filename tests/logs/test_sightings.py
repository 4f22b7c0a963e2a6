"""What a log tells of files that were seen, and of which index."""

from __future__ import annotations

from typing import Any

import pytest

from indexguard.ledger.sighting import read_time
from indexguard.logs.sightings import read_sightings
from indexguard.policy.identity import PYPI, Location, find_location
from support.logged import CORP, event, file_of, selected


def locate(url: str) -> Location | None:
    return PYPI if url == "https://public.example/simple/" else find_location(url)


def dropped(code: str, **fields: Any) -> dict[str, Any]:
    return event(
        2, "dropped", code, name="acme-core", index_asked=CORP, offered=[file_of("acme-core", "2.0", CORP)], **fields
    )


def test_a_choice_is_a_sighting() -> None:
    (found,) = read_sightings([selected(61, "acme-core")], locate)
    assert found.as_record() == {
        "ledger": 1,
        "name": "acme-core",
        "version": "1.0",
        "file": "acme_core-1.0-py3-none-any.whl",
        "sha256": "0" * 64,
        "index": CORP,
        "first_seen": "2026-11-26T01:01:00Z",
        "attested": False,
    }


@pytest.mark.parametrize(
    ("index", "place"),
    [
        ("https://public.example/simple/", "pypi"),
        ("https://dl.example/{token}/org/simple/", "https://dl.example/{token}/org/simple/"),
        ("https://dl.example/%7Btoken%7D/org/simple", "https://dl.example/{token}/org/simple/"),
        ("HTTPS://Packages.Corp.Example:443/simple", CORP),
        ("file:///wheels/", None),
        ("nonsense", None),
    ],
)
def test_an_index_is_remembered_as_a_policy_writes_it(index: str, place: str | None) -> None:
    found = list(read_sightings([selected(1, "acme-core", index=index)], locate))
    assert [sighting.place for sighting in found] == ([] if place is None else [place])


def test_what_was_dropped_was_seen() -> None:
    (found,) = read_sightings([dropped("too-young")], locate)
    assert (found.version, found.place, found.first_seen) == ("2.0", CORP, read_time("2026-11-26T00:02:00Z"))


@pytest.mark.parametrize(
    "one",
    [
        dropped("hash-changed"),
        dropped("hash-mismatch"),
        dropped("too-young", drill=True),
        {**dropped("too-young"), "event": "shadowed"},
        {**dropped("too-young"), "event": "refused"},
        {**dropped("too-young"), "name": None},
        {**dropped("too-young"), "time": "yesterday"},
        {**dropped("too-young"), "index_asked": None},
        {**dropped("too-young"), "offered": [{"version": None, "file": 3}]},
        selected(1, "acme-core", chosen=None),
    ],
)
def test_what_is_no_witness_is_left_out(one: dict[str, Any]) -> None:
    assert list(read_sightings([one], locate)) == []


def test_a_hash_of_another_kind_is_none() -> None:
    chosen = {**file_of("acme-core", "1.0", CORP), "hash": f"md5:{'0' * 32}", "index": CORP}
    (found,) = read_sightings([selected(1, "acme-core", chosen=chosen)], locate)
    assert found.sha256 is None
