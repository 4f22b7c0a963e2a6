"""The ledger inside pip: what one run has seen counts in the next, on real pips and real indexes that change meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from indexguard.ledger.store import Store
from integration.harness.dists import Dist
from integration.harness.pips import Environment
from integration.harness.scripted_index import Listed
from integration.machines.state import Ground, Pair, expect, plain_of

pytestmark = pytest.mark.usefixtures("no_policy_here")

_REMEMBERS = """
version = 1
[indexes.corp]
url = "{corp}"
namespaces = ["acme"]
[indexes.public]
url = "{public}"
public = true
packages = ["*"]
[ledger]
"""
_INSTALL = ("install", "acme-core==1.0", "--no-cache-dir", "--target", "{out}")


@pytest.fixture(params=("20.3.4", "21.3.1", "23.0.1", "25.0.1", "26.3"))
def plain(request: pytest.FixtureRequest) -> Environment:
    return plain_of(request.param)


def _ledger(ground: Ground) -> Path:
    return Path(ground.fill("{ground}/state/indexguard/ledger.db"))


def _upload_again(ground: Ground) -> Listed:
    """Have the index list another file under the name of the one that it has, and return that."""
    (before,) = [item for item in ground.corp.listed if item.dist.name == "acme-core"]
    other = Listed(Dist("acme-core", "1.0", "attacker"))
    assert other.dist.filename == before.dist.filename
    assert other.dist.sha256 != before.dist.sha256
    ground.corp.listed[ground.corp.listed.index(before)] = other
    return other


def test_a_file_that_is_uploaded_again_is_refused(pair: Pair, ground: Ground) -> None:
    ground.write_policy(_REMEMBERS)
    ground.corp.json_pages = True
    expect(ground.run(pair.guarded, *_INSTALL), exit=0, installed={"acme-core": "corp 1.0"})
    expect(ground.run(pair.guarded, *_INSTALL), exit=0, installed={"acme-core": "corp 1.0"})
    other = _upload_again(ground)
    expect(ground.run(pair.plain, *_INSTALL), exit=0, installed={"acme-core": "attacker 1.0"})
    refused = ground.run(pair.guarded, *_INSTALL)
    expect(refused, exit=1, installed={})
    assert "hash-changed" in refused.output, refused.report()
